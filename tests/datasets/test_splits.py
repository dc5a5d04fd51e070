from __future__ import annotations

import numpy as np
import pytest

from helpers.data_trees import textures
from mien.datasets import FaceDataset, fold, hold_out
from mien.datasets.duplicates import copy_groups
from mien.errors import DataError, InputError


@pytest.fixture
def dataset() -> FaceDataset:
    """210 Training faces of unequal classes, a third of them copies, and 20 of PublicTest."""
    faces = textures(230)
    faces[np.arange(0, 210, 3)] = faces[np.arange(1, 210, 3)]
    labels = np.minimum(np.arange(230) // 3 % 10, 6)
    return FaceDataset(faces, labels, np.array(["Training"] * 210 + ["PublicTest"] * 20))


def groups_of(dataset: FaceDataset, split: str) -> set[int]:
    return set(copy_groups(dataset.faces)[dataset.splits == split].tolist())


def test_hold_out_takes_a_share_of_each_class(dataset: FaceDataset) -> None:
    held = hold_out(dataset, 0.2, seed=1)
    for label in range(7):
        before = ((dataset.labels == label) & (dataset.splits == "Training")).sum()
        after = ((held.labels == label) & (held.splits == "Validation")).sum()
        assert abs(after - 0.2 * before) <= 1.5
    assert groups_of(held, "Training").isdisjoint(groups_of(held, "Validation"))
    assert (held.splits[210:] == "PublicTest").all()
    assert np.array_equal(held.faces, dataset.faces)
    assert dataset.splits[0] == "Training"  # the original is as it was


def test_the_seed_decides(dataset: FaceDataset) -> None:
    first, again, other = (hold_out(dataset, 0.2, seed).splits.tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_divide_training(dataset: FaceDataset, folds: int) -> None:
    parts = [fold(dataset, folds, index, seed=3) for index in range(folds)]
    chosen = np.array([part.splits == "Validation" for part in parts])
    assert chosen[:, :210].sum(axis=0).tolist() == [1] * 210
    assert not chosen[:, 210:].any()
    assert np.ptp(chosen.sum(axis=1)) <= 7 * 2  # a copy more or less in each class
    for part in parts:
        assert groups_of(part, "Training").isdisjoint(groups_of(part, "Validation"))


def test_identical_faces_with_different_labels_stay_together() -> None:
    faces = textures(20)
    faces[10:] = faces[:10]
    dataset = FaceDataset(faces, np.repeat([0, 1], 10), np.array(["Training"] * 20))
    for index in range(5):
        part = fold(dataset, 5, index, seed=0)
        assert groups_of(part, "Training").isdisjoint(groups_of(part, "Validation"))


@pytest.mark.parametrize("share", [0, 1, -0.1, 2])
def test_a_share_that_is_none(dataset: FaceDataset, share: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        hold_out(dataset, share, 0)


@pytest.mark.parametrize(("folds", "index", "message"), [(1, 0, "from 2"), (3, 3, "0 to 2, got 3"), (3, -1, "got -1")])
def test_a_fold_that_is_none(dataset: FaceDataset, folds: int, index: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fold(dataset, folds, index, 0)


def test_too_few_faces(dataset: FaceDataset) -> None:
    few = dataset.take(np.array([0, 1, 2]))
    with pytest.raises(DataError, match=r"cannot hold out 0\.1 of 3 Training faces"):
        hold_out(few, 0.1, 0)
    with pytest.raises(DataError, match="0 Training faces"):
        fold(dataset.split("PublicTest"), 2, 0, 0)
