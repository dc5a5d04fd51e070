"""Probabilities and labels on which metrics are checked, usual and odd ones."""

from __future__ import annotations

import numpy as np


def random_case(n: int, k: int, seed: int, present: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, present or k, n)
    logits = rng.normal(0, 1.5, (n, k))
    logits[np.arange(n), labels] += 1
    probabilities = np.exp(logits)
    return (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32), labels


CASES = {
    "usual": random_case(400, 7, 0),
    "eight": random_case(300, 8, 1),
    "two": random_case(50, 2, 2),
    "absent classes": random_case(200, 7, 3, present=3),
    "few": random_case(4, 7, 4),
    "one": random_case(1, 7, 5),
    "one label only": random_case(30, 7, 6, present=1),
    "certain": (np.eye(7)[[0, 1, 2, 2, 6]], np.array([0, 1, 2, 3, 6])),
    "never right": (np.eye(3)[[1, 2, 0]], np.array([0, 1, 2])),
}
