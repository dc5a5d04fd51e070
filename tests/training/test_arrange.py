"""Which faces train and which choose the epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mien.datasets import FaceDataset
from mien.training.recipe import Recipe
from mien.training.validation import split_for_training

MakeRecipe = Callable[..., Recipe]


def test_the_datas_own_split_is_taken(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    arranged, split = split_for_training(dataset, tiny())
    assert split == "PublicTest"
    assert arranged is dataset


def test_a_held_out_share_leaves_public_test_alone(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    arranged, split = split_for_training(dataset, tiny("data.validation=held-out", "data.held_out=0.3"))
    assert split == "Validation"
    assert len(arranged.split("PublicTest")) == 21
    held, kept = arranged.split("Validation"), arranged.split("Training")
    assert len(held) + len(kept) == 63
    assert np.bincount(held.labels).tolist() == pytest.approx([63 * 0.3 / 7] * 7, abs=1)


def test_without_a_split_of_its_own_a_share_is_held_out(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    arranged, split = split_for_training(dataset.split("Training"), tiny("data.held_out=0.3"))
    assert split == "Validation"
    assert set(arranged.splits.tolist()) == {"Training", "Validation"}


def test_the_seed_decides_who_is_held_out(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    def held(seed: int) -> set[str]:
        arranged, _ = split_for_training(dataset, tiny("data.validation=held-out", "data.held_out=0.3", f"seed={seed}"))
        return set(arranged.split("Validation").names.tolist())

    assert held(1) == held(1)
    assert held(1) != held(2)


def test_every_face_is_in_one_fold(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    names: list[str] = []
    for fold in range(3):
        arranged, split = split_for_training(dataset, tiny("data.folds=3", f"data.fold={fold}"))
        names += arranged.split(split).names.tolist()
        assert not set(arranged.split("Training").names) & set(arranged.split(split).names)
    assert sorted(names) == sorted(dataset.split("Training").names.tolist())


def test_the_validation_splits_of_several_sources_become_one(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    splits = dataset.splits.copy().astype("<U10")
    splits[-5:] = "Validation"
    arranged, split = split_for_training(replace(dataset, splits=splits), tiny())
    assert split == "Validation"
    assert len(arranged.split(split)) == 21


def test_another_sources_validation_faces_do_not_mix_with_the_held_out(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    splits = dataset.splits.copy().astype("<U10")
    splits[-5:] = "Validation"
    arranged, split = split_for_training(replace(dataset, splits=splits), tiny("data.folds=3"))
    assert not set(arranged.split(split).names) & set(dataset.names[-5:])
