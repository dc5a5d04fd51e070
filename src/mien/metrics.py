"""Metrics as pure functions of numpy arrays. They know numbers, not pictures, labels' names or networks.

Everywhere `probabilities` is float `(N, K)`, rows summing to 1 (never logits), and `labels` is int `(N,)`, 0
to K-1. A prediction is the most probable class, the first of equals. Classes that nobody has count as
scikit-learn counts them with `zero_division=0`. Unfit arguments raise InputError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import InputError, nearest

Probabilities = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]

_TINY = 1e-12  # A class given probability 0 costs 27.6 nats, not infinity.


def check(probabilities: Probabilities, labels: Labels) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Both, as float64 `(N, K)` and int64 `(N,)`, if they fit together."""
    if not isinstance(probabilities, np.ndarray) or probabilities.dtype.kind != "f" or probabilities.ndim != 2:
        raise InputError(f"probabilities: expected a float array (N, K), got {_describe(probabilities)}")
    n, k = probabilities.shape
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.shape != (n,):
        raise InputError(f"labels: expected an int array ({n},), one for each row, got {_describe(labels)}")
    if not n or not k:
        raise InputError(f"probabilities: expected at least one row and one class, got shape {probabilities.shape}")
    values = probabilities.astype(np.float64)
    sums = values.sum(axis=1)
    if not (values >= 0).all() or not (np.abs(sums - 1) < 1e-3).all():  # NaN fails both
        raise InputError(
            "probabilities: expected rows of values from 0 that sum to 1, "
            f"got values from {values.min():g} and sums from {sums.min():g} to {sums.max():g}. "
            "For logits, call mien.calibration.softmax first."
        )
    if labels.min() < 0 or labels.max() >= k:
        raise InputError(f"labels: expected 0 to {k - 1}, got {labels.min()} to {labels.max()}")
    return values, labels.astype(np.int64)


def _describe(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


@dataclass(frozen=True)
class PerClass:
    """Each float64 `(K,)`; support, the number of faces with that label, is int64 `(K,)`."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: npt.NDArray[np.int64]


def confusion_matrix(probabilities: Probabilities, labels: Labels) -> npt.NDArray[np.int64]:
    """int64 `(K, K)`: row = label, column = prediction."""
    values, labels = check(probabilities, labels)
    k = values.shape[1]
    return np.bincount(labels * k + values.argmax(axis=1), minlength=k * k).reshape(k, k).astype(np.int64)


def per_class(probabilities: Probabilities, labels: Labels) -> PerClass:
    """Precision, recall, F1 and support of every class; 0 where there is nothing to divide by."""
    confusion = confusion_matrix(probabilities, labels)
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return PerClass(_ratio(hits, predicted), _ratio(hits, support), _ratio(2 * hits, support + predicted), support)


def _ratio(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> Floats:
    return np.asarray(np.where(below > 0, above / np.maximum(below, 1), 0.0), np.float64)


def accuracy(probabilities: Probabilities, labels: Labels) -> float:
    return _accuracy(*check(probabilities, labels))


def balanced_accuracy(probabilities: Probabilities, labels: Labels) -> float:
    """The mean recall of the classes that occur in `labels`."""
    return _from_confusion(_balanced, probabilities, labels)


def macro_f1(probabilities: Probabilities, labels: Labels) -> float:
    """The mean F1 of the classes that occur in `labels` or in the predictions."""
    return _from_confusion(_macro_f1, probabilities, labels)


def nll(probabilities: Probabilities, labels: Labels) -> float:
    """The mean negative logarithm of the label's probability, in nats."""
    return float(_losses(*check(probabilities, labels)).mean())


def brier(probabilities: Probabilities, labels: Labels) -> float:
    """The mean squared distance from the certain answer, summed over classes: 0 to 2."""
    return float(_squares(*check(probabilities, labels)).mean())


def ece(probabilities: Probabilities, labels: Labels, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from accuracy, over bins of equal width.

    A perfectly calibrated model does not show 0 on a finite sample: with 3,589 faces about .015.
    """
    if bins < 1:
        raise InputError(f"bins: expected at least 1, got {bins}")
    values, labels = check(probabilities, labels)
    weights = np.ones((1, len(labels)))
    return float(_ece(values, labels, bins, weights)[0])


def _accuracy(values: Floats, labels: npt.NDArray[np.int64]) -> float:
    return float((values.argmax(axis=1) == labels).mean())


def _losses(values: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    return np.asarray(-np.log(np.maximum(values[np.arange(len(labels)), labels], _TINY)), np.float64)


def _squares(values: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    return np.asarray(((values - np.eye(values.shape[1])[labels]) ** 2).sum(axis=1), np.float64)


def _ece(values: Floats, labels: npt.NDArray[np.int64], bins: int, weights: Floats) -> Floats:
    """For each row of weights `(B, N)`, float64 `(B,)`."""
    confidence = values.max(axis=1)
    # Bins are open below and closed above, as in Guo et al. 2017.
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = weights * ((values.argmax(axis=1) == labels) - confidence)
    total = np.zeros(len(weights))
    for b in range(bins):
        total += np.abs(gaps[:, place == b].sum(axis=1))
    return np.asarray(total / weights.sum(axis=1), np.float64)


def _from_confusion(score: Callable[[npt.NDArray[Any]], Floats], probabilities: Probabilities, labels: Labels) -> float:
    return float(score(confusion_matrix(probabilities, labels)[None])[0])


def _balanced(confusions: npt.NDArray[Any]) -> Floats:
    """Confusion matrices `(B, K, K)` -> `(B,)`."""
    support = confusions.sum(axis=2)
    recall = _ratio(np.diagonal(confusions, axis1=1, axis2=2), support)
    return _ratio(recall.sum(axis=1), (support > 0).sum(axis=1))


def _macro_f1(confusions: npt.NDArray[Any]) -> Floats:
    """Confusion matrices `(B, K, K)` -> `(B,)`."""
    both = confusions.sum(axis=2) + confusions.sum(axis=1)
    f1 = _ratio(2 * np.diagonal(confusions, axis1=1, axis2=2), both)
    return _ratio(f1.sum(axis=1), (both > 0).sum(axis=1))


METRICS: dict[str, Callable[[Probabilities, Labels], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "nll": nll,
    "brier": brier,
    "ece": ece,
}


def bootstrap_interval(
    probabilities: Probabilities,
    labels: Labels,
    metrics: Sequence[str] = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece"),
    rounds: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """The percentile interval of each metric over `rounds` resamples: name -> (low, high).

    The same samples serve all metrics, and the same seed gives the same interval. ECE is biased
    upwards on a resample, which repeats faces, so its samples are shifted by the difference of their mean from it.
    """
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise InputError(f"unknown metric {unknown[0]!r}; {nearest(unknown[0], METRICS)}")
    if rounds < 1 or not 0 < level < 1:
        raise InputError(f"expected rounds from 1 and a level between 0 and 1, got {rounds} and {level}")
    values, labels = check(probabilities, labels)
    n, k = values.shape
    generator = np.random.default_rng(seed)
    cells = np.eye(k * k, dtype=np.float32)[labels * k + values.argmax(axis=1)]
    losses, squares = _losses(values, labels), _squares(values, labels)
    scores: dict[str, list[Floats]] = {name: [] for name in metrics}
    # A resample is a count for each face, so that every metric is a product with the counts.
    for start in range(0, rounds, 100):  # a hundred at a time, to keep the counts small
        weights = generator.multinomial(n, np.full(n, 1 / n), size=min(100, rounds - start)).astype(np.float32)
        confusions = (weights @ cells).astype(np.float64).reshape(-1, k, k)
        for name in metrics:
            scores[name].append(_resampled(name, weights, confusions, values, labels, losses, squares))
    tail = (1 - level) / 2
    intervals = {}
    for name in metrics:
        samples = np.concatenate(scores[name])
        if name == "ece":
            samples = np.clip(samples + ece(values, labels) - samples.mean(), 0, 1)
        low, high = np.quantile(samples, [tail, 1 - tail])
        intervals[name] = (float(low), float(high))
    return intervals


def _resampled(
    name: str,
    weights: npt.NDArray[np.float32],
    confusions: Floats,
    values: Floats,
    labels: npt.NDArray[np.int64],
    losses: Floats,
    squares: Floats,
) -> Floats:
    """The metric for each row of weights `(B, N)`: `(B,)`."""
    n = len(labels)
    if name == "accuracy":
        return np.asarray(np.trace(confusions, axis1=1, axis2=2) / n, np.float64)
    if name == "balanced_accuracy":
        return _balanced(confusions)
    if name == "macro_f1":
        return _macro_f1(confusions)
    if name == "ece":
        return _ece(values, labels, 15, weights.astype(np.float64))
    return np.asarray(weights @ (losses if name == "nll" else squares) / n, np.float64)


def mean_absolute_error(estimates: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> float:
    """The mean of |estimate - truth|; float arrays of one shape."""
    a, b = _pair(estimates, truth)
    return float(np.abs(a - b).mean())


def pearson(estimates: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> float:
    """Pearson's correlation, -1 to 1; NaN if either side is constant, where it is not defined."""
    a, b = _pair(estimates, truth)
    da, db = a - a.mean(), b - b.mean()
    below = float(np.sqrt((da**2).sum() * (db**2).sum()))
    return float(np.clip((da * db).sum() / below, -1, 1)) if below > 0 else float("nan")


def concordance(estimates: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> float:
    """Lin's concordance correlation, -1 to 1: Pearson's, less what differs in mean and spread.

    NaN if both sides are the same constant, where it is not defined.
    """
    a, b = _pair(estimates, truth)
    below = float(a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    return float(2 * ((a - a.mean()) * (b - b.mean())).mean() / below) if below > 0 else float("nan")


def _pair(estimates: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
    a, b = np.asarray(estimates), np.asarray(truth)
    if a.shape != b.shape or not a.size or a.dtype.kind not in "fiu" or b.dtype.kind not in "fiu":
        raise InputError(f"expected two number arrays of one shape, not empty, got {_describe(a)} and {_describe(b)}")
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("expected finite numbers, got NaN or infinity")
    return a, b
