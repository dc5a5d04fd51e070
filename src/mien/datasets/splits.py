"""Set aside a part of Training for validation, once or fold by fold, stratified by class.

Identical faces stay on one side. This module knows arrays only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mien.datasets.duplicates import copy_groups
from mien.datasets.faces import TRAINING, VALIDATION, FaceDataset
from mien.errors import DataError, InputError


def hold_out(dataset: FaceDataset, share: float, seed: int) -> FaceDataset:
    """Move a share of each class of Training to the split "Validation".

    Identical faces stay on one side. Other splits do not change. The same seed gives the same faces.

    Args:
        dataset: the data set.
        share: the share of each class to move, between 0 and 1.
        seed: seed of the random choice.

    Raises:
        InputError: `share` is not between 0 and 1.
        DataError: there are too few Training faces to divide.
    """
    if not 0 < share < 1:
        raise InputError(f"share to hold out: expected a number between 0 and 1, got {share}")
    return _moved(dataset, _positions(dataset, seed) < share, f"hold out {share:g} of")


def fold(dataset: FaceDataset, folds: int, index: int, seed: int) -> FaceDataset:
    """Move one of `folds` equal parts of Training to the split "Validation".

    Every Training face is in exactly one of the parts. Identical faces stay on one side.

    Args:
        dataset: the data set.
        folds: number of parts, from 2.
        index: the part to move, from 0.
        seed: seed of the random division.

    Raises:
        InputError: `folds` or `index` is out of range.
        DataError: there are too few Training faces to divide.
    """
    if folds < 2:
        raise InputError(f"folds: expected a whole number from 2, got {folds}")
    if not 0 <= index < folds:
        raise InputError(f"fold: expected 0 to {folds - 1}, got {index}")
    parts = (_positions(dataset, seed) * folds).astype(np.int64)
    return _moved(dataset, parts == index, f"take fold {index} of {folds} from")


def _positions(dataset: FaceDataset, seed: int) -> npt.NDArray[np.float64]:
    """Return each face's position, 0 to 1, after its class in Training is shuffled; 2 outside Training.

    Identical faces share one position and one class: the class of the first of them.
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
            f"{training - int(chosen.sum())}. Add faces, or give a validation split"
        )
    return replace(dataset, splits=np.where(chosen, VALIDATION, dataset.splits))
