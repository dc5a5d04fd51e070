"""Which faces a run trains on, and which choose its epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.datasets import VALIDATION, VALIDATION_SPLITS, FaceDataset, fold, hold_out
from mien.errors import InputError
from mien.labels import FERPLUS
from mien.training.recipe import Recipe


def arrange(dataset: FaceDataset, recipe: Recipe) -> tuple[FaceDataset, str]:
    """The data set as the recipe divides it, and the name of its validation split.

    Its own validation splits where it has some and the recipe asks for no other; several, of several sources, become
    one. Held-out faces and folds come out of Training, so that PublicTest is then as new to the run as PrivateTest.
    Raises InputError for votes that nothing can be learnt from.
    """
    divided, split = _divide(dataset, recipe)
    if divided.votes is not None:
        if divided.label_set is FERPLUS:
            raise InputError(
                "votes: expected labels of another kind beside them, for they are the head ferplus themselves, got "
                "labels of ferplus. Leave out --labels ferplus, or --votes"
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
