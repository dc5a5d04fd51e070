"""Fit what a bundle says of its errors (`mien.uncertainty`) on its calibration faces."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mien.bundle import softmax
from mien.datasets import FaceDataset, plurality, vote_shares
from mien.labels import FERPLUS
from mien.metadata import Head
from mien.pipeline import vote_numbers
from mien.uncertainty import Interval, Uncertainty

COVERAGES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99)

POOLED = (10, 30, 100, 300)
"""Tried weights of all faces, in faces, beside those of an emotion: rare emotions have too few of their own."""

LARGEST_MEAN_SET = 1.97
"""The least pooling is chosen with which sets of 90 % hold no more emotions than this on average."""

INTERVAL = 0.9
"""Share of real values that an interval is to hold."""

KNOTS, NEIGHBOURS = 15, 300

LEAST_FACES = 200
"""Fewest faces on which a head's uncertainty is fitted."""

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]


def fit_uncertainty(
    probabilities: Floats, labels: Labels, intervals: dict[str, Interval] | None = None, *, seed: int = 0
) -> Uncertainty:
    """Fit the frequencies and the thresholds of the emotion sets.

    Args:
        probabilities: calibrated, (N, K).
        labels: the right ones, int (N,).
        intervals: of numbers that are derived from the votes, see `fit_interval`.
        seed: of the halves on which the pooling is chosen.
    """
    n, k = probabilities.shape
    right = np.asarray(probabilities, np.float64)[np.arange(n), labels]
    pooled = choose_pooling(np.asarray(probabilities), labels, seed)
    counts = np.bincount(labels, minlength=k) + 0.5
    return Uncertainty(
        tuple((counts / counts.sum()).tolist()),
        COVERAGES,
        tuple(tuple(np.round(thresholds(right, labels, k, coverage, pooled), 6).tolist()) for coverage in COVERAGES),
        tuple(float(lower_quantile(right, 1 - coverage)) for coverage in COVERAGES),
        intervals or {},
    )


def choose_pooling(probabilities: Floats, labels: Labels, seed: int = 0) -> int:
    """Return the least of POOLED with which the sets of 90 % are small enough; judged on the other half of the faces.

    Args:
        probabilities: calibrated, (N, K).
        labels: the right ones, int (N,).
        seed: of the halves.
    """
    n, k = probabilities.shape
    order = np.random.default_rng(seed).permutation(n)
    halves = order[: n // 2], order[n // 2 :]
    for pooled in POOLED[:-1]:
        sizes = []
        for fitted, judged in (halves, halves[::-1]):
            right = np.asarray(probabilities[fitted, labels[fitted]], np.float64)
            sizes.append(
                (probabilities[judged] >= thresholds(right, labels[fitted], k, INTERVAL, pooled)).sum(1).mean()
            )
        if np.mean(sizes) <= LARGEST_MEAN_SET:
            return pooled
    return POOLED[-1]


def thresholds(right: Floats, labels: Labels, count: int, coverage: float, pooled: float) -> npt.NDArray[np.float64]:
    """Return the least probability with which each emotion is in the set, float64 (count,).

    It is the quantile of the probabilities that faces of the emotion give it, with all faces counted as `pooled` faces
    more.

    Args:
        right: the probability of each face's right emotion, (N,).
        labels: the right emotions, int (N,).
        count: number of emotions.
        coverage: share of the faces of each emotion whose sets are to hold it.
        pooled: weight of all faces together, in faces.
    """
    order = np.argsort(right)
    of_all = np.full(len(right), pooled / len(right))
    found = np.empty(count)
    for column in range(count):
        weights = (of_all + (labels == column))[order]
        reached = np.searchsorted(np.cumsum(weights), (1 - coverage) * weights.sum(), side="right")
        found[column] = right[order[min(reached, len(order) - 1)]]
    return found


def lower_quantile(values: Floats, share: float) -> float:
    """Return the greatest of the values below which at most a share of them lies, as in split conformal prediction."""
    below = math.floor((len(values) + 1) * share)
    return float(np.sort(values)[below - 1]) if below else 0.0


def fit_interval(estimated: Floats, real: Floats) -> Interval:
    """Fit the interval around an estimated number that holds nine of ten real ones.

    At each of some estimated values the quantiles of the errors of the nearest faces are taken.

    Args:
        estimated: (N,).
        real: (N,).
    """
    knots = np.unique(np.round(np.quantile(estimated, np.linspace(0, 1, KNOTS)), 4))
    knots = np.array([knots[0], *(b for a, b in pairwise(knots) if b - a > 1e-3)])
    errors = np.asarray(real, np.float64) - estimated
    low, high = [], []
    for knot in knots:
        near = np.sort(errors[np.argsort(np.abs(estimated - knot))[:NEIGHBOURS]])
        outside = max(0, math.floor((len(near) + 1) * (1 - INTERVAL) / 2) - 1)
        low.append(max(knot + near[outside], np.min(real)))
        high.append(min(knot + near[-1 - outside], np.max(real)))
    return Interval(*(tuple(round(float(value), 4) for value in part) for part in (knots, low, high)))


def with_uncertainty(
    heads: Sequence[Head], logits: Mapping[str, npt.NDArray[np.float32]], dataset: FaceDataset
) -> tuple[Head, ...]:
    """Return heads with what labelled faces say of their errors; a head with too few faces or no labels has nothing.

    Args:
        heads: the calibrated heads.
        logits: head -> logits of the faces, float32 (N, K).
        dataset: the N faces, on which the heads were calibrated.
    """
    return tuple(_with_uncertainty(head, logits[head.name], dataset) for head in heads)


def _with_uncertainty(head: Head, logits: npt.NDArray[np.float32], dataset: FaceDataset) -> Head:
    rows, labels = np.arange(len(dataset)), dataset.labels
    intervals = {}
    if head.labels != dataset.label_set:
        if head.labels != FERPLUS or dataset.votes is None:
            return head
        rows, labels = plurality(dataset.votes)
        if head.share_temperature is not None:
            real = vote_numbers(vote_shares(dataset.votes)[rows], head.labels)
            estimated = vote_numbers(softmax(logits[rows], head.share_temperature), head.labels)
            intervals = {name: fit_interval(values, real[name]) for name, values in estimated.items()}
    if len(rows) < LEAST_FACES:
        return head
    probabilities = softmax(logits[rows], head.temperature)
    return replace(head, uncertainty=fit_uncertainty(probabilities, labels, intervals))
