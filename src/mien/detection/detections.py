"""Define the result of face detectors (`Detections`) and their interface (`Detector`).

Knows pixels and boxes, nothing of emotions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mien.errors import DetectorError, describe_value

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Detections:
    """Hold the n faces that were detected in one picture.

    Attributes:
        boxes: left, top, right, bottom in pixels, float32 (n, 4), finite; detectors return them inside the picture.
        scores: the detector's confidence, float32 (n,), 0 to 1.
        landmarks: x, y in pixels of left eye, right eye, nose, left and right mouth corner, float32 (n, 5, 2), where
            left is left in the picture; NaN if the detector has none.
        are_frames: the boxes are not face boxes but frames around faces, like FER2013's pictures.

    Raises:
        DetectorError: the arrays are not of this kind.
    """

    boxes: FloatArray
    scores: FloatArray
    landmarks: FloatArray
    are_frames: bool = False

    def __post_init__(self) -> None:
        n = len(self.boxes)
        for name, shape in {"boxes": (n, 4), "scores": (n,), "landmarks": (n, 5, 2)}.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float32:
                raise DetectorError(f"Detections.{name}: expected float32 {shape}, got {describe_value(array)}")
        if not np.isfinite(self.boxes).all() or (self.boxes[:, 2:] < self.boxes[:, :2]).any():
            raise DetectorError(
                "detections: expected finite boxes as left, top, right, bottom, not x, y, width, height"
            )
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise DetectorError(f"detections: expected scores from 0 to 1, got {self.scores}")

    def __len__(self) -> int:
        return len(self.boxes)

    def select(self, rows: npt.NDArray[Any]) -> Detections:
        """Return the faces of a mask, or of indices in their order."""
        return replace(self, boxes=self.boxes[rows], scores=self.scores[rows], landmarks=self.landmarks[rows])

    def clip_to(self, image: Pixels) -> Detections:
        """Return the detections with boxes clipped to the picture, without those outside it."""
        height, width = image.shape[:2]
        boxes = np.clip(self.boxes, 0, np.array([width, height, width, height], np.float32))
        kept = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        return replace(self, boxes=boxes).select(kept)

    @classmethod
    def of_boxes(cls, boxes: npt.NDArray[Any]) -> Detections:
        """Make detections of boxes (n, 4) xyxy, or (n, 5) with the score last, without landmarks.

        Raises:
            DetectorError: the array has another shape.
        """
        try:
            boxes = np.asarray(boxes, np.float32)
        except (TypeError, ValueError) as error:
            raise DetectorError(f"detector: expected Detections or boxes (n, 4) xyxy, got {boxes!r}") from error
        if boxes.size == 0:
            boxes = boxes.reshape(0, 4)
        if boxes.ndim != 2 or boxes.shape[1] not in (4, 5):
            raise DetectorError(f"detector: expected boxes (n, 4) xyxy, or (n, 5) with scores, got {boxes.shape}")
        scores = boxes[:, 4].copy() if boxes.shape[1] == 5 else np.ones(len(boxes), np.float32)
        return cls(boxes[:, :4].copy(), scores, np.full((len(boxes), 5, 2), np.nan, np.float32))


class Detector(Protocol):
    """Define a face detector: RGB uint8 (H, W, 3) in, `Detections` out."""

    def __call__(self, image: Pixels) -> Detections: ...


def non_maximum_suppression(boxes: FloatArray, scores: FloatArray, overlap: float) -> npt.NDArray[np.int64]:
    """Suppress non-maximal boxes: a box that overlaps a better one by an IoU above `overlap` is dropped.

    Args:
        boxes: float32 (n, 4), xyxy.
        scores: float32 (n,).
        overlap: largest accepted IoU, 0 to 1.

    Returns:
        The indices to keep, int64, best first.
    """
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        upper = np.maximum(boxes[best, :2], boxes[order, :2])
        lower = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.clip(lower - upper, 0, None).prod(axis=1)
        order = order[shared / (areas[best] + areas[order] - shared) <= overlap]
    return np.array(kept, np.int64)
