"""Faces carried from one picture to the next by what moved in them: cheaper than finding them again.

Knows pixels and boxes only. How far it may be trusted was measured: docs/video.md.
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
"""Pixels that a face is scaled to, if it is larger, before its movement is measured."""
GRID = 6
"""Points on a face, squared."""
WINDOW, LEVELS = (11, 11), 2
"""Pixels that are compared around a point, and how often they are halved to find large movements."""
LEAST_POINTS = 0.5
"""Share of the points that must come back to where they were when they are followed back; or else the face is lost."""
BACK = 1.0
"""Pixels at that scale by which a point may miss its start."""


class FaceFlow:
    """Keeps the last picture, in gray, and carries faces from it into the next."""

    def __init__(self) -> None:
        self.last: Pixels | None = None

    def remember(self, image: Pixels) -> None:
        """The picture RGB uint8 (H, W, 3) that the next faces to be carried are of."""
        self.last = gray(image)

    def move(self, faces: Detections, image: Pixels) -> tuple[Detections, npt.NDArray[np.bool_]]:
        """Return the last picture's faces where they are in this one, which becomes the last; and which are lost.

        Boxes and landmarks are moved, scaled and turned together by what most points on the face did. A lost face
        stays where it was in the answer; it must not be reported.
        """
        last, self.last = self.last, gray(image)
        return (faces, np.ones(len(faces), np.bool_)) if last is None else move_faces(faces, last, self.last)


def move_faces(faces: Detections, last: Pixels, now: Pixels) -> tuple[Detections, npt.NDArray[np.bool_]]:
    """The faces of a gray picture where they are in another, uint8 (H, W) both; and which were lost, (n,)."""
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
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _movement(last: Pixels, now: Pixels, box: npt.NDArray[np.float32]) -> npt.NDArray[np.float64] | None:
    """The similarity (2, 3) that takes the face's pixels from one picture to the other; None if it was lost."""
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
