"""Define `FaceDataset`, labelled faces as arrays: what every reader returns and training and evaluation take.

This module knows numpy; it must not know files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.datasets.ferplus import VOTE_COLUMNS
from mien.errors import DataError, InputError
from mien.labels import FER2013, LabelSet
from mien.preprocess import check_crops

TRAINING = "Training"
VALIDATION = "Validation"
TEST = "Test"
VALIDATION_SPLITS = ("PublicTest", VALIDATION)
"""The names of validation splits: FER2013's own name, and the one for every other source."""
TEST_SPLITS = ("PrivateTest", TEST)

Progress = Callable[[float], None]

_UNKNOWN_SOURCE = "faces"


def partial_progress(progress: Progress | None, start: float, end: float) -> Progress | None:
    """Return a progress callback for one part of the work.

    Args:
        progress: the callback for the whole work, or None.
        start: the share of the whole work that is done when the part begins, 0 to 1.
        end: the share that is done when the part ends, 0 to 1.
    """
    return None if progress is None else lambda share: progress(start + share * (end - start))


def _no_names() -> npt.NDArray[np.str_]:
    return np.zeros(0, np.str_)


@dataclass(frozen=True, eq=False)
class FaceDataset:
    """Hold labelled faces, with the votes of FER+ where they are known.

    Attributes:
        faces: gray, uint8 (N, 48, 48).
        labels: indices into `label_set`, int64 (N,).
        splits: name of the split of each face, str (N,).
        votes: uint8 (N, 10), columns as in `VOTE_COLUMNS`, or None. A row of zeros: a face without votes.
        label_set: the emotions that the labels stand for.
        names: name of each face in its source, str (N,): `fer2013.csv#123`, or the file's path in the source's folder.
            Default: the faces are numbered from 1.
        sources: name of the source of each face, str (N,).
        weights: weight of each face in training, float32 (N,), finite and from 0; None: all the same.
        notes: what the reader left out or decided, one line each, for people.

    Raises:
        InputError: the arrays do not fit together.
    """

    faces: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    splits: npt.NDArray[np.str_]
    votes: npt.NDArray[np.uint8] | None = None
    label_set: LabelSet = FER2013
    names: npt.NDArray[np.str_] = field(default_factory=_no_names)
    sources: npt.NDArray[np.str_] = field(default_factory=_no_names)
    weights: npt.NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(check_crops(self.faces))
        if n and not len(self.names):
            object.__setattr__(self, "names", np.arange(1, n + 1).astype(np.str_))
        if n and not len(self.sources):
            object.__setattr__(self, "sources", np.full(n, _UNKNOWN_SOURCE))
        _check_array("labels", self.labels, np.dtype(np.int64), (n,))
        for name, texts in (("splits", self.splits), ("names", self.names), ("sources", self.sources)):
            _check_array(name, texts, np.dtype(np.str_), (n,))
        if self.votes is not None:
            _check_array("votes", self.votes, np.dtype(np.uint8), (n, len(VOTE_COLUMNS)))
        if self.weights is not None:
            _check_array("weights", self.weights, np.dtype(np.float32), (n,))
            if not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
                raise InputError("weights: expected finite numbers from 0 up, got others among them")
        if n and not 0 <= self.labels.min() <= self.labels.max() < len(self.label_set):
            raise InputError(
                f"labels: expected 0 to {len(self.label_set) - 1} (label set {self.label_set.name!r}), "
                f"got {self.labels.min()} to {self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.faces)

    def split(self, name: str) -> FaceDataset:
        """Return the faces of one split, in order.

        Raises:
            DataError: the split has no faces.
        """
        chosen = self.splits == name
        if not chosen.any():
            counts = zip(*np.unique(self.splits, return_counts=True), strict=True)
            present = ", ".join(f"{split} ({count})" for split, count in counts) or "none"
            raise DataError(f"split {name!r}: expected a split with faces, got none of that name; present: {present}")
        return self.take(np.flatnonzero(chosen))

    def take(self, indices: npt.NDArray[np.integer]) -> FaceDataset:
        """Return the faces at these indices."""
        return replace(
            self,
            faces=self.faces[indices],
            labels=self.labels[indices],
            splits=self.splits[indices],
            votes=None if self.votes is None else self.votes[indices],
            names=self.names[indices],
            sources=self.sources[indices],
            weights=None if self.weights is None else self.weights[indices],
        )

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hexadecimal) of faces, labels, splits, votes and weights in order, without the names."""
        digest = hashlib.sha256(f"{self.label_set.name} {self.label_set.names} {len(self)}".encode())
        digest.update(np.ascontiguousarray(self.faces).data)
        digest.update(np.ascontiguousarray(self.labels, "<i8").data)
        digest.update("\n".join(self.splits.tolist()).encode())
        if self.votes is not None:
            digest.update(b"votes")
            digest.update(np.ascontiguousarray(self.votes).data)
        if self.weights is not None:
            digest.update(b"weights")
            digest.update(np.ascontiguousarray(self.weights, "<f4").data)
        return digest.hexdigest()

    @property
    def faces_digest(self) -> str:
        """Return the digest of faces, labels and splits alone: the same with and without votes and weights."""
        return replace(self, votes=None, weights=None).digest


def combine(datasets: Sequence[FaceDataset]) -> FaceDataset:
    """Join several data sets into one, in their order.

    If only some have votes, the faces of the others get rows of zeros. If only some have weights, the others get 1.

    Raises:
        InputError: there is no data set, or the label sets differ.
    """
    if not datasets:
        raise InputError("data sets: expected at least one to combine, got none")
    label_sets = {each.label_set for each in datasets}
    if len(label_sets) > 1:
        names = ", ".join(sorted(labels.name for labels in label_sets))
        raise InputError(f"data sets: expected one label set, got {names}. Load them all with the same label_set")
    return FaceDataset(
        faces=np.concatenate([each.faces for each in datasets]),
        labels=np.concatenate([each.labels for each in datasets]),
        splits=np.concatenate([each.splits for each in datasets]),
        votes=_joined([each.votes for each in datasets], [np.zeros((len(d), 10), np.uint8) for d in datasets]),
        label_set=datasets[0].label_set,
        names=np.concatenate([each.names for each in datasets]),
        sources=np.concatenate([each.sources for each in datasets]),
        weights=_joined([each.weights for each in datasets], [np.ones(len(d), np.float32) for d in datasets]),
        notes=tuple(dict.fromkeys(note for each in datasets for note in each.notes)),
    )


def relabel(labels: npt.NDArray[np.int64], source: LabelSet, target: LabelSet) -> npt.NDArray[np.int64]:
    """Convert labels of one label set to those of another.

    Args:
        labels: indices into `source`, int64 (N,).
        source: the label set of `labels`.
        target: the label set to convert to. An emotion that it lacks is folded into the one defined for it.

    Returns:
        Indices into `target`, int64 (N,).

    Raises:
        InputError: an emotion is neither in `target` nor folded into one of its emotions.
    """
    columns = np.array([target.index(name) for name in source.names], np.int64)
    return columns[labels]


def _joined(arrays: Sequence[Any], defaults: Sequence[Any]) -> Any:
    if all(array is None for array in arrays):
        return None
    pairs = zip(arrays, defaults, strict=True)
    return np.concatenate([default if array is None else array for array, default in pairs])


def _check_array(name: str, array: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray):
        raise InputError(f"{name}: expected a {dtype} array {shape}, got {type(array).__name__}")
    if array.dtype.kind != dtype.kind or (dtype.kind != "U" and array.dtype != dtype) or array.shape != shape:
        raise InputError(f"{name}: expected a {dtype} array {shape}, got {array.dtype} {array.shape}")
