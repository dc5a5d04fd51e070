"""Finished runs as folders, made without training: the tiny bundle and the papers that a run keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from helpers import tiny_bundle
from mien.bundle import Bundle
from mien.datasets import FaceDataset

RECIPE = """name = "tiny"
description = "A recipe of tests."
seed = {seed}
epochs = 4
batch_size = 8

[network]
name = "se-resnet"
widths = [8, 8]

[augment]
mixup = {mixup}
"""
HISTORY = """epoch,seconds,train_loss,val_loss,val_fer2013_accuracy,val_accuracy,learning_rate
1,1.5,2.5,2.25,0.25,0.3,0.001
2,3,1.5,2,0.5,0.55,0.002
3,4.5,1.25,2.125,0.375,0.4,
"""


def write_run(
    folder: Path, faces: FaceDataset | None = None, scale: float = 1.0, seed: int = 0, mixup: float = 0.2
) -> Path:
    """A run whose bundle is the tiny one with its weights times `scale`; it keeps predictions of `faces`."""
    folder.mkdir(parents=True)
    facts: dict[str, Any] = {
        "mien": "0.1.0",
        "commit": "abc123",
        "started": "2026-01-02T03:04:05+00:00",
        "data": {"digest": "0" * 64, "training": 63, "votes": True},
        "epochs_run": 3,
        "best_epoch": 2,
        "seconds": 4.5,
        "parameters": 15,
        "gflop_per_face": 0.001,
    }
    (folder / "recipe.toml").write_text(RECIPE.format(seed=seed, mixup=mixup))
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "history.csv").write_text(HISTORY)
    (folder / "tiny.onnx").write_bytes(tiny_bundle.content(scale=scale))
    if faces is not None:
        write_predictions(folder, faces)
    return folder


def write_predictions(folder: Path, faces: FaceDataset, **changes: Any) -> None:
    """What the run's bundle answers on these faces, with changes; a value of None leaves the key out."""
    arrays: dict[str, Any] = {
        "labels": faces.labels,
        "split": str(faces.splits[0]),
        "digest": faces.faces_digest,
        "votes": faces.votes,
        **Bundle.load(folder / "tiny.onnx").probabilities(faces.faces),
        **changes,
    }
    np.savez(folder / "predictions.npz", **{name: array for name, array in arrays.items() if array is not None})
