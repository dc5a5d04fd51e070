"""Priors: the frequencies of the emotions, given and estimated."""

from __future__ import annotations

import numpy as np
import pytest

from mien.errors import InputError
from mien.labels import FER2013, LabelSet
from mien.pipeline_options import parse_prior
from mien.priors import check_prior, estimate_prior, ratios, shift

THREE = LabelSet("three", ("happy", "sad", "neutral"))
KNOWN = np.array([0.5, 0.2, 0.3])


def test_a_prior_multiplies_the_odds_by_the_ratio_of_the_frequencies() -> None:
    factors = ratios({"happy": 1, "sad": 4, "neutral": 1}, THREE, KNOWN)
    assert factors is not None
    shifted = shift(np.array([[0.6, 0.3, 0.1]], np.float32), factors)
    assert shifted[0] == pytest.approx(np.array([0.6 / 0.5, 4 * 0.3 / 0.2, 0.1 / 0.3]) / (1.2 + 6 + 1 / 3), abs=1e-6)
    assert shifted.dtype == np.float32
    assert shift(shifted, 1 / factors)[0] == pytest.approx([0.6, 0.3, 0.1], abs=1e-6)


def test_the_frequencies_of_the_model_change_nothing() -> None:
    assert ratios("training", THREE, KNOWN) is None
    same = ratios(dict(zip(THREE.names, KNOWN, strict=True)), THREE, KNOWN)
    assert same == pytest.approx(np.ones(3))


def test_emotions_without_a_weight_have_the_weight_one() -> None:
    uniform, named = ratios("uniform", THREE, KNOWN), ratios({"sadness": 1}, THREE, KNOWN)
    assert uniform == pytest.approx(named)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("unifrom", "did you mean 'uniform'"),
        ({}, "expected training, uniform, estimate or a weight"),
        ({"happy": 0}, "above 0"),
        ({"happy": float("nan")}, "above 0"),
        (3, "expected training"),
    ],
)
def test_what_is_no_prior(wrong: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_prior(wrong)  # type: ignore[arg-type]


def test_an_unknown_emotion_and_a_model_without_frequencies() -> None:
    with pytest.raises(InputError, match="is no emotion"):
        ratios({"hapy": 2}, FER2013, np.ones(7))
    with pytest.raises(InputError, match="does not say how frequent"):
        ratios("uniform", THREE, None)


@pytest.mark.parametrize(
    ("text", "prior"),
    [("uniform", "uniform"), ("estimate", "estimate"), ("happy=3, sad=0.5", {"happy": 3, "sad": 0.5})],
)
def test_a_prior_as_text(text: str, prior: object) -> None:
    assert parse_prior(text) == prior


@pytest.mark.parametrize("text", ["", "happy", "happy=many"])
def test_a_text_that_is_no_prior(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_prior(text)


@pytest.mark.parametrize("there", [(0.1, 0.8, 0.1), (0.5, 0.2, 0.3), (0.05, 0.05, 0.9)])
def test_frequencies_are_estimated_from_calibrated_probabilities(there: tuple[float, ...]) -> None:
    """Faces whose evidence is known give probabilities that are right under the model's own frequencies."""
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 4000, p=there)
    evidence = rng.normal(size=(4000, 3)) + 2.0 * np.eye(3)[labels]  # log-likelihoods up to a constant: 2 * evidence
    posterior = np.exp(2.0 * evidence) * KNOWN
    estimated = estimate_prior(posterior / posterior.sum(axis=1, keepdims=True), KNOWN)
    assert estimated == pytest.approx(there, abs=0.025)


def test_few_faces_give_no_estimate() -> None:
    with pytest.raises(InputError, match="at least 50 faces, got 49"):
        estimate_prior(np.full((49, 3), 1 / 3), KNOWN)
