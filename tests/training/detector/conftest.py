"""Pictures with drawn faces, which a tiny network can learn: no data set, no network access."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.training.detector.data import FaceScenes
from mien.training.detector.pictures import Pictures

SKIN, DARK = (220, 180, 150), (40, 30, 30)


def draw_face(image: np.ndarray, x: float, y: float, side: float) -> np.ndarray:
    """Draw a face about (x, y) and return its row: box, five landmarks, not ignored."""
    half = side / 2
    points = np.array([[-0.4, -0.3], [0.4, -0.3], [0, 0.1], [-0.3, 0.5], [0.3, 0.5]]) * half + (x, y)
    cv2.ellipse(image, (round(x), round(y)), (round(0.9 * half), round(half)), 0, 0, 360, SKIN, -1)
    for point in points:
        cv2.circle(image, (round(point[0]), round(point[1])), max(1, round(side / 12)), DARK, -1)
    box = [x - 0.9 * half, y - half, x + 0.9 * half, y + half]
    return np.array([*box, *points.reshape(-1), 0], np.float32)


@pytest.fixture
def scenes(tmp_path: Path) -> FaceScenes:
    """Six pictures of 200x160 with one or two faces, and two without."""
    rng = np.random.default_rng(0)
    parts = []
    for number in range(8):
        image = rng.integers(0, 90, (160, 200, 3), np.uint8)
        rows = [draw_face(image, 60, 80, 40 + 4 * number)] if number < 6 else []
        if number < 3:
            rows.append(draw_face(image, 150, 60, 30))
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), image[..., ::-1])
        parts.append((path, np.array(rows, np.float32).reshape(-1, 15)))
    return FaceScenes.of(parts)


@pytest.fixture
def pictures(scenes: FaceScenes) -> Pictures:
    """The scenes in memory."""
    return Pictures.load(scenes)
