"""Find faces to leave out of training, and read and write the list of them.

The list is a csv that people can read and edit. This module knows arrays and that csv; it never deletes data.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.datasets.duplicates import NearCopies, copy_groups, is_flat, join_groups
from mien.datasets.faces import TRAINING, FaceDataset
from mien.datasets.ferplus import VOTE_COLUMNS
from mien.errors import DataError, InputError, suggest
from mien.files import write_atomically

COPY_OF_TEST, NEAR_COPY_OF_TEST = "copy-of-test", "near-copy-of-test"
CONFLICT, NO_FACE, FLAT_FACE = "conflict", "no-face", "flat"
COPY, NEAR_COPY = "copy", "near-copy"

REASONS = {
    COPY_OF_TEST: "a Training face that stands pixel for pixel in a validation or test split",
    NEAR_COPY_OF_TEST: "a Training face that is nearly the same picture as one in a validation or test split",
    CONFLICT: "identical faces with different labels: all of them",
    NO_FACE: "most FER+ votes say that it is not a face",
    FLAT_FACE: "a picture of one shade",
    COPY: "identical to an earlier Training face",
    NEAR_COPY: "nearly the same picture as an earlier Training face",
}
"""Why a face may be left out; a face with several reasons is listed with all of them."""

DEFAULT_REASONS = (COPY_OF_TEST, NEAR_COPY_OF_TEST, CONFLICT, NO_FACE, FLAT_FACE, COPY)
NEEDS_NEAR = frozenset({NEAR_COPY_OF_TEST, NEAR_COPY})

_HEADER = ("name", "source", "split", "label", "digest", "reason")
_READ = ("name", "source", "split", "digest")
_DIGEST_LENGTH = 16  # hexadecimal digits, 64 bits: enough to detect a list of other data

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Exclusions:
    """List the faces to leave out.

    Attributes:
        indices: of the faces in the data set, int64 (M,), ascending.
        reasons: the reasons of each face, keys of `REASONS`.
    """

    indices: npt.NDArray[np.int64]
    reasons: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.indices)

    def counts(self) -> dict[str, int]:
        """Count the faces of each reason; a face with several reasons counts for each of them."""
        counts = Counter(reason for reasons in self.reasons for reason in reasons)
        return {reason: counts[reason] for reason in REASONS if reason in counts}


def is_no_face(dataset: FaceDataset) -> Mask:
    """Return which faces have more FER+ votes for "not a face" than for any other answer: bool (N,)."""
    if dataset.votes is None:
        return np.zeros(len(dataset), np.bool_)
    no_face = VOTE_COLUMNS.index("NF")
    others = np.delete(dataset.votes, no_face, axis=1).max(axis=1, initial=0)
    return np.asarray(dataset.votes[:, no_face] > others, np.bool_)


def has_conflict(groups: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> Mask:
    """Return which faces are in a group with several labels.

    Args:
        groups: the group of each face, int64 (N,).
        labels: the label of each face, int64 (N,).

    Returns:
        A mask of the faces, bool (N,).
    """
    pairs = np.unique(np.stack([groups, labels], axis=1), axis=0)
    numbers, counts = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(groups, numbers[counts > 1])


def check_reasons(reasons: Sequence[str]) -> None:
    """Raise an InputError for a reason that is no key of `REASONS`."""
    for reason in reasons:
        if reason not in REASONS:
            raise InputError(f"no reason {reason!r} to leave out a face; {suggest(reason, REASONS)}")


def find_unfit(
    dataset: FaceDataset,
    near: NearCopies | None = None,
    reasons: Sequence[str] = DEFAULT_REASONS,
    all_splits: bool = False,
) -> Exclusions:
    """Find the faces to leave out for any of the given reasons.

    Only Training faces are left out, so that scores stay comparable.

    Args:
        dataset: the data set.
        near: the result of `near_copies(dataset.faces)`; the reasons in `NEEDS_NEAR` need it.
        reasons: keys of `REASONS`.
        all_splits: also leave out faces of other splits that are no faces, flat or in conflict.

    Raises:
        InputError: a reason is unknown, or needs `near`.
    """
    check_reasons(reasons)
    if near is None and (missing := NEEDS_NEAR & set(reasons)):
        raise InputError(f"{', '.join(sorted(missing))}: expected near copies as well; give near_copies(dataset.faces)")
    training = dataset.splits == TRAINING
    eligible = training | all_splits
    copies = copy_groups(dataset.faces)
    alike = copies if near is None else join_groups(copies, near.pairs)
    found = {
        COPY_OF_TEST: training & _shared(copies, ~training),
        NEAR_COPY_OF_TEST: training & _shared(alike, ~training) & ~_shared(copies, ~training),
        CONFLICT: _conflicting(copies, dataset.labels, eligible),
        NO_FACE: eligible & is_no_face(dataset),
        FLAT_FACE: eligible & is_flat(dataset.faces),
        COPY: _repeated(copies, training),
        NEAR_COPY: _repeated(alike, training) & ~_repeated(copies, training),
    }
    applied = {reason: mask for reason, mask in found.items() if reason in reasons}
    places = np.flatnonzero(np.any([np.zeros(len(dataset), np.bool_), *applied.values()], axis=0))
    return Exclusions(places, [tuple(reason for reason, mask in applied.items() if mask[place]) for place in places])


def write_list(path: str | Path, dataset: FaceDataset, unfit: Exclusions) -> Path:
    """Write the list of faces to leave out, one row each: name, source, split, label, digest of the face, reasons."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for place, reasons in zip(unfit.indices.tolist(), unfit.reasons, strict=True):
        label = dataset.label_set.names[dataset.labels[place]]
        where = (dataset.names[place], dataset.sources[place], dataset.splits[place])
        writer.writerow([*where, label, _digest(dataset.faces[place]), "; ".join(reasons)])
    return write_atomically(path, text.getvalue())


def leave_out(dataset: FaceDataset, path: str | Path) -> FaceDataset:
    """Return the data set without the faces of a list.

    Of the list `name`, `source`, `split` and `digest` are read. Ignored are rows of sources that are not in the data
    set, and faces that were listed in Training but are in validation now (after another seed), so that the validation
    split stays the same.

    Raises:
        DataError: the list cannot be read, or a row names a face that is not in the data or has another digest: the
            list was made from other data.
    """
    rows = _read_list(Path(path))
    pairs = zip(dataset.sources.tolist(), dataset.names.tolist(), strict=True)
    places = {pair: place for place, pair in enumerate(pairs)}
    sources = set(dataset.sources.tolist())
    left_out = np.zeros(len(dataset), np.bool_)
    kept = 0
    for row, (name, source, split, digest) in enumerate(rows, 1):
        if source not in sources:
            continue
        place = places.get((source, name))
        if place is None or _digest(dataset.faces[place]) != digest:
            what = "no face of that name" if place is None else "another face of that name"
            raise DataError(
                f"{path}, data row {row}: expected {name!r} of {source!r} with digest {digest}, got {what}. "
                "The list was made from other data: write it anew with 'mien data clean'."
            )
        if split == TRAINING != dataset.splits[place]:
            kept += 1
        else:
            left_out[place] = True
    if left_out.all():
        raise DataError(f"{path}: expected to leave some faces, got a list of all {len(dataset):,}.")
    others = int((left_out & (dataset.splits != TRAINING)).sum())
    note = f"{Path(path).name}: faces left out: {int(left_out.sum()):,}"
    note += f", {others:,} of them not in Training: scores are not comparable." if others else ", all of Training."
    note += f" Kept, since they are in validation now: {kept:,}." if kept else ""
    return replace(dataset.take(np.flatnonzero(~left_out)), notes=(*dataset.notes, note))


def _shared(groups: npt.NDArray[np.int64], marked: Mask) -> Mask:
    """Return which faces are in the same group as a marked face."""
    return np.isin(groups, groups[marked])


def _repeated(groups: npt.NDArray[np.int64], chosen: Mask) -> Mask:
    """Return which of the chosen faces are not the first chosen face of their group."""
    places = np.flatnonzero(chosen)
    repeated = np.zeros(len(groups), np.bool_)
    repeated[places] = True
    repeated[places[np.unique(groups[places], return_index=True)[1]]] = False
    return repeated


def _conflicting(groups: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], chosen: Mask) -> Mask:
    """Return which of the chosen faces are identical to another chosen face with a different label."""
    conflicting = np.zeros(len(groups), np.bool_)
    conflicting[chosen] = has_conflict(groups[chosen], labels[chosen])
    return conflicting


def _digest(face: npt.NDArray[np.uint8]) -> str:
    return hashlib.sha256(face.tobytes()).hexdigest()[:_DIGEST_LENGTH]


def _read_list(path: Path) -> list[tuple[str, str, str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in _READ if column not in (reader.fieldnames or [])]
            if missing:
                raise DataError(
                    f"{path}: expected a list with the columns {', '.join(_HEADER)}, got one without "
                    f"{', '.join(missing)}. Write it with 'mien data clean'."
                )
            return [(row["name"], row["source"], row["split"], row["digest"]) for row in reader]
    except OSError as error:
        raise DataError(
            f"{path}: expected a list to leave out, got {error.strerror or error}. Check the path"
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a csv as text, got {error}. Write it with 'mien data clean'.") from error
