"""Detect faces: the interface of detectors, a registry by name, and one module for each detector."""

DEFAULT_DETECTOR = "mien-face"
