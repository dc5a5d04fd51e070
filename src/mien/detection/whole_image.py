"""Define the detector for pictures that are one face each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.detection.detections import Detections, Pixels


class WholeImage:
    """Return every picture as one face, framed like FER2013's: for data sets of cropped faces."""

    def __init__(self, *, size: int = 0, threshold: float = 0.0, threads: int = 0) -> None:
        del size, threshold, threads

    def __call__(self, image: Pixels) -> Detections:
        """Return one detection that covers the whole picture."""
        whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
        return replace(Detections.of_boxes(whole), are_frames=True)
