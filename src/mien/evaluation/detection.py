"""How well face finders find: which boxes are right, recall and precision, by size of face, with intervals.

Knows boxes and scores; nothing of pictures or finders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.errors import InputError

FloatArray = npt.NDArray[np.float32]

OVERLAP = 0.35
"""A found box is right where it overlaps a face's more than that (IoU)."""

RIGHT, WRONG, UNCOUNTED = 1, 0, -1


@dataclass(frozen=True, eq=False)
class Findings:
    """What a finder found in pictures, beside what is there; n boxes found, m faces.

    scores     float32 (n,)  of the boxes found
    verdicts   int8 (n,)     1 right, 0 wrong, -1 in a doubt's place
    pictures   int64 (n,)    the picture of each box
    found_at   float32 (m,)  the score at which each face is found, -1 where it is not
    sizes      float32 (m,)  each face's size, the root of its box's area
    owners     int64 (m,)    the picture of each face
    """

    scores: FloatArray
    verdicts: npt.NDArray[np.int8]
    pictures: npt.NDArray[np.int64]
    found_at: FloatArray
    sizes: FloatArray
    owners: npt.NDArray[np.int64]

    def recall(self, threshold: float, low: float = 0.0, high: float = np.inf) -> float:
        """Return the share of the faces of some sizes that are found at a threshold; NaN where there are none."""
        rows = (self.sizes >= low) & (self.sizes < high)
        return float((self.found_at[rows] >= threshold).mean()) if rows.any() else float("nan")

    def precision(self, threshold: float) -> float:
        """Return the share of the boxes found at a threshold that are right; 1 where none are found."""
        counted = (self.verdicts != UNCOUNTED) & (self.scores >= threshold)
        return float(self.verdicts[counted].mean()) if counted.any() else 1.0

    def wrong(self, threshold: float) -> int:
        """Return the number of wrong boxes at a threshold."""
        return int(((self.verdicts == WRONG) & (self.scores >= threshold)).sum())

    def threshold_for(self, precision: float) -> float:
        """Return the lowest threshold from which on the precision is at least so high."""
        counted = self.verdicts != UNCOUNTED
        order = np.argsort(-self.scores[counted], kind="stable")
        scores, right = self.scores[counted][order], self.verdicts[counted][order]
        reached = np.flatnonzero(np.cumsum(right) / np.arange(1, len(right) + 1) >= precision)
        return float(scores[reached[-1]]) if len(reached) else float("inf")

    def average_precision(self) -> float:
        """Return the area under precision over recall, each precision being the best at that recall or a higher one."""
        counted = self.verdicts != UNCOUNTED
        right = self.verdicts[counted][np.argsort(-self.scores[counted], kind="stable")]
        if not len(self.found_at) or not right.any():
            return 0.0
        precision = np.cumsum(right) / np.arange(1, len(right) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        return float(best[right == RIGHT].sum() / len(self.found_at))


def judge(
    found: Sequence[tuple[FloatArray, FloatArray]],
    faces: Sequence[FloatArray],
    doubts: Sequence[FloatArray],
    overlap: float = OVERLAP,
) -> Findings:
    """Judge the boxes and scores found in each picture by its faces' boxes and by the places of doubt."""
    if not len(found) == len(faces) == len(doubts):
        raise InputError(
            f"expected found boxes, faces and doubts of the same pictures, got {len(found)}, {len(faces)} and "
            f"{len(doubts)}"
        )
    parts = [judge_picture(*row, overlap) for row in zip(found, faces, doubts, strict=True)]
    scores = [scores for _, scores in found]
    return Findings(
        scores=np.concatenate([*scores, np.zeros(0, np.float32)]),
        verdicts=np.concatenate([*(verdicts for verdicts, _ in parts), np.zeros(0, np.int8)]),
        pictures=np.repeat(np.arange(len(found)), [len(part) for part in scores]),
        found_at=np.concatenate([*(at for _, at in parts), np.zeros(0, np.float32)]),
        sizes=np.concatenate([*(sizes_of(boxes) for boxes in faces), np.zeros(0, np.float32)]),
        owners=np.repeat(np.arange(len(faces)), [len(part) for part in faces]),
    )


def judge_picture(
    found: tuple[FloatArray, FloatArray], faces: FloatArray, doubts: FloatArray, overlap: float
) -> tuple[npt.NDArray[np.int8], FloatArray]:
    """Return a verdict for each found box, and for each face the score at which it is found, or -1.

    Boxes choose in the order of their scores; a second box on a face is wrong. A box of which more than half lies in a
    doubt's place does not count.
    """
    boxes, scores = found
    verdicts = np.zeros(len(boxes), np.int8)
    found_at = np.full(len(faces), -1, np.float32)
    shared = overlaps(boxes, faces)
    doubtful = inside_share(boxes, doubts).max(axis=1, initial=0.0) > 0.5
    doubtful |= overlaps(boxes, doubts).max(axis=1, initial=0.0) > overlap
    for row in np.argsort(-scores, kind="stable"):
        free = np.where(found_at < 0, shared[row], 0)
        if len(free) and free.max() > overlap:
            verdicts[row] = RIGHT
            found_at[int(free.argmax())] = scores[row]
        elif doubtful[row]:
            verdicts[row] = UNCOUNTED
    return verdicts, found_at


def overlaps(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Return the IoU (n, m) of boxes (n, 4) with others (m, 4)."""
    shared = _shared(boxes, others)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None] + (others[:, 2:] - others[:, :2]).prod(axis=1)[None]
    result: FloatArray = shared / np.maximum(areas - shared, 1e-9)
    return result


def inside_share(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Return the share (n, m) of each box that lies in each of the others."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None]
    result: FloatArray = _shared(boxes, others) / np.maximum(areas, 1e-9)
    return result


def _shared(boxes: FloatArray, others: FloatArray) -> FloatArray:
    upper = np.maximum(boxes[:, None, :2], others[None, :, :2])
    lower = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    result: FloatArray = np.clip(lower - upper, 0, None).prod(axis=2)
    return result


def sizes_of(boxes: FloatArray) -> FloatArray:
    """Return the root of each box's area."""
    result: FloatArray = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)).astype(np.float32)
    return result


def recall_gap(
    first: Findings,
    second: Findings,
    thresholds: tuple[float, float],
    *,
    sizes: tuple[float, float] = (0.0, np.inf),
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return the second's recall less the first's, with a 95 % interval (paired bootstrap over pictures).

    Only faces of some sizes count; NaN where there are none.
    """
    rows = (first.sizes >= sizes[0]) & (first.sizes < sizes[1])
    if not rows.any():
        return float("nan"), float("nan"), float("nan")
    gain = (second.found_at[rows] >= thresholds[1]).astype(float) - (first.found_at[rows] >= thresholds[0])
    _, owners = np.unique(first.owners[rows], return_inverse=True)
    pictures = int(owners.max()) + 1
    sums, counts = np.bincount(owners, gain, pictures), np.bincount(owners, minlength=pictures)
    drawn = np.random.default_rng(seed).integers(0, pictures, (draws, pictures))
    low, high = np.percentile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [2.5, 97.5])
    return float(gain.mean()), float(low), float(high)
