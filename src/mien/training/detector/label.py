"""Boxes and landmarks that several teachers agree on; where they do not, neither face nor background.

Knows the teachers' rows; the pictures and the finders are `teachers`'.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.evaluation.detection import overlaps
from mien.training.detector.data import FaceScenes

FloatArray = npt.NDArray[np.float32]

BOX, POINTS, SCORE = slice(2, 6), slice(6, 16), 16
"""Columns of a teacher's row, after the teacher's number and the view's."""


@dataclass(frozen=True)
class Agreement:
    """When teachers' answers are a face, and when they are only a doubt.

    sure      the least score of each teacher for a face
    doubt     the least score of each teacher for a doubt where others see something too; what is below is background
    alone     the least score of a teacher for a doubt where no other sees anything
    alone_large  the same for what is at least `large` pixels: what the others miss there is hardly ever a face
    large     pixels of the shorter side of a box
    overlap   boxes that overlap more (IoU) are one face
    smallest  the shorter side of a face's box in pixels; smaller ones are doubts
    """

    sure: tuple[float, ...] = (0.3, 0.5)
    doubt: tuple[float, ...] = (0.2, 0.35)
    alone: tuple[float, ...] = (0.3, 0.45)
    alone_large: tuple[float, ...] = (0.5, 0.7)
    large: float = 20.0
    overlap: float = 0.45
    smallest: float = 5.0


USUAL = Agreement()
"""For CenterFace and YuNet-n, in this order."""


@dataclass(frozen=True)
class Labels:
    """The labels of one picture, n of them.

    boxes      float32 (n, 4)   xyxy in pixels; may reach beyond the picture
    landmarks  float32 (n, 10)  x, y of left eye, right eye, nose, left and right mouth corner as they lie there
    scores     float32 (n,)     the mean of the teachers' scores
    ignored    bool (n,)        neither face nor background
    """

    boxes: FloatArray
    landmarks: FloatArray
    scores: FloatArray
    ignored: npt.NDArray[np.bool_]


def merge(rows: FloatArray, agreement: Agreement = USUAL) -> Labels:
    """Merge the teachers' rows (n, 17) of one picture: teacher, view, box, five landmarks, score."""
    teachers = len(agreement.sure)
    found = [join_views(rows[rows[:, 0] == k], agreement) for k in range(teachers)]
    groups = [group for group in _groups(found, agreement.overlap) if not _negligible(group, found, agreement)]
    merged = np.zeros((len(groups), 15), np.float32)
    ignored = np.ones(len(groups), bool)
    for number, group in enumerate(groups):
        members = np.stack([found[teacher][row] for teacher, row in group])
        merged[number] = members[:, 2:].mean(axis=0)
        sure = len(group) == teachers and all(
            member[SCORE] >= agreement.sure[teacher] for (teacher, _), member in zip(group, members, strict=True)
        )
        sides = merged[number, 2:4] - merged[number, :2]
        ignored[number] = not (sure and sides.min() >= agreement.smallest)
    return Labels(merged[:, :4], merged[:, 4:14], merged[:, 14], ignored)


def _negligible(group: list[tuple[int, int]], found: list[FloatArray], agreement: Agreement) -> bool:
    """Tell whether only one teacher sees something, and hardly."""
    teacher, row = group[0]
    member = found[teacher][row]
    large = min(member[4] - member[2], member[5] - member[3]) >= agreement.large
    least = (agreement.alone_large if large else agreement.alone)[teacher]
    return len(group) == 1 and bool(member[SCORE] < least)


def join_views(rows: FloatArray, agreement: Agreement) -> FloatArray:
    """Join what one teacher sees of each face in several views: mean box and landmarks, the best score."""
    if not len(rows):
        return rows
    rows = rows[rows[:, SCORE] >= agreement.doubt[int(rows[0, 0])]]
    rows = rows[np.argsort(-rows[:, SCORE], kind="stable")]
    joined = []
    while len(rows):
        same = overlaps(rows[:1, BOX], rows[:, BOX])[0] > agreement.overlap
        same[0] = True
        members = rows[same]
        weights = members[:, SCORE] / members[:, SCORE].sum()
        mean = (members * weights[:, None]).sum(axis=0)
        mean[[0, SCORE]] = members[0, [0, SCORE]]
        joined.append(mean)
        rows = rows[~same]
    return np.array(joined, np.float32).reshape(-1, 17)


def _groups(found: list[FloatArray], overlap: float) -> list[list[tuple[int, int]]]:
    """Pair every teacher's faces with those of the teachers before it, the best overlap first."""
    groups: list[list[tuple[int, int]]] = []
    for teacher, rows in enumerate(found):
        if not groups or not len(rows):
            groups += [[(teacher, row)] for row in range(len(rows))]
            continue
        boxes = np.stack([found[group[0][0]][group[0][1], BOX] for group in groups])
        shared = overlaps(boxes, rows[:, BOX])
        taken = set()
        for flat in np.argsort(-shared, axis=None, kind="stable"):
            group, row = np.unravel_index(flat, shared.shape)
            if shared[group, row] <= overlap:
                break
            if row not in taken and all(member[0] != teacher for member in groups[group]):
                groups[group].append((teacher, int(row)))
                taken.add(row)
        groups += [[(teacher, row)] for row in range(len(rows)) if row not in taken]
    return groups


def label(seen: Iterable[tuple[Path, FloatArray]], agreement: Agreement = USUAL) -> tuple[FaceScenes, FloatArray]:
    """Return the labels of pictures with their teachers' rows, and the labels' scores (m,)."""
    pictures, scores = [], [np.zeros(0, np.float32)]
    for file, rows in seen:
        labels = merge(rows, agreement)
        pictures.append((file, np.concatenate([labels.boxes, labels.landmarks, labels.ignored[:, None]], axis=1)))
        scores.append(labels.scores)
    return FaceScenes.of(pictures), np.concatenate(scores)
