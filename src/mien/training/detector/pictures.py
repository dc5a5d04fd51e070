"""Training pictures with their halves and labels, in memory or in one file that the system reads as it needs.

Knows files and pixels; how crops are cut is `augment`'s.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mien.errors import DataError
from mien.files import replacing, write_atomically
from mien.training.detector.data import FaceScenes

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

LEVELS = 3
"""Each picture is kept at full, half and quarter size, so that a small crop of it is one cheap warp."""


@dataclass
class Pictures:
    """Pictures, each with its halves, and their rows (m, 15) of labels."""

    images: list[list[Pixels]]
    rows: list[FloatArray]
    with_faces: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """List the pictures that have at least one face."""
        self.with_faces = np.flatnonzero([bool((rows[:, 14] == 0).any()) for rows in self.rows])

    @classmethod
    def load(cls, scenes: FaceScenes, keep: Path | None = None) -> Pictures:
        """Read all pictures of a set; one that cannot be read is a DataError.

        With `keep` their pixels are written to that file the first time, and stay there: the memory that they take is
        the system's to give back.
        """
        rows = [rows_of(scenes, k) for k in range(len(scenes))]
        images = (halves(read(file)) for file in scenes.files)
        return cls(list(images) if keep is None else _kept(scenes, keep), rows)


def _kept(scenes: FaceScenes, keep: Path) -> list[list[Pixels]]:
    """Return views of the pictures' pixels in a file, which is written unless it holds these pictures already."""
    index, names = keep.with_suffix(".json"), [file.name for file in scenes.files]
    contents = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
    if contents.get("files") != names:
        index.unlink(missing_ok=True)
        shapes = _write(scenes, keep)
        write_atomically(index, json.dumps({"files": names, "shapes": shapes}))
    else:
        shapes = contents["shapes"]
    flat = np.asarray(np.memmap(keep, np.uint8, mode="r"))
    sizes = [int(np.prod(shape)) for levels in shapes for shape in levels]
    starts = iter(np.concatenate([[0], np.cumsum(sizes)]).tolist())
    return [[_view(flat, next(starts), shape) for shape in levels] for levels in shapes]


def _view(flat: Pixels, start: int, shape: list[int]) -> Pixels:
    return flat[start : start + int(np.prod(shape))].reshape(shape)


def _write(scenes: FaceScenes, keep: Path) -> list[list[list[int]]]:
    shapes = []
    with replacing(keep) as temporary, Path(temporary).open("wb") as file:
        for path in scenes.files:
            levels = halves(read(path))
            shapes.append([list(level.shape) for level in levels])
            for level in levels:
                file.write(np.ascontiguousarray(level).tobytes())
    return shapes


def read(file: Path) -> Pixels:
    """Read a picture as RGB."""
    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{file}: expected a picture, got something that cannot be read. Leave it out of the labels")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]


def rows_of(scenes: FaceScenes, picture: int) -> FloatArray:
    """Return a picture's labels as rows (m, 15)."""
    part = scenes.rows(picture)
    return np.concatenate(
        [scenes.boxes[part], scenes.landmarks[part].reshape(-1, 10), scenes.ignored[part, None]], axis=1
    ).astype(np.float32)


def halves(image: Pixels) -> list[Pixels]:
    """Return the picture at full, half and quarter size."""
    levels = [image]
    for _ in range(LEVELS - 1):
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA))
    return levels
