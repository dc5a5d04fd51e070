"""Emotion sets with a promised coverage, intervals, and where a bundle keeps them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mien.bundle import softmax
from mien.datasets import FaceDataset
from mien.errors import BundleError, InputError
from mien.evaluation.uncertainty import LEAST_FACES, fit_interval, fit_uncertainty, with_uncertainty
from mien.labels import FER2013, FERPLUS
from mien.metadata import Head, Metadata
from mien.preprocess import InputSpec
from mien.uncertainty import Uncertainty

FREQUENCIES = (0.3, 0.02, 0.1, 0.3, 0.1, 0.08, 0.1)


def drawn(n: int, seed: int, sharpness: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of seven emotions that are right as often as they say, and labels; the second is rare."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(7, n, p=FREQUENCIES)
    logits = sharpness * (rng.normal(size=(n, 7)) + sharpness * np.eye(7)[labels]) + np.log(FREQUENCIES)
    return softmax(logits), labels


@pytest.fixture(scope="module")
def fitted() -> Uncertainty:
    return fit_uncertainty(*drawn(20_000, 0))


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_hold_the_right_emotion_as_often_as_promised(fitted: Uncertainty, coverage: float) -> None:
    probabilities, labels = drawn(20_000, 1)
    rows = np.arange(len(labels))
    of_all = fitted.sets(probabilities, coverage, "all")[rows, labels]
    assert of_all.mean() == pytest.approx(coverage, abs=0.015)
    by_emotion = fitted.sets(probabilities, coverage)[rows, labels]
    each = [by_emotion[labels == k].mean() for k in (0, 2, 3, 4, 5, 6)]
    assert min(each) > coverage - 0.03
    assert by_emotion[labels == 1].mean() > of_all[labels == 1].mean()


def test_a_greater_share_gives_greater_sets(fitted: Uncertainty) -> None:
    probabilities, _ = drawn(500, 2)
    sizes = [fitted.sets(probabilities, share).sum() for share in (0.5, 0.8, 0.9, 0.93, 0.99)]
    assert sizes == sorted(sizes)
    assert (fitted.sets(probabilities, 0.8) <= fitted.sets(probabilities, 0.9)).all()


def test_the_frequencies_are_those_of_the_faces(fitted: Uncertainty) -> None:
    assert fitted.prior == pytest.approx(FREQUENCIES, abs=0.02)
    assert sum(fitted.prior) == pytest.approx(1)


@pytest.mark.parametrize(("coverage", "kind", "words"), [(0.4, "emotion", "0.5 to 0.99"), (0.9, "emotoin", "emotion")])
def test_wrong_options(fitted: Uncertainty, coverage: float, kind: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fitted.sets(drawn(3, 0)[0], coverage, kind)


def test_an_interval_holds_nine_of_ten_values_where_the_error_grows() -> None:
    rng = np.random.default_rng(0)

    def pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
        estimated = rng.uniform(size=n)
        return estimated, estimated + rng.normal(size=n) * (0.02 + 0.2 * estimated)

    interval = fit_interval(*pairs(6000))
    estimated, real = pairs(6000)
    low, high = interval.bounds(estimated).T
    inside = (real >= low) & (real <= high)
    assert inside.mean() == pytest.approx(0.9, abs=0.02)
    assert inside[estimated < 0.2].mean() == pytest.approx(0.9, abs=0.04)
    assert (high - low)[estimated > 0.8].mean() > 3 * (high - low)[estimated < 0.2].mean()
    assert (low <= estimated).all()
    assert (high >= estimated).all()


def dataset(n: int) -> tuple[FaceDataset, dict[str, np.ndarray]]:
    """Faces whose pixels do not matter, and logits that know their labels and votes a little."""
    rng = np.random.default_rng(3)
    votes = np.zeros((n, 10), np.uint8)
    votes[:, :8] = rng.multinomial(10, [0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.1, 0.05], n)
    labels = rng.integers(0, 7, n)
    faces = FaceDataset(
        np.zeros((n, 48, 48), np.uint8), labels, np.full(n, "PublicTest"), votes=votes, label_set=FER2013
    )
    of_votes = np.log(votes[:, :8] / 10 + 0.05) + 0.3 * rng.normal(size=(n, 8))
    of_labels = 2 * np.eye(7)[labels] + rng.normal(size=(n, 7))
    return faces, {"fer2013": of_labels.astype(np.float32), "ferplus": of_votes.astype(np.float32)}


def test_heads_get_what_their_faces_say_and_the_file_keeps_it() -> None:
    faces, logits = dataset(600)
    heads = with_uncertainty((Head(FER2013), Head(FERPLUS, 1.0, 1.0)), logits, faces)
    first, second = (head.uncertainty for head in heads)
    assert first is not None
    assert second is not None
    assert first.intervals == {}
    assert set(second.intervals) == {"expressiveness", "valence", "arousal"}
    metadata = Metadata("x", heads, InputSpec(48))
    assert Metadata.from_json(metadata.to_json(), "x") == metadata


def test_few_faces_say_nothing() -> None:
    faces, logits = dataset(LEAST_FACES - 1)
    assert with_uncertainty((Head(FER2013),), logits, faces)[0].uncertainty is None


@pytest.mark.parametrize("damage", [{"prior": [0.5, 0.5]}, {"coverages": []}, {"by_all": [0.1]}, {"prior": None}])
def test_damaged_numbers_are_no_bundle(damage: dict[str, object]) -> None:
    faces, logits = dataset(600)
    metadata = Metadata("x", with_uncertainty((Head(FER2013),), logits, faces), InputSpec(48))
    values = json.loads(metadata.to_json())
    values["heads"][0]["uncertainty"] |= damage
    with pytest.raises(BundleError, match="damaged"):
        Metadata.from_json(json.dumps(values), "x")
