"""Measure robustness: a model's scores under every corruption at every level.

This module computes and writes text; `mien.report.robustness` draws.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.datasets import FaceDataset, default_split
from mien.errors import InputError
from mien.evaluation import metrics
from mien.evaluation.corruptions import CORRUPTIONS, LEVELS, corrupt
from mien.evaluation.evaluate import EvaluatedModel, predict_crops, test_sets
from mien.files import write_atomically
from mien.labels import PLURALITY
from mien.tables import align

METRICS_BY_NAME: dict[str, Callable[..., float]] = {"accuracy": metrics.accuracy, "ece": metrics.ece}


@dataclass(frozen=True)
class Robustness:
    """Hold a model's scores on one split, clean and under each corruption.

    Attributes:
        split: name of the split.
        n: number of faces.
        data_digest: digest of the split.
        clean: test set -> metric -> value. The test sets are the data's own labels and FER+'s plurality of eight.
        corrupted: test set -> metric -> corruption -> the values at levels 1 to 5.
    """

    split: str
    n: int
    data_digest: str
    clean: dict[str, dict[str, float]]
    corrupted: dict[str, dict[str, dict[str, tuple[float, ...]]]]

    def mean(self, test_set: str, corruption: str | None = None, metric: str = "accuracy") -> float:
        """Return the mean of a metric over the levels of one corruption, or of all corruptions (None)."""
        values = self.corrupted[test_set][metric]
        chosen = values.values() if corruption is None else [values[corruption]]
        return float(np.mean([value for levels in chosen for value in levels]))

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain lists and dicts, for JSON, with the strength of every level."""
        return {
            "split": self.split,
            "n": self.n,
            "data_digest": self.data_digest,
            "strengths": {name: {"unit": each.unit, "levels": each.strengths} for name, each in CORRUPTIONS.items()},
            "clean": self.clean,
            "corrupted": self.corrupted,
            "mean": {
                name: {metric: self.mean(name, metric=metric) for metric in METRICS_BY_NAME} for name in self.clean
            },
        }

    def to_json(self, path: str | Path) -> Path:
        """Write `to_dict()` as JSON, atomically."""
        return write_atomically(path, json.dumps(self.to_dict(), indent=2) + "\n")

    def table(self) -> str:
        """Return the accuracy in percent at every level, as plain aligned text for a terminal."""
        parts = []
        for name, clean in self.clean.items():
            rows = [[f"{name}, accuracy", *(f"level {level}" for level in LEVELS), "mean"]]
            rows.append(["as they are", *[""] * len(LEVELS), f"{clean['accuracy']:.1%}"])
            for corruption, values in self.corrupted[name]["accuracy"].items():
                cells = [f"{value:.1%}" for value in values]
                rows.append([corruption, *cells, f"{self.mean(name, corruption):.1%}"])
            rows.append(["all", *[""] * len(LEVELS), f"{self.mean(name):.1%}"])
            parts.append(align(rows))
        return "\n\n".join(parts)


def measure_robustness(
    model: EvaluatedModel,
    dataset: FaceDataset,
    split: str | None = None,
    progress: Callable[[float], None] | None = None,
    seed: int = 0,
) -> Robustness:
    """Score a model on one split, clean and under every corruption at every level.

    Args:
        model: the model.
        dataset: the data.
        split: the split to score on; None: see `default_split` (PublicTest, Test, Validation, Training).
        progress: called with the share done, 0 to 1.
        seed: seed of the noise, and of the sides that faces are rotated to.

    Raises:
        DataError: the split has no faces.
        InputError: no head can be scored.
    """
    split = split or default_split(dataset)
    faces = dataset.split(split)
    tasks = [(None, 0), *((name, level) for name in CORRUPTIONS for level in LEVELS)]
    clean: dict[str, dict[str, float]] = {}
    corrupted: dict[str, dict[str, dict[str, list[float]]]] = {}
    for place, (name, level) in enumerate(tasks):
        crops = faces.faces if name is None else corrupt(faces.faces, name, level, seed)
        probabilities, _ = predict_crops(model, crops)
        for test_set, head, _, rows, labels in test_sets(faces, probabilities):
            if test_set not in (faces.label_set.name, f"ferplus, {PLURALITY}"):
                continue
            for metric, function in METRICS_BY_NAME.items():
                value = function(probabilities[head][rows], labels)
                if name is None:
                    clean.setdefault(test_set, {})[metric] = value
                else:
                    per_metric = corrupted.setdefault(test_set, {}).setdefault(metric, {})
                    per_metric.setdefault(name, []).append(value)
        if progress:
            progress((place + 1) / len(tasks))
    if not clean:
        raise InputError(f"nothing to score: the bundle has no head for the data's labels, {faces.label_set.name}")
    frozen = {
        test_set: {metric: {name: tuple(values) for name, values in each.items()} for metric, each in per.items()}
        for test_set, per in corrupted.items()
    }
    return Robustness(split, len(faces), faces.digest, clean, frozen)
