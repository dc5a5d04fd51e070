from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helpers.data_trees import textures
from mien.datasets import FaceDataset, combine, load_fer2013
from mien.datasets.faces import relabel
from mien.errors import InputError
from mien.labels import AFFECTNET, FER2013


def faces(n: int = 4, **fields: Any) -> FaceDataset:
    return FaceDataset(textures(n), np.arange(n) % 7, np.array(["Training"] * n), **fields)


def test_names_and_sources_have_defaults() -> None:
    dataset = faces(3)
    assert dataset.names.tolist() == ["1", "2", "3"]
    assert dataset.sources.tolist() == ["faces"] * 3
    assert dataset.weights is None
    empty = dataset.take(np.zeros(0, np.int64))
    assert (len(empty), len(empty.names), len(empty.sources)) == (0, 0, 0)


def test_a_row_of_the_csv_is_a_name(fer2013_csv: tuple[Any, Any]) -> None:
    dataset = load_fer2013(fer2013_csv[0])
    assert dataset.names[[0, 83]].tolist() == ["fer2013.csv#1", "fer2013.csv#84"]
    assert set(dataset.sources) == {"fer2013"}
    assert dataset.split("PublicTest").names[0] == "fer2013.csv#64"


def test_everything_follows_take() -> None:
    votes = np.arange(40, dtype=np.uint8).reshape(4, 10)
    names = np.array(["a", "b", "c", "d"])
    dataset = faces(votes=votes, names=names, sources=names, weights=np.arange(4, dtype=np.float32), notes=("n",))
    taken = dataset.take(np.array([3, 1]))
    assert taken.names.tolist() == taken.sources.tolist() == ["d", "b"]
    assert taken.weights is not None
    assert taken.weights.tolist() == [3, 1]
    assert taken.votes is not None
    assert np.array_equal(taken.votes, votes[[3, 1]])
    assert taken.notes == ("n",)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("names", np.array(["a"]), r"names: expected a <U0 array \(4,\)"),
        ("sources", np.array([1, 2, 3, 4]), "sources: expected"),
        ("weights", np.ones(4), "weights: expected a float32 array"),
        ("weights", np.array([1, 1, 1, -1], np.float32), "weights: expected finite numbers from 0 up"),
        ("weights", np.array([1, 1, 1, np.nan], np.float32), "weights: expected finite numbers from 0 up"),
    ],
)
def test_arrays_that_do_not_fit(field: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        faces(**{field: value})


def test_the_digest_of_plain_data_is_what_it_always_was() -> None:
    dataset = FaceDataset(np.zeros((1, 48, 48), np.uint8), np.array([3]), np.array(["Training"]))
    by_hand = hashlib.sha256(f"fer2013 {FER2013.names} 1".encode())
    by_hand.update(bytes(2304) + (3).to_bytes(8, "little") + b"Training")
    assert dataset.digest == by_hand.hexdigest()


def test_the_digest_counts_weights_but_not_names() -> None:
    plain = faces().digest
    assert faces(names=np.array(list("abcd")), notes=("x",)).digest == plain
    assert faces(weights=np.ones(4, np.float32)).digest != plain


def test_combine_fills_what_only_some_have() -> None:
    voted = faces(2, votes=np.full((2, 10), 1, np.uint8), notes=("a",))
    weighted = faces(3, weights=np.full(3, 0.5, np.float32), notes=("a", "b"))
    both = combine([voted, weighted])
    assert len(both) == 5
    assert both.votes is not None
    assert both.votes.sum(axis=1).tolist() == [10, 10, 0, 0, 0]
    assert both.weights is not None
    assert both.weights.tolist() == [1, 1, 0.5, 0.5, 0.5]
    assert both.notes == ("a", "b")
    assert combine([faces(2)]).digest == faces(2).digest


def test_combine_refuses_what_does_not_belong_together() -> None:
    with pytest.raises(InputError, match="at least one"):
        combine([])
    with pytest.raises(InputError, match="one label set, got affectnet, fer2013"):
        combine([faces(), faces(label_set=AFFECTNET)])


def test_relabel_folds_by_name() -> None:
    everything = np.arange(len(AFFECTNET))
    names = [FER2013.names[label] for label in relabel(everything, AFFECTNET, FER2013)]
    assert names == ["neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "disgust"]


def test_the_digest_of_the_faces_alone_does_not_know_votes_and_weights() -> None:
    labels = np.zeros(4, np.int64)
    plain = FaceDataset(textures(4), labels, np.array(["Training"] * 4))
    more = replace(plain, votes=np.ones((4, 10), np.uint8), weights=np.full(4, 2, np.float32))
    assert more.digest != plain.digest
    assert more.faces_digest == plain.faces_digest == plain.digest
