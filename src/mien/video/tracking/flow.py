"""Move faces from one frame to the next by optical flow, which is cheaper than detecting them again.

This module knows pixels and boxes only. Its accuracy was measured: docs/video.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.detection.detections import Detections

Pixels = npt.NDArray[np.uint8]

SIDE = 64
"""Pixels to which a larger face is scaled before its motion is measured."""
GRID = 6
"""Side of the grid of points on a face that are tracked."""
WINDOW, LEVELS = (11, 11), 2
"""Window of the Lucas-Kanade method in pixels, and the levels of its pyramid."""
LEAST_POINTS = 0.5
"""Least share of the points that must return to their start when tracked backward; otherwise the face is lost."""
BACK = 1.0
"""Most pixels, at that scale, by which a returned point may miss its start."""


class FaceFlow:
    """Move faces from frame to frame; it keeps the last frame in gray."""

    def __init__(self) -> None:
        self.last: Pixels | None = None

    def remember(self, image: Pixels) -> None:
        """Store the frame, RGB uint8 (H, W, 3), from which the next faces are moved."""
        self.last = gray(image)

    def move(self, faces: Detections, image: Pixels) -> tuple[Detections, npt.NDArray[np.bool_]]:
        """Move the faces of the last frame into this one, which then becomes the last.

        Boxes and landmarks are moved, scaled and rotated together, by the motion of most points on the face.

        Args:
            faces: the faces of the last frame.
            image: this frame, RGB uint8 (H, W, 3).

        Returns:
            The faces, and which of them are lost, bool (n,); a lost face keeps its position and must not be reported.
        """
        last, self.last = self.last, gray(image)
        return (faces, np.ones(len(faces), np.bool_)) if last is None else move_faces(faces, last, self.last)


def move_faces(faces: Detections, last: Pixels, now: Pixels) -> tuple[Detections, npt.NDArray[np.bool_]]:
    """Move faces from one gray picture into another.

    Args:
        faces: the faces of the first picture.
        last: the first picture, uint8 (H, W).
        now: the second picture, uint8 (H, W).

    Returns:
        The faces in the second picture, and which of them are lost, bool (n,).
    """
    boxes, landmarks, lost = faces.boxes.copy(), faces.landmarks.copy(), np.ones(len(faces), np.bool_)
    if last.shape != now.shape:
        return faces, lost
    for row, box in enumerate(faces.boxes):
        move = _movement(last, now, box)
        if move is None:
            continue
        turned = move[:, :2] @ box.reshape(2, 2).T.mean(axis=1) + move[:, 2]
        half = (box[2:] - box[:2]) / 2 * np.sqrt(abs(np.linalg.det(move[:, :2])))
        boxes[row] = np.concatenate([turned - half, turned + half])
        landmarks[row] = landmarks[row] @ move[:, :2].T + move[:, 2]
        lost[row] = False
    height, width = now.shape
    boxes = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
    sides, before = boxes[:, 2:] - boxes[:, :2], faces.boxes[:, 2:] - faces.boxes[:, :2]
    lost |= (sides < 0.6 * before).any(axis=1)  # half out of the picture
    boxes[lost] = faces.boxes[lost]
    return replace(faces, boxes=boxes, landmarks=landmarks), lost


def gray(image: Pixels) -> Pixels:
    """Return an RGB picture (H, W, 3) in gray (H, W)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _movement(last: Pixels, now: Pixels, box: npt.NDArray[np.float32]) -> npt.NDArray[np.float64] | None:
    """Return the similarity transform (2, 3) of a face from one picture to the other; None if the face is lost."""
    sides = box[2:] - box[:2]
    margin = 0.5 * float(max(sides))
    height, width = last.shape
    low = np.maximum(np.floor(box[:2] - margin), 0).astype(int)
    high = np.minimum(np.ceil(box[2:] + margin), [width, height]).astype(int)
    if (high - low < 8).any():
        return None
    scale = min(1.0, SIDE / float(max(sides)))
    size = tuple(int(side) for side in np.maximum(8, np.round((high - low) * scale)))
    before, after = (
        cv2.resize(picture[low[1] : high[1], low[0] : high[0]], size, interpolation=cv2.INTER_AREA)
        for picture in (last, now)
    )
    factors = np.array(size) / (high - low)
    steps = (np.arange(GRID) + 0.5) / GRID
    inner = box[:2] + sides * (0.1 + 0.8 * np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2))
    points = ((inner - low) * factors).astype(np.float32)[:, None]
    # OpenCV takes None for points to be found; its type hints do not.
    flow: Any = cv2.calcOpticalFlowPyrLK
    moved, there, _ = flow(before, after, points, None, winSize=WINDOW, maxLevel=LEVELS)
    again, back, _ = flow(after, before, moved, None, winSize=WINDOW, maxLevel=LEVELS)
    returned = np.linalg.norm(again - points, axis=2)[:, 0]
    kept = (there[:, 0] == 1) & (back[:, 0] == 1) & (returned < BACK)
    if kept.mean() < LEAST_POINTS:
        return None
    source, target = points[kept, 0] / factors + low, moved[kept, 0] / factors + low
    found, agreed = cv2.estimateAffinePartial2D(source, target, method=cv2.RANSAC, ransacReprojThreshold=1.5 / scale)
    if found is None or agreed.mean() < LEAST_POINTS or not 0.7 < np.linalg.norm(found[:, 0]) < 1.4:
        return None
    return np.asarray(found, np.float64)
