"""mien-face, the package's own face finder: a small network on ONNX Runtime. Knows pixels and boxes, no emotions."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.detection.detections import Detections, non_maximum_suppression
from mien.errors import BundleError, DetectorError, suggest
from mien.runtimes.onnx import METADATA_KEY, make_session

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

FORMAT_VERSION = 1
KIND = "face-finder"
SECOND_LOOKS = ("needed", "always", "never")
RELEASED = Path(str(resources.files("mien"))) / "bundles" / "finders" / "mien-face.onnx"
"""Not beside the bundles that tell emotions, which are chosen by name."""


@dataclass(frozen=True)
class FinderMetadata:
    """What a face finder's file says of itself.

    strides      pixels of the input per cell, of each output
    score_scale, score_shift  a cell's logit times the one plus the other is the logit of the chance that it is a face
    threshold    the lowest score that counts, unless the caller chooses one
    overlap      boxes that overlap more (IoU) are one face
    card         how it was trained and what was measured
    """

    name: str = "mien-face"
    strides: tuple[int, ...] = (8, 16, 32)
    score_scale: float = 1.0
    score_shift: float = 0.0
    threshold: float = 0.5
    overlap: float = 0.4
    card: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the text that stands in the file."""
        return json.dumps({"format_version": FORMAT_VERSION, "kind": KIND, **asdict(self)})

    @classmethod
    def from_json(cls, text: str, source: str) -> FinderMetadata:
        """Read the text of a file; `source` names it in errors."""
        try:
            values = json.loads(text)
            version, kind = values.pop("format_version"), values.pop("kind", None)
            if kind != KIND:
                raise BundleError(f"{source}: expected a bundle of a face finder, got one of another kind")
            if version > FORMAT_VERSION:
                raise BundleError(
                    f"{source} is a face finder of format version {version}; this mien reads up to {FORMAT_VERSION}. "
                    "Upgrade it: pip install --upgrade mien"
                )
            return cls(**{**values, "strides": tuple(map(int, values["strides"]))})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BundleError(
                f"{source}: expected the metadata of a face finder, got something damaged "
                f"({type(error).__name__}: {error}). Export it again."
            ) from error


class MienFace:
    """Detect faces with mien's own network: no anchors, cells of 8 to 32 pixels, five landmarks, calibrated scores.

    The picture is scaled so that its longer side is at most `size` pixels (never enlarged) and searched once. A second
    search follows where one is not enough:

    - with a margin at 192 pixels (`second_look`), where nothing or a face of more than `LARGE` searched pixels is
      found: larger faces than that were not learnt;
    - at up to twice `size` (`fine_look`), where the picture has more pixels than were searched and a face of less than
      `SMALL` searched pixels is found: there may be smaller ones.

    Args:
        file: the bundle, or its bytes. None: the one that comes with the package.
        size: longer side in pixels at which faces are detected.
        threshold: least score, 0 to 1. None: the bundle's.
        threads: number of threads. 0: ONNX Runtime chooses.
        second_look: "needed", "always" or "never".
        fine_look: "needed", "always" (where the picture has the pixels) or "never".

    Raises:
        BundleError: the file is no face detector's bundle, or cannot be read.
        DetectorError: an option is unknown.
    """

    detects_closeups = True  # so that `closeups` does not search again
    MULTIPLE = 16
    LARGE = 160
    SMALL, FINE_GAIN = 24, 1.25
    SECOND_SIZE, SECOND_MARGIN = 192, 0.12
    WITHIN = 0.75
    SURE = 0.5
    LIKELY = 0.3  # score from which a face decides whether there is a second search, whatever the threshold

    def __init__(
        self,
        file: str | Path | bytes | None = None,
        *,
        size: int = 640,
        threshold: float | None = None,
        threads: int = 0,
        second_look: str = "needed",
        fine_look: str = "needed",
    ) -> None:
        self._options: dict[str, Any] = {
            "size": size,
            "threshold": threshold,
            "threads": threads,
            "second_look": second_look,
            "fine_look": fine_look,
        }
        for name in ("second_look", "fine_look"):
            if self._options[name] not in SECOND_LOOKS:
                raise DetectorError(f"{name}: {suggest(self._options[name], SECOND_LOOKS)}")
        self._file = file
        file = RELEASED if file is None else file
        content = file if isinstance(file, bytes) else _read(Path(file))
        source = "mien-face" if isinstance(file, bytes) else str(file)
        self._session = make_session(content, threads=threads)
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise BundleError(f"{source} is a network, but not a face finder of mien's: it has no metadata in it")
        self.metadata = FinderMetadata.from_json(text, source)
        self.size, self.second_look, self.fine_look = size, second_look, fine_look
        self.threshold = self.metadata.threshold if threshold is None else threshold

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the options; the session is created again."""
        return partial(MienFace, self._file, **self._options), ()

    def __call__(self, image: Pixels) -> Detections:
        """Find the faces of an RGB picture, the surest first."""
        longer = max(image.shape[:2])
        found = self._look(image, self.size, 0.0)
        coarse = self._second_wanted(found, longer)
        if self._fine_wanted(found, longer):
            found = self._with_small(found, self._look(image, 2 * self.size, 0.0), longer)
        if coarse:
            found = self._joined(found, self._look(image, self.SECOND_SIZE, self.SECOND_MARGIN), longer)
        return found.select(found.scores >= self.threshold).clip_to(image)

    def _fine_wanted(self, found: Detections, longer: int) -> bool:
        if self.fine_look == "never" or longer < self.FINE_GAIN * self.size:
            return False
        small = sizes_of(found.boxes) * self.size / longer < self.SMALL
        return self.fine_look == "always" or bool((small & (found.scores >= self.LIKELY)).any())

    def _with_small(self, first: Detections, fine: Detections, longer: int) -> Detections:
        """Join the first search with a finer one, which knows better but for faces that are large in it."""
        small = fine.select(sizes_of(fine.boxes) * min(1.0, 2 * self.size / longer) < self.LARGE)
        return self._merged(first, small)

    def _merged(self, first: Detections, second: Detections) -> Detections:
        both = Detections(
            np.concatenate([first.boxes, second.boxes]),
            np.concatenate([first.scores, second.scores]),
            np.concatenate([first.landmarks, second.landmarks]),
        )
        return both.select(non_maximum_suppression(both.boxes, both.scores, self.metadata.overlap))

    def _second_wanted(self, found: Detections, longer: int) -> bool:
        sizes = sizes_of(found.boxes)[found.scores >= self.LIKELY] * min(1.0, self.size / longer)
        if self.second_look != "needed" or not len(sizes):
            return self.second_look != "never"
        return float(sizes.max()) >= self.LARGE

    def _joined(self, first: Detections, second: Detections, longer: int) -> Detections:
        """Join two looks: large faces are the second's alone, and what lies in one of those is a part of it."""
        scale = min(1.0, self.size / longer)
        large = second.select(sizes_of(second.boxes) * scale >= self.LARGE / 2)
        inside = inside_shares(first.boxes, large.boxes) > self.WITHIN
        surer = large.scores[None] >= np.minimum(first.scores[:, None], self.SURE)
        parts = (inside & surer).any(axis=1)
        rest = first.select(~parts & (sizes_of(first.boxes) * scale < self.LARGE))
        return self._merged(rest, large)

    def _look(self, image: Pixels, size: int, margin: float) -> Detections:
        """Find faces with the longer side at most `size` pixels, inside a black margin, a share of the longer side."""
        longer = max(image.shape[:2])
        scale = min(1.0, size / (longer * (1 + 2 * margin)))
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        border = round(margin * longer * scale)
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) if scale < 1 else image
        maps = self._session.run(None, {"picture": padded(small, self.MULTIPLE, border)[None]})
        parts = [self._decode(part[0], stride) for part, stride in zip(maps, self.metadata.strides, strict=True)]
        boxes, scores, landmarks = (np.concatenate(part) for part in zip(*parts, strict=True))
        rows = non_maximum_suppression(boxes, scores, self.metadata.overlap)
        factors = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
        shift = np.float32(border)
        return Detections(
            (boxes[rows] - shift) * np.tile(factors, 2), scores[rows], (landmarks[rows] - shift) * factors
        )

    def _decode(self, cells: FloatArray, stride: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return boxes, scores and landmarks of the likely cells (15, h, w), in pixels of the input."""
        least = min(self.threshold, self.LIKELY)
        lowest = np.log(least / (1 - least)) - self.metadata.score_shift
        rows, columns = np.nonzero(cells[0] * self.metadata.score_scale >= lowest)
        answers = cells[:, rows, columns].T
        logits = answers[:, 0] * self.metadata.score_scale + self.metadata.score_shift
        scores = 1 / (1 + np.exp(-logits.clip(-30, 30)))
        corners = np.stack([columns, rows], axis=1).astype(np.float32) + np.float32(0.5)
        middle = corners + answers[:, 1:3]
        half = np.exp(answers[:, 3:5].clip(max=6)) / 2
        boxes = np.concatenate([middle - half, middle + half], axis=1) * np.float32(stride)
        landmarks = (corners[:, None] + answers[:, 5:].reshape(-1, 5, 2)) * np.float32(stride)
        return boxes.astype(np.float32), scores.astype(np.float32), landmarks.astype(np.float32)


def padded(image: Pixels, multiple: int, border: int = 0) -> Pixels:
    """Return the picture in a black border, which is wider below and to the right, up to sides that are multiples."""
    height, width = image.shape[0] + 2 * border, image.shape[1] + 2 * border
    below, right = border + -height % multiple, border + -width % multiple
    if not below and not right:
        return np.ascontiguousarray(image)
    return cv2.copyMakeBorder(  # type: ignore[no-any-return]
        image, border, below, border, right, cv2.BORDER_CONSTANT
    )


def sizes_of(boxes: FloatArray) -> FloatArray:
    """Return the root of each box's area."""
    result: FloatArray = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    return result


def inside_shares(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Return the share (n, m) of each box that lies in each of the others."""
    upper = np.maximum(boxes[:, None, :2], others[None, :, :2])
    lower = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None]
    result: FloatArray = np.clip(lower - upper, 0, None).prod(axis=2) / np.maximum(areas, 1e-9)
    return result


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: expected a face finder's bundle, got no readable file ({error})") from error
