"""Calibrate probabilities by temperature scaling and class scaling.

A temperature is one number that divides the logits. Class scaling multiplies the logits by a factor, per class or the
same for all classes, and adds an offset per class (Guo et al. 2017, https://arxiv.org/abs/1706.04599, call it vector
scaling). This module knows logits and targets, not their source.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.bundle import log_softmax, softmax
from mien.errors import InputError, MissingExtraError, describe_value
from mien.evaluation import metrics

LOWEST, HIGHEST = 0.05, 20.0
"""The bounds of a fitted temperature: a value outside them means that the network itself is wrong."""

FOLDS = 5
"""Number of folds by which class scalings are compared."""

PENALTY = 5.0
"""Strength of the L2 penalty on class scaling: times half the squared deviations from no class scaling."""

REPEATS = 5
"""How often the faces are divided into folds anew."""


@dataclass(frozen=True)
class ClassScaling:
    """Scale logits by class: `factors * logits + offsets`.

    Attributes:
        factors: float64 (K,).
        offsets: float64 (K,).
    """

    factors: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.float64]

    def apply(self, logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the scaled logits, float32 (N, K), of logits (N, K)."""
        return np.asarray(logits * self.factors + self.offsets, np.float32)

    def undo(self, scaled: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the logits, float32 (N, K), that `apply` scaled to `scaled` (N, K)."""
        return np.asarray((scaled - self.offsets) / self.factors, np.float32)


Fit = Callable[[npt.NDArray[np.floating], npt.NDArray[np.integer]], ClassScaling]


def fit_temperature(logits: npt.NDArray[np.floating], targets: npt.NDArray[Any]) -> float:
    """Fit the temperature, 0.05 to 20, that minimises the cross entropy of `softmax(logits / temperature)`.

    Args:
        logits: float (N, K), finite, at least 2 classes.
        targets: labels, int (N,); or vote shares, float (N, K), whose rows sum to 1, or to 0 to leave the row out.

    Raises:
        InputError: the arrays do not fit together, or do not determine a temperature.
    """
    if not isinstance(logits, np.ndarray) or logits.dtype.kind != "f" or logits.ndim != 2 or logits.shape[1] < 2:
        raise InputError(f"logits: expected a float array (N, K) with at least 2 classes, got {describe_value(logits)}")
    if not np.isfinite(logits).all():
        raise InputError("logits: expected finite numbers, got NaN or infinity. The network has diverged.")
    shares = _as_shares(targets, *logits.shape)
    used = shares.sum(axis=1) > 0
    if not used.any():
        raise InputError("targets: expected at least one row with a label or a share, got none")
    scores, shares = logits[used].astype(np.float64), shares[used]
    if np.ptp(scores, axis=1).max() < 1e-9:
        raise InputError("logits: expected some difference between classes, got none: any temperature is as good.")

    optimize = _scipy_optimize()

    def cross_entropy(log_temperature: float) -> float:
        return -float((shares * log_softmax(scores / math.exp(log_temperature))).sum(axis=1).mean())

    # The cross entropy is convex in 1 / T, and so has one minimum in log T too; the search never reaches its bounds.
    low, high = math.log(LOWEST), math.log(HIGHEST)
    inside = optimize.minimize_scalar(cross_entropy, bounds=(low, high), method="bounded", options={"xatol": 1e-8}).x
    return math.exp(min((low, high, inside), key=cross_entropy))


def fit_class_scaling(
    logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], *, shared_factor: bool = False
) -> ClassScaling:
    """Fit the factors and offsets that minimise the cross entropy plus an L2 penalty.

    The penalty keeps the values of classes with few faces close to no scaling.

    Args:
        logits: float (N, K), finite.
        labels: int (N,).
        shared_factor: fit one factor for all classes, so that, combined with a temperature, only the offsets matter
            (Alexandari et al. 2020, https://arxiv.org/abs/1901.06852: bias-corrected temperature scaling).
    """
    optimize = _scipy_optimize()
    n, k = logits.shape
    scores, chosen = logits.astype(np.float64), _as_shares(labels, n, k)
    spread = np.ones((k, 1)) if shared_factor else np.eye(k)
    free = spread.shape[1]

    def cross_entropy(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        factors, offsets = spread @ weights[:free], weights[free:]
        logs = log_softmax(factors * scores + offsets)
        error = np.exp(logs) - chosen
        apart = factors - factors.mean()
        value = -float((logs * chosen).sum()) + PENALTY / 2 * float((apart**2).sum() + (offsets**2).sum())
        of_factors = spread.T @ ((error * scores).sum(axis=0) + PENALTY * apart)
        return value / n, np.concatenate([of_factors, error.sum(axis=0) + PENALTY * offsets]) / n

    bounds = [(1 / HIGHEST, 1 / LOWEST)] * free + [(None, None)] * k
    found = optimize.minimize(cross_entropy, [1.0] * free + [0.0] * k, jac=True, method="L-BFGS-B", bounds=bounds).x
    return ClassScaling(spread @ found[:free], found[free:])


def select_class_scaling(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> ClassScaling | None:
    """Fit offsets, or offsets and factors if these have the lower cross-validated loss.

    Both are fitted on four folds and scored on the fifth, for each of the five folds, `REPEATS` times. The better one
    is then fitted on all faces.

    Args:
        logits: float (N, K), finite.
        labels: int (N,).

    Returns:
        The class scaling, or None if there are fewer than five faces per class: too few for more than a temperature.
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
    raise InputError(f"targets: expected int labels ({n},) or float shares ({n}, {k}), got {describe_value(targets)}")


def _scipy_optimize() -> Any:
    try:
        from scipy import optimize
    except ImportError as error:
        raise MissingExtraError("fitting a calibration", "report") from error
    return optimize
