"""Hold a list of picture files with their labels and splits, and read it as a `FaceDataset`.

The modules for forms of such data (`folders`, `affectnet`) make a `Listing`; this module reads it.
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
"""The share of each class that is set aside for validation if a source has only Training."""

_NAMED = 10  # pictures that a note names; the others are only counted
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
    """Warn that some of the data cannot be used; the message says which, and why."""


@dataclass(frozen=True)
class Listing:
    """List picture files with the emotion and the split of each.

    Attributes:
        root: the folder that the paths are relative to.
        pictures: the files, with a face box or without.
        emotions: name of each picture's emotion.
        splits: name of each picture's split.
        notes: what was left out or decided, one line each, for people.
    """

    root: Path
    pictures: list[PictureFile]
    emotions: list[str]
    splits: list[str]
    notes: tuple[str, ...] = ()


def split_of(name: str) -> str | None:
    """Return the split that a folder or file is named for ("train", "Val", "test_set"), or None."""
    words = name.strip().lower().replace(" ", "_").replace("-", "_")
    return _SPLITS.get(words.removesuffix("_set").removesuffix("set").replace("_", ""))


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted, without hidden ones and without the `__MACOSX` of archives."""
    with os.scandir(folder) as entries:  # faster than Path.is_dir for each of perhaps 100,000 files
        return sorted(folder / e.name for e in entries if not e.name.startswith((".", "__")) and e.is_dir())


def descend_single_folders(root: Path, depth: int = 3) -> Iterator[Path]:
    """Yield a folder, and then the single folder in it, as long as it holds only one: archives often add levels.

    Args:
        root: the folder.
        depth: the most levels to go down.
    """
    for _ in range(depth + 1):
        yield root
        inside = subfolders(root)
        if len(inside) != 1:
            return
        root = inside[0]


def read_listing(
    listing: Listing, source: str, label_set: LabelSet, cache: bool, progress: Progress | None, seed: int | None
) -> FaceDataset:
    """Read the faces of a listing; pictures that cannot be read are left out and named in a note and a DataWarning.

    Args:
        listing: the pictures.
        source: name of the source.
        label_set: the label set of the result.
        cache: keep the decoded faces in the cache.
        progress: called with the share done, 0 to 1.
        seed: chooses the faces that are set aside for validation if the source has only Training. None: set none aside.

    Raises:
        DataError: no picture can be read.
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
    """Return the names; a repeated name gets a number, since a picture can hold several faces."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return result
