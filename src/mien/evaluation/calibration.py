"""Temperature and class scaling, which make probabilities mean what they say.

A temperature is one number that the logits are divided by; class scaling an offset for each class, and a factor, which
may be the same for all (Guo et al. 2017, https://arxiv.org/abs/1706.04599, call it vector scaling). This module knows
logits and targets, not their source.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.bundle import _log_softmax, softmax
from mien.errors import InputError, kind_of
from mien.evaluation import metrics

LOWEST, HIGHEST = 0.05, 20.0
"""The bounds of a fitted temperature: beyond them something else is wrong with the network."""


FOLDS = 5


PULL = 5.0
"""How strongly class scaling is drawn to doing nothing: by so many times half the square of every deviation."""


REPEATS = 5


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


Fit = Callable[[npt.NDArray[np.floating], npt.NDArray[np.integer]], ClassScaling]


def fit_temperature(logits: npt.NDArray[np.floating], targets: npt.NDArray[Any]) -> float:
    """The temperature, 0.05 to 20, that minimises the cross entropy of `softmax(logits / temperature)`.

    logits: float `(N, K)`. targets: int labels `(N,)`, or float `(N, K)`, rows summing to 1 (vote shares) or
    to 0, which leaves the row out. Raises InputError for arrays that do not fit, or that leave nothing to
    fit.
    """
    if not isinstance(logits, np.ndarray) or logits.dtype.kind != "f" or logits.ndim != 2 or logits.shape[1] < 2:
        raise InputError(f"logits: expected a float array (N, K) with at least 2 classes, got {kind_of(logits)}")
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


def fit_class_scaling(
    logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], *, shared_factor: bool = False
) -> ClassScaling:
    """The factors and offsets that minimise the cross entropy; those of a class with few faces move little.

    logits: finite float `(N, K)`. labels: int `(N,)`. `shared_factor`: one factor for all classes, so that beside a
    temperature only the offsets act (Alexandari et al. 2020, https://arxiv.org/abs/1901.06852: bias-corrected
    temperature scaling).
    """
    from scipy.optimize import minimize

    n, k = logits.shape
    scores, chosen = logits.astype(np.float64), _as_shares(labels, n, k)
    spread = np.ones((k, 1)) if shared_factor else np.eye(k)
    free = spread.shape[1]

    def cross_entropy(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        factors, offsets = spread @ weights[:free], weights[free:]
        logs = _log_softmax(factors * scores + offsets)
        error = np.exp(logs) - chosen
        apart = factors - factors.mean()
        value = -float((logs * chosen).sum()) + PULL / 2 * float((apart**2).sum() + (offsets**2).sum())
        of_factors = spread.T @ ((error * scores).sum(axis=0) + PULL * apart)
        return value / n, np.concatenate([of_factors, error.sum(axis=0) + PULL * offsets]) / n

    bounds = [(1 / HIGHEST, 1 / LOWEST)] * free + [(None, None)] * k
    found = minimize(cross_entropy, [1.0] * free + [0.0] * k, jac=True, method="L-BFGS-B", bounds=bounds).x
    return ClassScaling(spread @ found[:free], found[free:])


def choose_class_scaling(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> ClassScaling | None:
    """Offsets, or factors too where these have the lower loss on faces that are new to them.

    Both are fitted on four fifths of the faces and judged on the last, in turn, REPEATS times, and the better one is
    fitted to all. None if there are fewer than five faces a class: too few for more than a temperature.
    """
    n = len(logits)
    if n < FOLDS * logits.shape[1]:
        return None
    fits: tuple[Fit, ...] = (partial(fit_class_scaling, shared_factor=True), fit_class_scaling)
    return min(fits, key=lambda fit: _cross_fitted_loss(fit, logits, labels))(logits, labels)


def _cross_fitted_loss(fit: Fit, logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> float:
    draw = np.random.default_rng(0)
    losses = []
    for _ in range(REPEATS):
        folds = draw.permutation(len(logits)) % FOLDS
        for fold in range(FOLDS):
            held = folds == fold
            scaled = fit(logits[~held], labels[~held]).apply(logits)
            temperature = fit_temperature(scaled[~held], labels[~held])
            losses.append(metrics.nll(softmax(scaled[held], temperature), labels[held]))
    return float(np.mean(losses))


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
    raise InputError(f"targets: expected int labels ({n},) or float shares ({n}, {k}), got {kind_of(targets)}")


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
