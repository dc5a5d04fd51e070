"""Evaluation: metrics, calibration, robustness and comparison of models on labelled faces."""
