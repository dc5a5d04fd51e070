"""The detector for pictures that are one face each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.detection.detections import Detections, Pixels


class WholeImage:
    """Every picture is one face, framed as FER2013 frames faces: data sets of ready-made crops."""

    def __init__(self, *, size: int = 0, threshold: float = 0.0, threads: int = 0) -> None:
        del size, threshold, threads

    def __call__(self, image: Pixels) -> Detections:
        whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
        return replace(Detections.of_boxes(whole), are_frames=True)
