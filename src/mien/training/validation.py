"""Choose the faces that a run trains on, and those that it is validated on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.datasets import VALIDATION, VALIDATION_SPLITS, FaceDataset, fold, hold_out
from mien.errors import InputError
from mien.labels import FERPLUS
from mien.training.recipe import Recipe


def split_for_training(dataset: FaceDataset, recipe: Recipe) -> tuple[FaceDataset, str]:
    """Split a data set as the recipe says.

    The data's own validation splits are used if it has some and the recipe does not ask for others; several, of several
    sources, are joined. Held-out faces and folds are taken from Training, so that PublicTest is as new to the run as
    PrivateTest.

    Returns:
        The data set, and the name of its validation split.

    Raises:
        InputError: the votes cannot be used for training.
    """
    divided, split = _divide(dataset, recipe)
    if divided.votes is not None:
        if divided.label_set is FERPLUS:
            raise InputError(
                "votes: expected labels of another label set, since the votes train the head ferplus, got labels of "
                "ferplus. Leave out --labels ferplus, or --votes"
            )
        if not divided.votes[divided.splits == split].any():
            raise InputError(
                f"votes: expected some for the faces of {split}, by which epoch and temperature are chosen, got none. "
                "Leave out --votes, or name validation faces that have them"
            )
    return divided, split


def _divide(dataset: FaceDataset, recipe: Recipe) -> tuple[FaceDataset, str]:
    data = recipe.data
    own = [name for name in VALIDATION_SPLITS if (dataset.splits == name).any()]
    if data.folds or data.validation == "held-out" or not own:
        rest = dataset.take(np.flatnonzero(dataset.splits != VALIDATION))
        if gone := len(dataset) - len(rest):
            note = (
                f"the recipe takes its validation faces out of Training, and {gone:,} of the data's own are not used; "
                "data.validation=own uses them"
            )
            rest = replace(rest, notes=(*rest.notes, note))
        if data.folds:
            return fold(rest, data.folds, data.fold, recipe.seed), VALIDATION
        return hold_out(rest, data.held_out, recipe.seed), VALIDATION
    if len(own) == 1:
        return dataset, own[0]
    splits = np.where(np.isin(dataset.splits, own), VALIDATION, dataset.splits)
    return replace(dataset, splits=splits), VALIDATION
