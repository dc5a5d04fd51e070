"""Pictures for tests of the recognizer."""

from __future__ import annotations

import cv2
import numpy as np


def scaled(image: np.ndarray, factor: float) -> np.ndarray:
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def gray_picture(value: int) -> np.ndarray:
    return np.full((60, 50, 3), value, np.uint8)
