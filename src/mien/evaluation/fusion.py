"""Fit and judge how face and voice are joined, on people's votes for the face, the voice and both together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.bundle import log_softmax
from mien.errors import InputError
from mien.voice.fusion import FusionRule

Floats = npt.NDArray[np.float64]

SMOOTHING = 0.5
"""Votes that every emotion gets beside its own, so that none has a share of 0."""

PENALTY = 1e-4


@dataclass(frozen=True)
class FusionScore:
    """How well shares agree with people's votes for both together.

    Attributes:
        cross_entropy: of the votes' shares under the predicted ones, in nats.
        agreement: share of the clips with the same likeliest emotion.
    """

    cross_entropy: float
    agreement: float


def shares_of(votes: npt.NDArray[np.floating]) -> Floats:
    """Return smoothed shares, float64 (N, K), of votes (N, K)."""
    smoothed = votes.astype(np.float64) + SMOOTHING
    return np.asarray(smoothed / smoothed.sum(axis=1, keepdims=True), np.float64)


def fit_fusion(
    face: npt.NDArray[np.floating],
    voice: npt.NDArray[np.floating],
    both: npt.NDArray[np.floating],
    names: tuple[str, ...],
    *,
    offsets: bool = True,
) -> FusionRule:
    """Return the rule that predicts `both` best from `face` and `voice`, by the cross-entropy.

    Args:
        face: probabilities, (N, K), above 0.
        voice: probabilities, (N, K), above 0.
        both: shares of people who perceived each emotion in both together, (N, K).
        names: the emotions.
        offsets: fit a summand per emotion too.

    Raises:
        InputError: the arrays do not have one shape.
    """
    from scipy.optimize import minimize

    _check(face, voice, both)
    k = len(names)
    logs = np.log(face.astype(np.float64)), np.log(voice.astype(np.float64) * k)

    def loss(weights: Floats) -> float:
        logits = weights[0] * logs[0] + weights[1] * logs[1] + weights[2:]
        return float(-(both * log_softmax(logits)).sum(axis=1).mean() + PENALTY * (weights**2).sum())

    start = np.array([1.0, 0.5, *([0.0] * k if offsets else [0.0])])
    found = minimize(loss, start, method="L-BFGS-B").x
    summands = found[2:] if offsets else np.zeros(k)
    return FusionRule(float(found[0]), float(found[1]), dict(zip(names, map(float, summands), strict=True)))


def pooled(
    rule: FusionRule, face: npt.NDArray[np.floating], voice: npt.NDArray[np.floating], names: tuple[str, ...]
) -> Floats:
    """Return the joint probabilities, float64 (N, K), of faces and their voices, (N, K), over the same emotions."""
    summands = np.array([rule.offsets.get(name, 0.0) for name in names])
    evidence = rule.voice * np.log(voice.astype(np.float64) * len(names)) + summands
    return np.exp(log_softmax(rule.face * np.log(face.astype(np.float64)) + evidence))


def judge_fusion(predicted: npt.NDArray[np.floating], both: npt.NDArray[np.floating]) -> FusionScore:
    """Return how well predicted shares (N, K) agree with those of the votes for both (N, K)."""
    _check(predicted, predicted, both)
    entropy = -(both * np.log(np.maximum(predicted, 1e-12))).sum(axis=1).mean()
    return FusionScore(float(entropy), float((predicted.argmax(axis=1) == both.argmax(axis=1)).mean()))


def _check(*arrays: npt.NDArray[np.floating]) -> None:
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or arrays[0].ndim != 2 or not len(arrays[0]):
        raise InputError(f"expected arrays of one shape (N, K), got {sorted(shapes)}")
