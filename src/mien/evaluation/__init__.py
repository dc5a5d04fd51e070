"""Evaluate models on labelled faces: metrics, calibration, robustness and comparison."""
