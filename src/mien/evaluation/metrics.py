"""Compute metrics, as pure functions of numpy arrays. They know numbers, not pictures, names of labels or networks.

In all of them `probabilities` is float (N, K), rows sum to 1 (never logits), and `labels` is int (N,), 0 to K-1. The
prediction is the most probable class, the first of equals. Classes without faces count as scikit-learn counts them with
`zero_division=0`. Arguments that do not fit raise InputError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import InputError, describe_value

ProbabilityArray = npt.NDArray[np.floating]
LabelArray = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]

_TINY = 1e-12  # A class given probability 0 costs 27.6 nats, not infinity.


def check(probabilities: ProbabilityArray, labels: LabelArray) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return probabilities as float64 (N, K) and labels as int64 (N,), checked.

    Raises:
        InputError: they are not probabilities and labels, or do not fit together.
    """
    if not isinstance(probabilities, np.ndarray) or probabilities.dtype.kind != "f" or probabilities.ndim != 2:
        raise InputError(f"probabilities: expected a float array (N, K), got {describe_value(probabilities)}")
    n, k = probabilities.shape
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.shape != (n,):
        raise InputError(f"labels: expected an int array ({n},), one for each row, got {describe_value(labels)}")
    if not n or not k:
        raise InputError(f"probabilities: expected at least one row and one class, got shape {probabilities.shape}")
    values = probabilities.astype(np.float64)
    sums = values.sum(axis=1)
    if not (values >= 0).all() or not (np.abs(sums - 1) < 1e-3).all():  # NaN fails both
        raise InputError(
            "probabilities: expected rows of values from 0 that sum to 1, "
            f"got values from {values.min():g} and sums from {sums.min():g} to {sums.max():g}. "
            "For logits, call mien.bundle.softmax first."
        )
    if labels.min() < 0 or labels.max() >= k:
        raise InputError(f"labels: expected 0 to {k - 1}, got {labels.min()} to {labels.max()}")
    return values, labels.astype(np.int64)


@dataclass(frozen=True)
class PerClass:
    """Hold the scores of every class.

    Attributes:
        precision: float64 (K,).
        recall: float64 (K,).
        f1: float64 (K,).
        support: number of faces with that label, int64 (K,).
    """

    precision: Floats
    recall: Floats
    f1: Floats
    support: npt.NDArray[np.int64]


def confusion_matrix(probabilities: ProbabilityArray, labels: LabelArray) -> npt.NDArray[np.int64]:
    """Return the confusion matrix, int64 (K, K): row = label, column = prediction."""
    values, labels = check(probabilities, labels)
    k = values.shape[1]
    return np.bincount(labels * k + values.argmax(axis=1), minlength=k * k).reshape(k, k).astype(np.int64)


def per_class(probabilities: ProbabilityArray, labels: LabelArray) -> PerClass:
    """Return precision, recall, F1 and support of every class; 0 where the denominator is 0."""
    confusion = confusion_matrix(probabilities, labels)
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return PerClass(_ratio(hits, predicted), _ratio(hits, support), _ratio(2 * hits, support + predicted), support)


def _ratio(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> Floats:
    return np.asarray(np.where(below > 0, above / np.maximum(below, 1), 0.0), np.float64)


def accuracy(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the share of correct predictions, 0 to 1."""
    return _accuracy(*check(probabilities, labels))


def balanced_accuracy(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the mean recall of the classes that occur in `labels`, 0 to 1."""
    return _from_confusion(_balanced, probabilities, labels)


def macro_f1(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the mean F1 of the classes that occur in `labels` or in the predictions, 0 to 1."""
    return _from_confusion(_macro_f1, probabilities, labels)


def weighted_f1(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the mean F1 of the classes, each weighted by its share of `labels`, 0 to 1."""
    scores = per_class(probabilities, labels)
    return float(scores.f1 @ scores.support / scores.support.sum())


def macro_precision(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the mean precision of the classes that occur in `labels` or in the predictions, 0 to 1."""
    confusion = confusion_matrix(probabilities, labels)
    return _mean_of_seen(_ratio(np.diag(confusion), confusion.sum(axis=0)), confusion)


def macro_recall(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the mean recall of the classes that occur in `labels` or in the predictions, 0 to 1.

    `balanced_accuracy` is the same over the classes in `labels` alone.
    """
    confusion = confusion_matrix(probabilities, labels)
    return _mean_of_seen(_ratio(np.diag(confusion), confusion.sum(axis=1)), confusion)


def macro_auc(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the mean one-vs-rest area under the ROC curve, 0 to 1, over the classes that occur in `labels`.

    The area of a class is the probability that one of its faces gets a higher score for it than a face of another
    class; equal scores count half. NaN (undefined) if only one class occurs.
    """
    values, labels = check(probabilities, labels)
    present = np.unique(labels)
    if len(present) < 2:  # no face of another class
        return float("nan")
    return float(np.mean([_auc(values[:, k], labels == k) for k in present]))


def _auc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Compute the area by the rank sum of the positives (Mann and Whitney); ties get the mean of their ranks."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(scores) - n)))


def _mean_of_seen(scores: Floats, confusion: npt.NDArray[np.int64]) -> float:
    return float(scores[(confusion.sum(axis=1) + confusion.sum(axis=0)) > 0].mean())


def nll(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the mean negative log-likelihood of the labels, in nats, from 0."""
    return float(_losses(*check(probabilities, labels)).mean())


def brier(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the mean Brier score: the squared distance from the one-hot label, summed over classes, 0 to 2."""
    return float(_squares(*check(probabilities, labels)).mean())


def ece(probabilities: ProbabilityArray, labels: LabelArray, bins: int = 15) -> float:
    """Return the expected calibration error, 0 to 1: the mean gap between confidence and accuracy, over bins.

    The bins of the confidence have equal width. A perfectly calibrated model does not reach 0 on a finite sample: with
    3,589 faces it has about .015.
    """
    values, labels = check(probabilities, labels)
    weights = np.ones((1, len(labels)))
    return float(_ece(values, labels, bins, weights)[0])


def classwise_ece(probabilities: ProbabilityArray, labels: LabelArray, bins: int = 15) -> float:
    """Return the classwise expected calibration error, 0 to 1 (Kull et al. 2019, https://arxiv.org/abs/1910.12656).

    For each class, the mean gap between its probability and how often it is right, over bins of equal width; then the
    mean over the classes. It sees rare classes, which hardly count in the ECE of the most probable one.
    """
    values, labels = check(probabilities, labels)
    gaps = []
    for column in range(values.shape[1]):
        chances = values[:, column]
        place = np.asarray(np.clip(np.ceil(chances * bins) - 1, 0, bins - 1), np.int64)
        sums = np.bincount(place, weights=(labels == column) - chances, minlength=bins)
        gaps.append(np.abs(sums).sum() / len(labels))
    return float(np.mean(gaps))


@dataclass(frozen=True)
class Reliability:
    """Hold confidence and accuracy in bins of the confidence, of equal width from 0 to 1.

    Attributes:
        confidence: mean confidence of each bin, float64 (bins,); NaN in an empty bin.
        accuracy: accuracy of each bin, float64 (bins,); NaN in an empty bin.
        count: number of faces of each bin, int64 (bins,).
    """

    confidence: Floats
    accuracy: Floats
    count: npt.NDArray[np.int64]


def reliability(probabilities: ProbabilityArray, labels: LabelArray, bins: int = 15) -> Reliability:
    """Return confidence and accuracy in each bin; `ece` is the mean of their differences, weighted by count."""
    values, labels = check(probabilities, labels)
    place = _bins(values, bins)
    count = np.bincount(place, minlength=bins)
    below = np.where(count > 0, count, np.nan)
    confidence = np.bincount(place, values.max(axis=1), bins) / below
    right = np.bincount(place, values.argmax(axis=1) == labels, bins) / below
    return Reliability(confidence, right, count.astype(np.int64))


def risk_coverage(probabilities: ProbabilityArray, labels: LabelArray) -> tuple[Floats, Floats]:
    """Return the risk-coverage curve, with the faces in descending order of confidence.

    Faces of equal confidence have no order, so each of them counts as their mean.

    Returns:
        coverage: the share of faces answered, float64 (N,).
        risk: the share of wrong predictions among them, float64 (N,).
    """
    values, labels = check(probabilities, labels)
    _, place, counts = np.unique(-values.max(axis=1), return_inverse=True, return_counts=True)
    wrong = np.bincount(place, values.argmax(axis=1) != labels) / counts
    answered = np.arange(1, len(labels) + 1)
    return answered / len(labels), np.cumsum(np.repeat(wrong, counts)) / answered


def aurc(probabilities: ProbabilityArray, labels: LabelArray) -> float:
    """Return the area under the risk-coverage curve, 0 to 1: the mean risk over all coverages; lower is better."""
    return float(risk_coverage(probabilities, labels)[1].mean())


def _accuracy(values: Floats, labels: npt.NDArray[np.int64]) -> float:
    return float((values.argmax(axis=1) == labels).mean())


def _losses(values: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    return np.asarray(-np.log(np.maximum(values[np.arange(len(labels)), labels], _TINY)), np.float64)


def _squares(values: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    return np.asarray(((values - np.eye(values.shape[1])[labels]) ** 2).sum(axis=1), np.float64)


def _ece(values: Floats, labels: npt.NDArray[np.int64], bins: int, weights: Floats) -> Floats:
    """Compute the ECE for each row of weights (B, N): float64 (B,)."""
    place = _bins(values, bins)
    gaps = weights * ((values.argmax(axis=1) == labels) - values.max(axis=1))
    total = np.zeros(len(weights))
    for b in range(bins):
        total += np.abs(gaps[:, place == b].sum(axis=1))
    return np.asarray(total / weights.sum(axis=1), np.float64)


def _bins(values: Floats, bins: int) -> npt.NDArray[np.int64]:
    """Return the bin (N,) of every row's confidence: open below and closed above, as in Guo et al. 2017."""
    if bins < 1:
        raise InputError(f"bins: expected at least 1, got {bins}")
    return np.asarray(np.clip(np.ceil(values.max(axis=1) * bins) - 1, 0, bins - 1), np.int64)


def _from_confusion(
    score: Callable[[npt.NDArray[Any]], Floats], probabilities: ProbabilityArray, labels: LabelArray
) -> float:
    return float(score(confusion_matrix(probabilities, labels)[None])[0])


def _balanced(confusions: npt.NDArray[Any]) -> Floats:
    """Compute the balanced accuracy (B,) of confusion matrices (B, K, K)."""
    support = confusions.sum(axis=2)
    recall = _ratio(np.diagonal(confusions, axis1=1, axis2=2), support)
    return _ratio(recall.sum(axis=1), (support > 0).sum(axis=1))


def _macro_f1(confusions: npt.NDArray[Any]) -> Floats:
    """Compute the macro-F1 (B,) of confusion matrices (B, K, K)."""
    both = confusions.sum(axis=2) + confusions.sum(axis=1)
    f1 = _ratio(2 * np.diagonal(confusions, axis1=1, axis2=2), both)
    return _ratio(f1.sum(axis=1), (both > 0).sum(axis=1))


METRICS: dict[str, Callable[[ProbabilityArray, LabelArray], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "nll": nll,
    "brier": brier,
    "ece": ece,
}


ALL_METRICS = METRICS | {"weighted_f1": weighted_f1, "macro_auc": macro_auc, "classwise_ece": classwise_ece}
"""Every score of an evaluation; those of `METRICS` have intervals."""


def mean_absolute_error(estimates: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> float:
    """Return the mean of |estimate - truth|, for two number arrays of one shape."""
    a, b = _pair(estimates, truth)
    return float(np.abs(a - b).mean())


def pearson(estimates: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> float:
    """Return Pearson's correlation, -1 to 1; NaN (undefined) if one array is constant."""
    a, b = _pair(estimates, truth)
    da, db = a - a.mean(), b - b.mean()
    below = float(np.sqrt((da**2).sum() * (db**2).sum()))
    return float(np.clip((da * db).sum() / below, -1, 1)) if below > 0 else float("nan")


def concordance(estimates: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> float:
    """Return Lin's concordance correlation, -1 to 1: Pearson's, reduced where mean or spread differ.

    NaN (undefined) if both arrays are the same constant.
    """
    a, b = _pair(estimates, truth)
    below = float(a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    return float(2 * ((a - a.mean()) * (b - b.mean())).mean() / below) if below > 0 else float("nan")


def _pair(estimates: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
    a, b = np.asarray(estimates), np.asarray(truth)
    if a.shape != b.shape or not a.size or a.dtype.kind not in "fiu" or b.dtype.kind not in "fiu":
        raise InputError(
            f"expected two number arrays of one shape, not empty, got {describe_value(a)} and {describe_value(b)}"
        )
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("expected finite numbers, got NaN or infinity")
    return a, b
