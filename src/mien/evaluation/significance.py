"""Compute bootstrap intervals of metrics, and paired tests of two models on the same faces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.errors import InputError, suggest
from mien.evaluation.metrics import (
    METRICS,
    Floats,
    LabelArray,
    ProbabilityArray,
    _balanced,
    _ece,
    _losses,
    _macro_f1,
    _squares,
    check,
    ece,
)


def bootstrap_interval(
    probabilities: ProbabilityArray,
    labels: LabelArray,
    metrics: Sequence[str] = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece"),
    rounds: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Compute the percentile bootstrap interval of each metric.

    All metrics use the same resamples, and the same seed gives the same interval. Resamples repeat faces, which biases
    ECE upwards, so its samples are shifted by the difference between the ECE of the data and their mean.

    Args:
        probabilities: float (N, K), rows sum to 1.
        labels: int (N,).
        metrics: names in `METRICS`.
        rounds: number of resamples.
        level: confidence level, between 0 and 1.
        seed: seed of the resamples.

    Returns:
        Metric -> (low, high).

    Raises:
        InputError: an argument is wrong.
    """
    _check_rounds(metrics, rounds, level)
    values, labels = check(probabilities, labels)
    samples = _resampled(_Resampling(values, labels), metrics, rounds, seed)
    return {name: _interval(samples[name], level) for name in metrics}


@dataclass(frozen=True)
class PairedDifference:
    """Hold the difference of a metric between model a and model b on the same faces.

    Attributes:
        difference: the value of a minus the value of b.
        low: lower end of the interval of the difference.
        high: upper end of the interval.
        p: two-sided p-value of the hypothesis that there is no difference.
    """

    difference: float
    low: float
    high: float
    p: float


def paired_bootstrap(
    probabilities_a: ProbabilityArray,
    probabilities_b: ProbabilityArray,
    labels: LabelArray,
    metric: str = "accuracy",
    rounds: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> PairedDifference:
    """Compare two models by the paired bootstrap: on the same resamples of the same faces.

    p is twice the smaller of the shares of resamples with a difference up to 0 and from 0. Each share counts one
    resample more, so that p is never 0: with 1,000 rounds it is at least .002.

    Args:
        probabilities_a: float (N, K), rows sum to 1.
        probabilities_b: float (N, K), rows sum to 1.
        labels: int (N,).
        metric: a name in `METRICS`.
        rounds: number of resamples.
        level: confidence level of the interval, between 0 and 1.
        seed: seed of the resamples.

    Raises:
        InputError: an argument is wrong.
    """
    _check_rounds([metric], rounds, level)
    a, b, labels = _check_pair(probabilities_a, probabilities_b, labels)
    samples = [_resampled(_Resampling(values, labels), [metric], rounds, seed)[metric] for values in (a, b)]
    differences = samples[0] - samples[1]
    fewest = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p = min(1.0, 2 * (fewest + 1) / (rounds + 1))
    score = METRICS[metric]
    return PairedDifference(score(a, labels) - score(b, labels), *_interval(differences, level), p)


@dataclass(frozen=True)
class McNemar:
    """Hold the result of McNemar's test.

    Attributes:
        only_a: number of faces that only model a predicts correctly.
        only_b: number of faces that only model b predicts correctly.
        p: two-sided p-value of the hypothesis that both models are equally good.
    """

    only_a: int
    only_b: int
    p: float


def mcnemar(probabilities_a: ProbabilityArray, probabilities_b: ProbabilityArray, labels: LabelArray) -> McNemar:
    """Compute McNemar's test on the faces that only one of two models predicts correctly.

    With fewer than 25 of these faces by the binomial distribution, otherwise by chi-square with continuity correction.

    Args:
        probabilities_a: float (N, K), rows sum to 1.
        probabilities_b: float (N, K), rows sum to 1.
        labels: int (N,).

    Raises:
        InputError: the arrays do not fit together.
    """
    a, b, labels = _check_pair(probabilities_a, probabilities_b, labels)
    right_a, right_b = a.argmax(axis=1) == labels, b.argmax(axis=1) == labels
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    n = only_a + only_b
    if n < 25:
        p = min(1.0, 2 * sum(math.comb(n, i) for i in range(min(only_a, only_b) + 1)) / 2**n)
    else:
        chi_square = max(0, abs(only_a - only_b) - 1) ** 2 / n
        p = math.erfc(math.sqrt(chi_square / 2))  # the upper tail of chi-square with one degree of freedom
    return McNemar(only_a, only_b, p)


def _check_pair(
    probabilities_a: ProbabilityArray, probabilities_b: ProbabilityArray, labels: LabelArray
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    a, checked = check(probabilities_a, labels)
    b, _ = check(probabilities_b, labels)
    if a.shape != b.shape:
        raise InputError(f"expected probabilities of the same faces and classes, got {a.shape} and {b.shape}")
    return a, b, checked


def _check_rounds(metrics: Sequence[str], rounds: int, level: float) -> None:
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise InputError(f"unknown metric {unknown[0]!r}; {suggest(unknown[0], METRICS)}")
    if rounds < 1 or not 0 < level < 1:
        raise InputError(f"expected rounds from 1 and a level between 0 and 1, got {rounds} and {level}")


def _interval(samples: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


class _Resampling:
    """Compute metrics of resamples; a resample is a count for each face, so that most metrics are matrix products."""

    def __init__(self, values: Floats, labels: npt.NDArray[np.int64]) -> None:
        k = values.shape[1]
        self.values, self.labels = values, labels
        self.cells = np.eye(k * k, dtype=np.float32)[labels * k + values.argmax(axis=1)]
        self.losses, self.squares = _losses(values, labels), _squares(values, labels)

    def scores(self, names: Sequence[str], weights: npt.NDArray[np.float32]) -> dict[str, Floats]:
        """Return each metric, (B,), of resamples given as counts (B, N)."""
        k = self.values.shape[1]
        confusions = (weights @ self.cells).astype(np.float64).reshape(-1, k, k)
        return {name: self._score(name, weights, confusions) for name in names}

    def _score(self, name: str, weights: npt.NDArray[np.float32], confusions: Floats) -> Floats:
        n = len(self.labels)
        if name == "accuracy":
            return np.asarray(np.trace(confusions, axis1=1, axis2=2) / n, np.float64)
        if name == "balanced_accuracy":
            return _balanced(confusions)
        if name == "macro_f1":
            return _macro_f1(confusions)
        if name == "ece":
            return _ece(self.values, self.labels, 15, weights.astype(np.float64))
        return np.asarray(weights @ (self.losses if name == "nll" else self.squares) / n, np.float64)


def _resampled(resampling: _Resampling, names: Sequence[str], rounds: int, seed: int) -> dict[str, Floats]:
    """Return each metric on `rounds` resamples, float64 (rounds,), with the bias of ECE corrected."""
    parts = [resampling.scores(names, weights) for weights in _weights(len(resampling.labels), rounds, seed)]
    samples = {name: np.concatenate([part[name] for part in parts]) for name in names}
    if "ece" in samples:
        shift = ece(resampling.values, resampling.labels) - samples["ece"].mean()
        samples["ece"] = np.clip(samples["ece"] + shift, 0, 1)
    return samples


def _weights(n: int, rounds: int, seed: int) -> Iterator[npt.NDArray[np.float32]]:
    """Yield how often each face is drawn, (B, N), a hundred resamples at a time to limit memory."""
    generator = np.random.default_rng(seed)
    for start in range(0, rounds, 100):
        yield generator.multinomial(n, np.full(n, 1 / n), size=min(100, rounds - start)).astype(np.float32)
