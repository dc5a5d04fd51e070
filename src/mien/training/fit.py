"""A training run from start to bundle: data, network, Lightning's Trainer, calibration, export, evaluation.

A run is a folder: `recipe.toml`, `run.json` (data, machine, versions, commit, time), `history.csv`, `tensorboard/`,
`checkpoints/{best,last}.ckpt`, and at the end `NAME.onnx` and `evaluation.json`.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import tomli_w
import torch
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger

from mien.bundle import Bundle
from mien.datasets import FaceDataset, exact_copies
from mien.errors import DataError, InputError, RecipeError
from mien.evaluate import evaluate_bundle
from mien.files import write_atomically
from mien.machine import processor
from mien.training.callbacks import (
    AtomicCheckpoints,
    EarlyStopping,
    History,
    ModelCheckpoint,
    RunProgress,
    warming_ema,
)
from mien.training.data import Faces48
from mien.training.export import export_bundle
from mien.training.models import gflop
from mien.training.module import ExpressionModule, seed_of, trainable_parameters
from mien.training.quiet import quiet
from mien.training.recipe import Recipe

TRAINING, VALIDATION = "Training", "PublicTest"


class Run:
    """Where a run keeps its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.toml"
        self.facts = folder / "run.json"
        self.history = folder / "history.csv"
        self.evaluation = folder / "evaluation.json"
        self.checkpoints = folder / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self.best = self.checkpoints / "best.ckpt"


def train(recipe: Recipe, dataset: FaceDataset, out: str | Path, *, resume: bool = False, device: str = "auto") -> Path:
    """Trains, calibrates and exports; returns the bundle's path.

    The run is in `out`, which must not hold another run unless `resume` is set; then the run goes on after its last
    finished epoch and ends with the same result as one that was never stopped. `device` is "auto", "cpu" or "cuda".
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device 'cuda': PyTorch finds no CUDA device here. Use --device cpu, or auto")
    run = Run(Path(out))
    training = dataset.split(TRAINING)
    validation = dataset.split(VALIDATION)
    facts = _begin(run, recipe, dataset, resume)
    checkpoint_path = run.last if resume and run.last.is_file() else None
    if resume and checkpoint_path is None:
        print(f"{run.folder} has no finished epoch to go on from: training starts at the beginning", file=sys.stderr)

    with quiet("lightning.pytorch"):  # notes on hardware, advice about loaders that are not used here
        pl.seed_everything(seed_of(recipe.seed, -1), verbose=False)
        module = ExpressionModule(
            recipe,
            Faces48.of(training),
            Faces48.of(validation),
            with_votes=dataset.votes is not None,
        )
        trainer = _trainer(recipe, run, device)
        with _stopping_on_ctrl_c(trainer):
            trainer.fit(module, ckpt_path=checkpoint_path, weights_only=False)
        facts["epochs_run"] = trainer.current_epoch
        checkpoint = torch.load(run.best, map_location="cpu", weights_only=False)

    prefix = "network."
    weights = {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
    network = module.network.to("cpu")
    network.load_state_dict(weights)
    facts["best_epoch"] = int(checkpoint["epoch"]) + 1
    facts["seconds"] = round(float(checkpoint_seconds(run.last)), 1)
    facts["exported_by"] = _commit()
    facts["parameters"] = trainable_parameters(network)
    facts["gflop_per_face"] = round(gflop(network, recipe.input.size), 4)

    def judge(bundle: Bundle) -> dict[str, Any]:
        evaluation = evaluate_bundle(bundle, dataset, VALIDATION)
        evaluation.to_json(run.evaluation)
        return evaluation.to_dict()

    card = {"training": facts, "recipe": recipe.to_dict()}
    bundle = export_bundle(
        network, recipe, unseen(validation, training), run.folder / f"{recipe.name}.onnx", card, judge
    )
    _write_json(run.facts, facts)
    return bundle


def unseen(validation: FaceDataset, training: FaceDataset) -> FaceDataset:
    """Without the faces that have an exact copy in training, on which a network is surer than it is elsewhere."""
    rows = np.flatnonzero(~exact_copies(validation.faces, training.faces))
    return validation.take(rows) if len(rows) else validation


def checkpoint_seconds(path: Path) -> float:
    """Training seconds of a run over all its starts, as its checkpoint remembers them."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    return float(checkpoint["callbacks"][History.__name__]["seconds"])


def _begin(run: Run, recipe: Recipe, dataset: FaceDataset, resume: bool) -> dict[str, Any]:
    """Makes the run's folder, or checks that the one there is the same run; returns the run's facts."""
    facts = {
        "mien": version("mien"),
        "commit": _commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {
            "digest": dataset.digest,
            "training": len(dataset.split(TRAINING)),
            "votes": dataset.votes is not None,
        },
        "machine": {
            "processor": processor(),
            "threads": torch.get_num_threads(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "versions": {name: version(name) for name in ("torch", "lightning", "kornia", "numpy", "onnxruntime")}
        | {"python": platform.python_version()},
    }
    text = tomli_w.dumps(recipe.to_dict())
    if recipe.stopping.monitor == "val_ferplus_accuracy" and dataset.votes is None:
        raise RecipeError(
            "stopping.monitor: 'val_ferplus_accuracy' needs FER+'s votes (--votes), got a data set without"
        )
    if run.recipe.is_file():
        if not resume:
            raise RecipeError(
                f"{run.folder} holds a run already: add --resume to go on with it, or choose another --out"
            )
        if run.recipe.read_text(encoding="utf-8") != text:
            raise RecipeError(
                f"{run.folder} was started with another recipe, see {run.recipe}: resume with the same recipe and "
                "options, or choose another --out"
            )
        before = json.loads(run.facts.read_text(encoding="utf-8"))
        if before["data"] != facts["data"]:
            raise DataError(f"{run.folder} was started with other data ({before['data']}, now {facts['data']})")
        return dict(before)
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    _write_json(run.facts, facts)
    write_atomically(run.recipe, text)
    return facts


def _trainer(recipe: Recipe, run: Run, device: str) -> pl.Trainer:
    accelerator = {"cuda": "gpu"}.get(device, device)
    watched: dict[str, Any] = {"monitor": recipe.stopping.monitor, "mode": recipe.stopping.mode}
    every_epoch: dict[str, Any] = {"enable_version_counter": False, "save_on_train_epoch_end": True}
    callbacks: list[pl.Callback] = [History(run.history)]
    if recipe.ema:
        callbacks.append(WeightAveraging(avg_fn=warming_ema(recipe.ema)))
    callbacks += [
        EarlyStopping(**watched, patience=recipe.stopping.patience),
        RunProgress(),
        ModelCheckpoint(run.checkpoints, run.best.stem, **watched, **every_epoch),
        ModelCheckpoint(run.checkpoints, run.last.stem, **every_epoch),
    ]
    return pl.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=precision_of(recipe.precision, device),
        max_epochs=recipe.epochs,
        callbacks=callbacks,
        plugins=[AtomicCheckpoints()],
        logger=TensorBoardLogger(str(run.folder), name="", version="tensorboard"),
        gradient_clip_val=recipe.optimizer.gradient_clip or None,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )


def precision_of(wanted: str, device: str) -> Any:
    """Lightning's precision for a recipe's; "auto" is bf16-mixed where the processor multiplies bfloat16 itself."""
    if wanted != "auto":
        return wanted
    if device != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "32-true"


@contextmanager
def _stopping_on_ctrl_c(trainer: pl.Trainer) -> Iterator[None]:
    """Ctrl-C and SIGTERM as a KeyboardInterrupt that says how to go on; Lightning answers both with a SystemExit."""
    try:
        yield
    except SystemExit as stop:
        raise KeyboardInterrupt(f"stopped after epoch {trainer.current_epoch}; --resume goes on from there") from stop


def _commit() -> str | None:
    """The commit of the code, where it runs from a git checkout of its own."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None


def _write_json(path: Path, values: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(values, indent=2) + "\n")
