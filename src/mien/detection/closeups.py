"""Detect faces that fill the picture, which detectors miss or see in parts, by a second detection in a smaller picture.

Knows detectors and pixels, nothing of a certain detector.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mien.detection.detections import Detections, Detector, FloatArray, Pixels

CLOSE_UP = 0.4
"""A face is large if its longer side is at least this share of the picture's longer side."""

SECOND_SIDE = 256
"""Pixels of the longer side of the picture in the second detection, without its border."""

BORDER = 0.25
"""Width of the border around it, as a share of its longer side: detectors expect something around a face."""

INSIDE = 0.5
"""A box of the first detection is a part of a large face if at least this share of its area is inside that face."""


def detect_at_all_sizes(detector: Detector, image: Pixels) -> Detections:
    """Detect faces, and detect again in a small picture with a border where the first result may be wrong.

    The second detection is made if the first finds nothing, or a face as large as CLOSE_UP. Its large faces replace
    what the first found inside them; all other faces are those of the first. A detector whose attribute
    `detects_closeups` is true does the like itself, and is called once.

    Args:
        detector: the detector.
        image: RGB uint8 (H, W, 3).
    """
    first = detector(image)
    if first.are_frames or getattr(detector, "detects_closeups", False):
        return first
    if len(first) and _longer_sides(first).max() < CLOSE_UP * max(image.shape[:2]):
        return first
    second = _detect_small(detector, image)
    second = second.select(_longer_sides(second) >= CLOSE_UP * max(image.shape[:2]))
    if not len(second):
        return first
    rest = first.select(_share_inside(first.boxes, second.boxes).max(axis=1, initial=0.0) < INSIDE)
    return Detections(
        np.concatenate([second.boxes, rest.boxes]),
        np.concatenate([second.scores, rest.scores]),
        np.concatenate([second.landmarks, rest.landmarks]),
    )


def _detect_small(detector: Detector, image: Pixels) -> Detections:
    """Detect in a picture of SECOND_SIDE pixels with a border, and return the faces in the original's pixels."""
    scale = SECOND_SIDE / max(image.shape[:2])
    width, height = (max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    border = round(BORDER * SECOND_SIDE)
    found = detector(cv2.copyMakeBorder(small, border, border, border, border, cv2.BORDER_CONSTANT))  # type: ignore[arg-type]
    factors = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
    shift = np.float32(border)
    return Detections(
        (found.boxes - shift) * np.tile(factors, 2), found.scores, (found.landmarks - shift) * factors
    ).clip_to(image)


def _longer_sides(faces: Detections) -> FloatArray:
    """Return the longer side of each box in pixels, float32 (n,)."""
    return (faces.boxes[:, 2:] - faces.boxes[:, :2]).max(axis=1, initial=0.0)  # type: ignore[no-any-return]


def _share_inside(boxes: FloatArray, large: FloatArray) -> npt.NDArray[np.float32]:
    """Return the share of each box's area that is inside each large box, float32 (n, m)."""
    upper = np.maximum(boxes[:, None, :2], large[None, :, :2])
    lower = np.minimum(boxes[:, None, 2:], large[None, :, 2:])
    shared = np.clip(lower - upper, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.asarray(shared / np.maximum(areas, 1e-6)[:, None], np.float32)
