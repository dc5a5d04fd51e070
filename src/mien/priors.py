"""How frequent each emotion is where a model is used: shift probabilities to it, and estimate it.

A classifier's probabilities hold for data in which the emotions are as frequent as in the data that it was calibrated
on (its prior). Where they are not, p(emotion | face) is multiplied by the ratio of the two frequencies and normalized
(label shift; Saerens, Latinne and Decaestecker 2002, https://doi.org/10.1162/089976602753284446).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mien.errors import InputError, suggest
from mien.labels import LabelSet
from mien.pipeline_options import ESTIMATE, PRIORS, TRAINING

LEAST_FACES = 50
"""Fewest faces from which frequencies are estimated."""

_STEPS, _CHANGE = 1000, 1e-7

Prior = str | Mapping[str, float]
"""One of PRIORS, or a weight above 0 for each emotion; emotions that are not named have the weight 1."""

Floats = npt.NDArray[np.floating]


def check_prior(prior: Prior) -> Prior:
    """Return the prior if it is one of PRIORS or weights.

    Raises:
        InputError: it is something else, or a weight is not above 0.
    """
    if isinstance(prior, str):
        if prior not in PRIORS:
            raise InputError(f"prior {prior!r}: {suggest(prior, PRIORS)}, or a weight for each emotion, {{'happy': 3}}")
        return prior
    if not isinstance(prior, Mapping) or not prior:
        raise InputError(f"prior: expected {', '.join(PRIORS)} or a weight for each emotion, got {prior!r}")
    for name, weight in prior.items():
        if not isinstance(weight, int | float | np.number) or not 0 < weight < float("inf"):
            raise InputError(f"prior: expected a weight above 0 for {name!r}, got {weight!r}")
    return dict(prior)


def ratios(prior: Prior, labels: LabelSet, known: Floats | None) -> npt.NDArray[np.float64] | None:
    """Return the factor of each emotion, float64 (K,), by which a prior changes its probability; None: it changes none.

    Args:
        prior: "training", "uniform" or weights; weights are frequencies up to a factor.
        labels: the emotions.
        known: the frequencies to which the probabilities belong, (K,), above 0; None: unknown.

    Raises:
        InputError: an emotion is unknown, or the model does not say to which frequencies its probabilities belong.
    """
    if prior == TRAINING:
        return None
    wanted = np.ones(len(labels))
    if isinstance(prior, Mapping):
        for name, weight in prior.items():
            wanted[labels.index(name)] = weight
    factors = wanted / _checked(known, prior)
    return np.asarray(factors / factors.mean(), np.float64)


def shift(probabilities: Floats, factors: Floats) -> npt.NDArray[np.float32]:
    """Multiply probabilities (N, K) by a factor above 0 for each emotion, (K,), and normalize the rows; float32."""
    shifted = np.asarray(probabilities, np.float64) * factors
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)


def _checked(known: Floats | None, prior: Prior) -> npt.NDArray[np.float64]:
    """Return the frequencies of a model's calibration faces; raise InputError if it does not have them."""
    if known is None:
        raise InputError(
            f"prior {prior!r}: this model does not say how frequent the emotions were when it was calibrated. Train or "
            "export it again with this version, or use 'training'"
        )
    return np.asarray(known, np.float64)


def estimate_prior(probabilities: Floats, known: Floats | None) -> npt.NDArray[np.float64]:
    """Estimate how frequent each emotion is among faces, by Saerens' expectation-maximization.

    Args:
        probabilities: calibrated, (N, K), of all faces.
        known: the frequencies to which they belong, (K,), above 0; None: unknown.

    Returns:
        The frequencies, float64 (K,), which sum to 1.

    Raises:
        InputError: there are fewer than LEAST_FACES faces, or `known` is None.
    """
    known = _checked(known, ESTIMATE)
    if len(probabilities) < LEAST_FACES:
        raise InputError(
            f"prior 'estimate': expected at least {LEAST_FACES} faces, got {len(probabilities)}. Use 'uniform', "
            "'training' or weights of your own"
        )
    values = np.asarray(probabilities, np.float64)
    found = known / known.sum()
    for _ in range(_STEPS):
        before = found
        weighted = values * (found / known)
        found = (weighted / weighted.sum(axis=1, keepdims=True)).mean(axis=0)
        found = np.maximum(found, 1e-6)
        found = found / found.sum()
        if np.abs(found - before).max() < _CHANGE:
            break
    return np.asarray(found, np.float64)
