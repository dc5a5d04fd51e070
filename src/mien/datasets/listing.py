"""A source of picture files: which there are, what their labels and splits are; and from there to faces.

The forms that such sources come in (`folders`, `affectnet`) make a `Listing`; here it is read.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien.datasets.faces import TEST, TRAINING, VALIDATION, FaceDataset, Progress
from mien.datasets.pictures import PictureFile, read_pictures
from mien.datasets.splits import hold_out
from mien.errors import DataError
from mien.labels import LabelSet

HELD_OUT = 0.1
"""The share of each class that is set aside for validation where a source has no split but Training."""

_NAMED = 10  # pictures that a note names; of the others it gives the number
_SPLITS = {
    "train": TRAINING,
    "training": TRAINING,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
    "publictest": "PublicTest",
    "privatetest": "PrivateTest",
}


class DataWarning(UserWarning):
    """Some of the data could not be used; the message says which, and why."""


@dataclass(frozen=True)
class Listing:
    """Pictures below `root`, each with an emotion's name and a split; and what is to be said of them."""

    root: Path
    pictures: list[PictureFile]
    emotions: list[str]
    splits: list[str]
    notes: tuple[str, ...] = ()


def split_of(name: str) -> str | None:
    """The split that a folder's or file's name stands for ("train", "Val", "test_set"), or None."""
    words = name.strip().lower().replace(" ", "_").replace("-", "_")
    return _SPLITS.get(words.removesuffix("_set").removesuffix("set").replace("_", ""))


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, in order; neither hidden ones nor what archivers of macOS leave behind."""
    with os.scandir(folder) as entries:  # which asks nothing of the files, of which there may be 100,000
        return sorted(folder / e.name for e in entries if not e.name.startswith((".", "__")) and e.is_dir())


def within(root: Path, depth: int = 3) -> Iterator[Path]:
    """A folder, then the one in it as long as there is only one: archives like to add such levels."""
    for _ in range(depth + 1):
        yield root
        inside = subfolders(root)
        if len(inside) != 1:
            return
        root = inside[0]


def read_listing(
    listing: Listing, source: str, label_set: LabelSet, cache: bool, progress: Progress | None, seed: int | None
) -> FaceDataset:
    """The faces of a listing, those that can be read; the rest is named in a note. Raises DataError if none can.

    Of a source that has only Training, a part is set aside for validation, by `seed`; None: it stays whole.
    """
    faces, problems = read_pictures(listing.root, listing.pictures, cache, progress)
    good = np.array([place not in problems for place in range(len(faces))], np.bool_)
    notes = list(listing.notes)
    if problems:
        notes.append(_unread(listing, problems))
    if not good.any():
        raise DataError(f"{listing.root}: expected pictures of faces, got none that can be read. {' '.join(notes)}")
    if problems:
        warnings.warn(f"{source}: {notes[-1]}", DataWarning, stacklevel=4)  # where load_data was called
    columns = {emotion: label_set.index(emotion) for emotion in set(listing.emotions)}
    dataset = FaceDataset(
        faces=faces,
        labels=np.array([columns[emotion] for emotion in listing.emotions], np.int64),
        splits=np.array(listing.splits),
        label_set=label_set,
        names=np.array(_distinct([picture.path for picture in listing.pictures])),
        sources=np.full(len(faces), source),
        notes=tuple(f"{source}: {note}" for note in notes),
    )
    dataset = dataset if good.all() else dataset.take(np.flatnonzero(good))
    if seed is None or set(listing.splits) != {TRAINING}:
        return dataset
    return _with_validation(dataset, source, seed)


def _with_validation(dataset: FaceDataset, source: str, seed: int) -> FaceDataset:
    try:
        divided = hold_out(dataset, HELD_OUT, seed)
        note = (
            f"{source}: has no split but Training, so that {HELD_OUT:.0%} are set aside as {VALIDATION} (seed {seed})."
        )
    except DataError:
        divided, note = dataset, f"{source}: has no split but Training, and too few faces to set any aside."
    return replace(divided, notes=(*dataset.notes, note))


def _unread(listing: Listing, problems: dict[int, str]) -> str:
    first = list(problems.items())[:_NAMED]
    named = "; ".join(f"{listing.pictures[place].path} ({reason})" for place, reason in first)
    more = f"; and {len(problems) - len(first):,} more" if len(problems) > len(first) else ""
    return f"{len(problems):,} of {len(listing.pictures):,} pictures cannot be read and are left out: {named}{more}."


def _distinct(names: list[str]) -> list[str]:
    """The names, with a number where one stands for the second time: a picture can hold several faces."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return result
