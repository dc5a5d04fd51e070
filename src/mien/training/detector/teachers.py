"""Detect faces with teachers: face detectors that are run on a picture at several sizes and mirrored.

This module knows detectors and pictures; `label` merges their detections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mien.detection.centerface import CenterFace
from mien.detection.detections import Detections, Detector, non_maximum_suppression
from mien.errors import DataError, DetectorError
from mien.files import replacing
from mien.runtimes.onnx import make_session

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

MIRRORED_POINTS = [1, 0, 2, 4, 3]
"""The five landmarks of a mirrored face in their usual order: left and right change places."""

LOWEST_SCORE = 0.15

PART = 50
"""Pictures after which what was seen is written down."""


@dataclass(frozen=True)
class View:
    """Define one version of a picture that a teacher is run on.

    size      the longer side of what the teacher sees, in pixels; pictures are enlarged for it too
    mirrored  left and right change places
    margin    gray border on each side, as a share of the longer side; close-ups need one
    """

    size: int
    mirrored: bool = False
    margin: float = 0.0

    def picture(self, image: Pixels) -> tuple[Pixels, float, int]:
        """Return the picture as the teacher sees it, its scale, and the width of its border in pixels."""
        longer = max(image.shape[:2])
        scale = self.size / (longer * (1 + 2 * self.margin))
        border = round(self.margin * longer * scale)
        width, height = (max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        seen = cv2.resize(image, (width, height), interpolation=how)
        seen = cv2.copyMakeBorder(seen, border, border, border, border, cv2.BORDER_CONSTANT, value=(114, 114, 114))
        return np.ascontiguousarray(seen[:, ::-1] if self.mirrored else seen), scale, border

    def look(self, teacher: Detector, image: Pixels) -> Detections:
        """Return what a teacher finds in this view, in pixels of the original picture."""
        seen, scale, border = self.picture(image)
        found = teacher(seen)
        boxes, landmarks = found.boxes.copy(), found.landmarks.copy()
        if self.mirrored:
            width = seen.shape[1]
            boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
            landmarks[..., 0] = width - landmarks[..., 0]
            landmarks = landmarks[:, MIRRORED_POINTS]
        return Detections((boxes - border) / np.float32(scale), found.scores, (landmarks - border) / np.float32(scale))


@dataclass(frozen=True)
class Teacher:
    """Hold a face detector and the views of each picture that it is run on."""

    finder: Detector
    views: tuple[View, ...]


class YuNetN:
    """YuNet-n (Wu et al. 2023) of libfacedetection.train on ONNX Runtime, from a file of its three strides' outputs."""

    STRIDES = (8, 16, 32)
    MULTIPLE = 32
    OVERLAP = 0.45

    def __init__(self, file: str | Path, *, size: int = 4096, threshold: float = 0.5, threads: int = 0) -> None:
        path = Path(file)
        if not path.is_file():
            raise DetectorError(f"teacher {path}: expected an ONNX file of YuNet, got no file. Check the path")
        self.size, self.threshold = size, threshold
        self._session = make_session(path.read_bytes(), threads=threads)

    def __call__(self, image: Pixels) -> Detections:
        """Find faces in an RGB picture; one that is larger than `size` is scaled down for it."""
        scale = min(1.0, self.size / max(image.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) if scale < 1 else image
        padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32, 3), np.float32)
        padded[:height, :width] = small[..., ::-1]
        names = [f"{part}_{stride}" for stride in self.STRIDES for part in ("cls", "obj", "bbox", "kps")]
        outputs = self._session.run(names, {"input": padded.transpose(2, 0, 1)[None]})
        parts = [
            self._decode(stride, padded.shape[1] // stride, *(part[0] for part in outputs[4 * k : 4 * k + 4]))
            for k, stride in enumerate(self.STRIDES)
        ]
        boxes, scores, points = (np.concatenate(part) for part in zip(*parts, strict=True))
        factors = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
        found = Detections(boxes * np.tile(factors, 2), scores, points * factors)
        return found.select(non_maximum_suppression(found.boxes, found.scores, self.OVERLAP))

    def _decode(
        self, stride: int, columns: int, cls: FloatArray, obj: FloatArray, boxes: FloatArray, points: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return boxes, scores and landmarks of one stride's cells above the threshold."""
        scores: FloatArray = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        rows = np.flatnonzero(scores > self.threshold)
        cells = np.stack([rows % columns, rows // columns], axis=1).astype(np.float32)
        middle = (cells + boxes[rows, :2]) * stride
        extent = np.exp(boxes[rows, 2:]) * stride
        landmarks = (points[rows].reshape(-1, 5, 2) + cells[:, None]) * stride
        corners = np.concatenate([middle - extent / 2, middle + extent / 2], axis=1)
        return corners.astype(np.float32), scores[rows], landmarks.astype(np.float32)


def usual_views(*, closeups: bool = False) -> tuple[tuple[View, ...], tuple[View, ...]]:
    """Return the views of CenterFace and of YuNet-n, for scenes of about 512 pixels or for close faces of about 112."""
    if closeups:
        return (View(160, margin=0.2), View(192, mirrored=True, margin=0.1)), (
            View(160, mirrored=True, margin=0.2),
            View(192, margin=0.1),
        )
    return (View(320, margin=0.2), View(704)), (
        View(320, mirrored=True, margin=0.2),
        View(640, mirrored=True),
        View(960),
    )


def teachers_named(names: Sequence[str], *, closeups: bool = False) -> list[Teacher]:
    """Return CenterFace and YuNet-n, in this order, from "centerface" and the path of YuNet-n's file."""
    files = [name for name in names if name != "centerface"]
    if len(names) != 2 or len(files) != 1:
        raise DetectorError(
            f"teachers: expected centerface and one ONNX file of YuNet-n, got {', '.join(names) or 'none'}"
        )
    first, second = usual_views(closeups=closeups)
    return [
        Teacher(CenterFace(size=4096, threshold=LOWEST_SCORE, threads=1), first),
        Teacher(YuNetN(files[0], threshold=0.2, threads=1), second),
    ]


def look_all(teachers: Sequence[Teacher], image: Pixels) -> FloatArray:
    """Return rows (n, 17): teacher, view, box, five landmarks, score; pixels of the picture."""
    rows = []
    for number, teacher in enumerate(teachers):
        for which, view in enumerate(teacher.views):
            found = view.look(teacher.finder, image)
            head = np.tile(np.array([number, which], np.float32), (len(found), 1))
            rows.append(np.hstack([head, found.boxes, found.landmarks.reshape(-1, 10), found.scores[:, None]]))
    return np.concatenate(rows).astype(np.float32)


def look_at_files(
    teachers: Sequence[Teacher],
    files: Sequence[Path],
    read: Callable[[Path], Pixels],
    keep: str | Path,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[tuple[Path, FloatArray]]:
    """Yield every picture with the teachers' rows; what was seen before is read from the folder `keep`.

    `tell` is called with the pictures done and their number after each part. A folder of other pictures or teachers is
    a DataError.
    """
    folder = Path(keep)
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(files), PART):
        part = files[start : start + PART]
        path = folder / f"{start // PART:05d}.npz"
        names = np.array([file.name for file in part])
        if not path.is_file():
            rows = [look_all(teachers, read(file)) for file in part]
            with replacing(path) as temporary:
                np.savez(temporary, files=names, counts=[len(each) for each in rows], rows=np.concatenate(rows))
        with np.load(path) as seen:
            if seen["files"].tolist() != names.tolist():
                raise DataError(
                    f"{path}: expected what was seen of {names[0]} and so on, got other pictures. Empty {folder}"
                )
            parts = np.split(seen["rows"], np.cumsum(seen["counts"])[:-1])
        yield from zip(part, parts, strict=True)
        tell(start + len(part), len(files))
