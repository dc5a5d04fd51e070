"""What the tests of whole runs look at: the history, the best epoch, and whether two runs are the same."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch

from mien.bundle import Bundle
from mien.training.fit import Run

FLAT = np.full((1, 48, 48), 90, np.uint8)
CROPS = np.concatenate([FLAT, np.random.default_rng(0).integers(0, 256, (9, 48, 48), np.uint8)])


def history(folder: Path) -> list[dict[str, str]]:
    """The rows of history.csv but their seconds."""
    with Run(folder).history.open() as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def best_epoch(folder: Path) -> int:
    return int(torch.load(Run(folder).best, weights_only=False)["epoch"]) + 1


def assert_same_run(one: Path, other: Path) -> None:
    assert history(one) == history(other)
    first, second = (Bundle.load(folder / "mien.onnx") for folder in (one, other))
    assert first.metadata.heads == second.metadata.heads
    for head, logits in first.logits(CROPS).items():
        np.testing.assert_allclose(logits, second.logits(CROPS)[head], atol=1e-6, rtol=0)
