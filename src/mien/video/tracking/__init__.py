"""Tracking: which face belongs to which person from frame to frame, and emotions averaged in time."""
