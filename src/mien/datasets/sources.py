"""Read data from paths: detect the form of each path, and join all of them.

Commands and recipes read data only through this module. `fer2013`, `affectnet` and `folders` know the forms.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.datasets.affectnet import is_table, list_arrays, list_tables
from mien.datasets.clean import leave_out as without_listed
from mien.datasets.faces import (
    TEST,
    TEST_SPLITS,
    TRAINING,
    VALIDATION,
    VALIDATION_SPLITS,
    FaceDataset,
    Progress,
    combine,
    partial_progress,
    relabel,
)
from mien.datasets.fer2013 import holds_fer2013, load_fer2013
from mien.datasets.folders import list_folders
from mien.datasets.listing import Listing, read_listing
from mien.errors import DataError, InputError, suggest
from mien.labels import FER2013, LABEL_SETS, LabelSet
from mien.tables import align

KNOWN_FORMS = """\
FER2013's fer2013.csv or icml_face_data.csv, plain or in a .zip, .tar, .tar.gz or .gz, or a folder that holds one
folders of pictures named for emotions (happy/, 0_angry/), or such folders in train/, validation/, test/
AffectNet of 2021: train_set/images/*.jpg with train_set/annotations/*_exp.npy, and val_set likewise
AffectNet of 2017: training.csv and validation.csv with subDirectory_filePath, face_x, ..., and the pictures"""
"""The forms of data that `load_data` reads, one line each."""

_SPLIT_ORDER = (TRAINING, *VALIDATION_SPLITS, *TEST_SPLITS)
_ARCHIVES = (".csv", ".zip", ".tar", ".tgz", ".gz")


def load_data(
    paths: Sequence[str | Path] | str | Path,
    votes: str | Path | None = None,
    *,
    weights: Sequence[float] | None = None,
    leave_out: str | Path | None = None,
    label_set: LabelSet = FER2013,
    numbers: str | None = None,
    set_aside: bool = True,
    cache: bool = True,
    progress: Progress | None = None,
    seed: int = 0,
) -> FaceDataset:
    """Read the faces of one or several sources, in any form of `KNOWN_FORMS`, as one data set.

    Args:
        paths: one path or several.
        votes: FER+'s `fer2013new.csv`, for the one source that is FER2013's csv.
        weights: a finite number from 0 for each source: the weight of its faces in training.
        leave_out: a list that `mien data clean` wrote.
        label_set: FER2013 (contempt counts as disgust), FERPLUS or AFFECTNET.
        numbers: the label set whose order numbered folders (0, 1, 2, ...) follow. None: they must be 0 to 7, in
            AffectNet's order.
        set_aside: if a source of pictures has only Training, set a tenth of it aside as "Validation" (a recipe does
            this itself).
        cache: keep the decoded pictures in the user's cache folder (2.3 KB each).
        progress: called with the share done, 0 to 1.
        seed: chooses the faces that are set aside.

    Returns:
        The data set. Its `notes` say what could not be read and what was decided. Pictures that cannot be read are
        reported by a DataWarning, too.

    Raises:
        DataError: a path is in no known form, or a file is damaged.
        InputError: another argument is wrong.
    """
    given = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    _check_arguments(given, weights, numbers)
    names = _source_names(given)
    loaded: list[FaceDataset] = []
    for place, (path, name) in enumerate(zip(given, names, strict=True)):
        part = partial_progress(progress, place / len(given), (place + 1) / len(given))
        loaded.append(_load(path, name, votes, label_set, numbers, cache, part, seed if set_aside else None))
    if votes is not None and sum(each.votes is not None for each in loaded) != 1:
        raise DataError(
            f"{votes}: expected FER2013's csv among the data, which the votes belong to, got none or several."
        )
    if weights is not None:
        loaded = [_weighted(each, weight) for each, weight in zip(loaded, weights, strict=True)]
    dataset = combine(loaded)
    return dataset if leave_out is None else without_listed(dataset, leave_out)


def as_dataset(
    data: FaceDataset | Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    votes: str | os.PathLike[str] | None = None,
    *,
    labels: str | None = None,
    numbers: str | None = None,
    weights: Sequence[float] | None = None,
    leave_out: str | os.PathLike[str] | None = None,
) -> FaceDataset:
    """Return a data set as it is, or read it from paths as `load_data` does, without setting faces aside.

    Args:
        data: a `FaceDataset`, or paths in any form of `KNOWN_FORMS`.
        votes: FER+'s fer2013new.csv; only with paths, like `numbers` and `weights`.
        labels: the name of a label set. None: "fer2013", or the data set's own.
        numbers: the label set whose order numbered folders (0, 1, 2, ...) follow.
        weights: the weight of the faces of each path in training.
        leave_out: a list that `mien data clean` wrote.

    Raises:
        DataError: the data cannot be read.
        InputError: an argument is wrong, or cannot be combined with a `FaceDataset`.
    """
    if labels is not None and labels not in LABEL_SETS:
        raise InputError(f"labels {labels!r}: no such label set; {suggest(labels, LABEL_SETS)}")
    if not isinstance(data, FaceDataset):
        paths = [data] if isinstance(data, str | os.PathLike) else data
        return load_data(
            [Path(path) for path in paths],
            None if votes is None else Path(votes),
            weights=weights,
            leave_out=None if leave_out is None else Path(leave_out),
            label_set=LABEL_SETS[labels or FER2013.name],
            numbers=numbers,
            set_aside=False,
        )
    given = {"votes": votes, "numbers": numbers, "weights": weights}
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name}: expected it with paths, got it with a FaceDataset, which has its own")
    if labels is not None and labels != data.label_set.name:
        raise InputError(f"labels: expected {data.label_set.name!r}, the data set's own, got {labels!r}")
    return data if leave_out is None else without_listed(data, Path(leave_out))


def with_validation(training: FaceDataset, validation: FaceDataset) -> FaceDataset:
    """Join the Training faces of one data set with another data set as "Validation".

    Args:
        training: the data set whose Training split is kept.
        validation: its validation split is used, or all of it if it has none.
    """
    own = np.isin(validation.splits, VALIDATION_SPLITS)
    chosen = validation.take(np.flatnonzero(own)) if own.any() else validation
    as_validation = replace(chosen, splits=np.full(len(chosen), VALIDATION))
    return combine([training.split(TRAINING), as_validation])


def default_split(dataset: FaceDataset) -> str:
    """Return the split to evaluate on if none is given: PublicTest, else Test, else Validation, else Training.

    FER2013's PrivateTest is not among these: it must be named to be used.
    """
    found = set(dataset.splits.tolist())
    wanted = (VALIDATION_SPLITS[0], TEST, VALIDATION, TRAINING)
    return next((split for split in wanted if split in found), min(found, default=TRAINING))


def summary(dataset: FaceDataset) -> str:
    """Return a table of a data set: one row for each split of each source, and its notes below."""
    emotions = dataset.label_set.names
    weighted = dataset.weights is not None
    rows = [["source", "split", "faces", *emotions, *(["weight"] if weighted else [])]]
    for source in dict.fromkeys(dataset.sources.tolist()):
        mine = dataset.sources == source
        for split in ordered_splits(dataset.splits[mine].tolist()):
            chosen = mine & (dataset.splits == split)
            counts = np.bincount(dataset.labels[chosen], minlength=len(emotions))
            cells = [f"{number:,}" for number in (chosen.sum(), *counts)]
            if dataset.weights is not None:
                cells.append(f"{dataset.weights[chosen].mean():g}")
            rows.append([source, split, *cells])
    return "\n".join([align(rows), *dataset.notes])


def ordered_splits(splits: Iterable[str]) -> list[str]:
    """Return each split once: Training first, then validation, then test, then others in their order."""
    found = list(dict.fromkeys(splits))
    known = [split for split in _SPLIT_ORDER if split in found]
    return known + [split for split in found if split not in known]


def _check_arguments(paths: list[Path], weights: Sequence[float] | None, numbers: str | None) -> None:
    if not paths:
        raise InputError(f"data: expected at least one path, got none. What is understood:\n{KNOWN_FORMS}")
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError(f"data: expected each path once, got {', '.join(map(str, paths))}")
    if weights is not None:
        if len(weights) != len(paths):
            raise InputError(f"weights: expected one for each of {len(paths)} paths, got {len(weights)}")
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
            raise InputError(f"weights: expected finite numbers from 0 up, not all 0, got {list(weights)}")


def _source_names(paths: list[Path]) -> list[str]:
    """Return a short name for each path: its last part, with a number if two are the same."""
    names: list[str] = []
    for path in paths:
        last = path.resolve().name
        name = (last.partition(".")[0] if last.lower().endswith(_ARCHIVES) else last) or "data"
        same = sum(other == name or other.startswith(f"{name}-") for other in names)
        names.append(f"{name}-{same + 1}" if same else name)
    return names


def _load(
    path: Path,
    name: str,
    votes: str | Path | None,
    label_set: LabelSet,
    numbers: str | None,
    cache: bool,
    progress: Progress | None,
    seed: int | None,
) -> FaceDataset:
    try:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder. Check the path. What is understood:\n{KNOWN_FORMS}")
        if (path.is_dir() and holds_fer2013(path)) or (path.is_file() and not is_table(path)):
            dataset = _as_labels(_load_csv(path, votes, cache, progress), label_set)
            return replace(dataset, sources=np.full(len(dataset), name))
        listing = _list(path, numbers, cache, partial_progress(progress, 0, 0.2))
        return read_listing(listing, name, label_set, cache, partial_progress(progress, 0.2, 1), seed)
    except OSError as error:
        raise DataError(
            f"{error.filename or path}: cannot be read: {error.strerror or error}. Check the permissions"
        ) from error


def _load_csv(path: Path, votes: str | Path | None, cache: bool, progress: Progress | None) -> FaceDataset:
    if path.is_file() and not path.name.lower().endswith(_ARCHIVES):
        raise DataError(f"{path}: expected data in a known form, got {path.name!r}. What is understood:\n{KNOWN_FORMS}")
    return load_fer2013(path, votes, cache, progress)


def _list(path: Path, numbers: str | None, cache: bool, progress: Progress | None) -> Listing:
    listing = list_tables(path) or list_arrays(path, cache, progress) or list_folders(path, numbers)
    if listing is None:
        inside = sorted(each.name for each in path.iterdir())
        listed = ", ".join(inside[:10]) + (", ..." if len(inside) > 10 else "")
        raise DataError(
            f"{path}: expected data in a known form, got a folder with {listed or 'nothing'}. "
            f"What is understood:\n{KNOWN_FORMS}"
        )
    return listing


def _as_labels(dataset: FaceDataset, label_set: LabelSet) -> FaceDataset:
    if dataset.label_set == label_set:
        return dataset
    return replace(dataset, labels=relabel(dataset.labels, dataset.label_set, label_set), label_set=label_set)


def _weighted(dataset: FaceDataset, weight: float) -> FaceDataset:
    return replace(dataset, weights=np.full(len(dataset), weight, np.float32))
