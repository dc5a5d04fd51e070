"""Temperature: one number that the logits are divided by, so that probabilities mean what they say.

Guo et al. 2017, https://arxiv.org/abs/1706.04599. This module knows logits and targets, not their source.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import InputError

LOWEST, HIGHEST = 0.05, 20.0
"""The bounds of a fitted temperature: beyond them something else is wrong with the network."""


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
