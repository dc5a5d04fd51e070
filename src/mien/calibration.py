"""Temperature and class scaling, which make probabilities mean what they say.

A temperature is one number that the logits are divided by; class scaling a factor and an offset for each class (Guo et
al. 2017, https://arxiv.org/abs/1706.04599, call it vector scaling). This module knows logits and targets, not their
source.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import InputError

LOWEST, HIGHEST = 0.05, 20.0
"""The bounds of a fitted temperature: beyond them something else is wrong with the network."""


FOLDS = 5
PULL = 5.0
"""How strongly class scaling is drawn to doing nothing: by so many times half the square of every deviation."""


@dataclass(frozen=True)
class ClassScaling:
    """`factors * logits + offsets`, each float64 `(K,)`."""

    factors: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.float64]

    def apply(self, logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """The scaled logits float32 `(N, K)`."""
        return np.asarray(logits * self.factors + self.offsets, np.float32)

    def undo(self, scaled: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """The logits that `apply` was given."""
        return np.asarray((scaled - self.offsets) / self.factors, np.float32)


def softmax(logits: npt.NDArray[np.floating], temperature: float = 1.0) -> npt.NDArray[np.float32]:
    """Probabilities float32 of `logits / temperature`, over the last axis; logits are float `(..., K)`."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(f"temperature: expected a positive number, got {temperature}")
    return np.asarray(np.exp(_log_softmax(np.asarray(logits, np.float64) / temperature)), np.float32)


def fit_temperature(logits: npt.NDArray[np.floating], targets: npt.NDArray[Any]) -> float:
    """The temperature, 0.05 to 20, that minimises the cross entropy of `softmax(logits / temperature)`.

    logits: float `(N, K)`. targets: int labels `(N,)`, or float `(N, K)`, rows summing to 1 (vote shares) or
    to 0, which leaves the row out. Raises InputError for arrays that do not fit, or that leave nothing to
    fit.
    """
    if not isinstance(logits, np.ndarray) or logits.dtype.kind != "f" or logits.ndim != 2 or logits.shape[1] < 2:
        raise InputError(f"logits: expected a float array (N, K) with at least 2 classes, got {_describe(logits)}")
    if not np.isfinite(logits).all():
        raise InputError("logits: expected finite numbers, got NaN or infinity. The network has diverged.")
    shares = _as_shares(targets, *logits.shape)
    used = shares.sum(axis=1) > 0
    if not used.any():
        raise InputError("targets: expected at least one row with a label or a share, got none")
    scores, shares = logits[used].astype(np.float64), shares[used]
    if np.ptp(scores, axis=1).max() < 1e-9:
        raise InputError("logits: expected some difference between classes, got none: any temperature is as good.")

    def cross_entropy(log_temperature: float) -> float:
        return -float((shares * _log_softmax(scores / math.exp(log_temperature))).sum(axis=1).mean())

    return math.exp(_minimise(cross_entropy, math.log(LOWEST), math.log(HIGHEST)))


def fit_class_scaling(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> ClassScaling:
    """The factors and offsets that minimise the cross entropy; those of a class with few faces move little.

    logits: finite float `(N, K)`. labels: int `(N,)`.
    """
    from scipy.optimize import minimize

    n, k = logits.shape
    scores, chosen = logits.astype(np.float64), _as_shares(labels, n, k)

    def cross_entropy(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        factors, offsets = weights[:k], weights[k:]
        logs = _log_softmax(factors * scores + offsets)
        error = np.exp(logs) - chosen
        apart = factors - factors.mean()
        value = -float((logs * chosen).sum()) + PULL / 2 * float((apart**2).sum() + (offsets**2).sum())
        slope = np.concatenate([(error * scores).sum(axis=0) + PULL * apart, error.sum(axis=0) + PULL * offsets])
        return value / n, slope / n

    bounds = [(1 / HIGHEST, 1 / LOWEST)] * k + [(None, None)] * k
    found = minimize(cross_entropy, [1.0] * k + [0.0] * k, jac=True, method="L-BFGS-B", bounds=bounds).x
    return ClassScaling(found[:k], found[k:])


def choose_class_scaling(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> ClassScaling | None:
    """The class scaling of these faces; None unless it helps faces that are new to it more than a temperature does.

    Both are fitted on four fifths of the faces and judged on the last, in turn; the mean loss must fall by more than
    its standard error.
    """
    n = len(logits)
    if n < FOLDS * logits.shape[1]:
        return None
    folds = np.random.default_rng(0).permutation(n) % FOLDS
    gains = np.empty(n)
    for fold in range(FOLDS):
        fitted, held = folds != fold, folds == fold
        scaling = fit_class_scaling(logits[fitted], labels[fitted])
        losses = []
        for values in (logits, scaling.apply(logits)):
            temperature = fit_temperature(values[fitted], labels[fitted])
            logs = _log_softmax(np.asarray(values[held], np.float64) / temperature)
            losses.append(-logs[np.arange(len(logs)), labels[held]])
        gains[held] = losses[0] - losses[1]
    sure = gains.mean() > gains.std() / math.sqrt(n)
    return fit_class_scaling(logits, labels) if sure else None


def _log_softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float64)


def _as_shares(targets: npt.NDArray[Any], n: int, k: int) -> npt.NDArray[np.float64]:
    if isinstance(targets, np.ndarray) and targets.dtype.kind in "iu" and targets.shape == (n,):
        if n and not 0 <= targets.min() <= targets.max() < k:
            raise InputError(f"targets: expected labels 0 to {k - 1}, got {targets.min()} to {targets.max()}")
        return np.asarray(np.eye(k)[targets], np.float64)
    if isinstance(targets, np.ndarray) and targets.dtype.kind == "f" and targets.shape == (n, k):
        sums = targets.sum(axis=1, dtype=np.float64)
        if not (targets >= 0).all() or not ((np.abs(sums - 1) < 1e-3) | (sums == 0)).all():
            raise InputError("targets: expected rows of shares from 0 that sum to 1 (or all 0), got others")
        return targets.astype(np.float64)
    raise InputError(f"targets: expected int labels ({n},) or float shares ({n}, {k}), got {_describe(targets)}")


def _minimise(function: Callable[[float], float], low: float, high: float) -> float:
    """Golden section: the cross entropy is convex in 1 / T, and so has one minimum in log T too."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 1e-6:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _describe(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
