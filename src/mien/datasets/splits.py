"""Parts of Training set aside for validation, once or fold by fold: as many of each class, identical faces together.

This module knows arrays only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mien.datasets.duplicates import copy_groups
from mien.datasets.faces import TRAINING, VALIDATION, FaceDataset
from mien.errors import DataError, InputError


def hold_out(dataset: FaceDataset, share: float, seed: int) -> FaceDataset:
    """The data set with `share` (0 to 1) of each class of Training moved to the split "Validation".

    Identical faces stay on one side. What is in other splits stays there. The same seed gives the same faces. Raises
    InputError for a share that is not between 0 and 1, and DataError if too few faces are there to be divided.
    """
    if not 0 < share < 1:
        raise InputError(f"share to hold out: expected a number between 0 and 1, got {share}")
    return _moved(dataset, _positions(dataset, seed) < share, f"hold out {share:g} of")


def fold(dataset: FaceDataset, folds: int, index: int, seed: int) -> FaceDataset:
    """The data set with the `index`-th of `folds` equal parts of Training, counted from 0, moved to "Validation".

    Every face of Training is in exactly one of the parts; otherwise as `hold_out`. Raises InputError and DataError.
    """
    if folds < 2:
        raise InputError(f"folds: expected a whole number from 2, got {folds}")
    if not 0 <= index < folds:
        raise InputError(f"fold: expected 0 to {folds - 1}, got {index}")
    parts = (_positions(dataset, seed) * folds).astype(np.int64)
    return _moved(dataset, parts == index, f"take fold {index} of {folds} from")


def _positions(dataset: FaceDataset, seed: int) -> npt.NDArray[np.float64]:
    """Where each face stands, 0 to 1, when its class in Training is shuffled; 2 outside Training.

    Identical faces share one place, and one class: that of the first of them.
    """
    positions = np.full(len(dataset), 2.0)
    chosen = np.flatnonzero(dataset.splits == TRAINING)
    groups = copy_groups(dataset.faces[chosen])
    _, firsts, sizes = np.unique(groups, return_index=True, return_counts=True)
    labels = dataset.labels[chosen][firsts]
    middles = np.zeros(len(firsts))
    rng = np.random.default_rng(seed)
    for label in range(len(dataset.label_set)):
        shuffled = rng.permutation(np.flatnonzero(labels == label))
        ends = np.cumsum(sizes[shuffled])
        middles[shuffled] = (ends - sizes[shuffled] / 2) / max(1, ends[-1] if len(ends) else 1)
    positions[chosen] = middles[groups]
    return positions


def _moved(dataset: FaceDataset, chosen: npt.NDArray[np.bool_], purpose: str) -> FaceDataset:
    training = int((dataset.splits == TRAINING).sum())
    if not chosen.any() or chosen.sum() == training:
        raise DataError(
            f"cannot {purpose} {training} Training faces: expected faces on both sides, got {int(chosen.sum())} and "
            f"{training - int(chosen.sum())}. Add faces, or give a validation split of its own"
        )
    return replace(dataset, splits=np.where(chosen, VALIDATION, dataset.splits))
