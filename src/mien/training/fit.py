"""A training run from start to bundle: data, network, Lightning's Trainer, calibration, export, evaluation.

A run is a folder: `recipe.toml`, `run.json` (data, machine, versions, commit, time), `history.csv`, `tensorboard/`,
`checkpoints/{best,last}.ckpt`, and at the end `NAME.onnx`, `evaluation.json` and `predictions.npz`.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

from mien.bundle import Bundle, find
from mien.datasets import TRAINING, FaceDataset, exact_copies, summary
from mien.errors import DataError, InputError, RecipeError, nearest
from mien.evaluate import evaluate_bundle
from mien.files import replacing, write_atomically
from mien.machine import first_process, processor
from mien.runs import Run
from mien.training.callbacks import (
    AtomicCheckpoints,
    EarlyStopping,
    History,
    ModelCheckpoint,
    RunProgress,
    StochasticWeightAveraging,
    warming_ema,
)
from mien.training.data import Faces48
from mien.training.export import export_bundle
from mien.training.models import Network, gflop
from mien.training.module import ExpressionModule, logged, seed_of, trainable_parameters
from mien.training.quiet import quiet
from mien.training.recipe import Recipe
from mien.training.schedule import Pace
from mien.training.splits import arrange


@dataclass(frozen=True)
class Hardware:
    """What a run is trained on, in Lightning's words.

    device    "auto", "cpu" or "cuda"
    devices   processes on each node, a device for each
    nodes     machines; each is started with `torchrun`, or by the cluster
    strategy  "auto", "ddp", or another of Lightning's names
    """

    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"

    def check(self, recipe: Recipe) -> None:
        """An InputError for what is not there or does not fit the recipe."""
        if self.device == "cuda" and not torch.cuda.is_available():
            raise InputError("device 'cuda': PyTorch finds no CUDA device here. Use --device cpu, or auto")
        world = self.devices * self.nodes
        if world < 1 or recipe.batch_size % world:
            raise InputError(
                f"batch_size: expected a multiple of the {world} processes (devices x nodes), for it counts the faces "
                f"of all of them, got {recipe.batch_size}"
            )


def train(
    recipe: Recipe,
    dataset: FaceDataset,
    out: str | Path,
    *,
    resume: bool = False,
    hardware: Hardware = Hardware(),
) -> Path:
    """Trains, calibrates and exports; returns the bundle's path.

    The run is in `out`, which must not hold another run unless `resume` is set; then the run goes on after its last
    finished epoch and ends with the same result as one that was never stopped. With several processes each calls this,
    and the first one exports.
    """
    hardware.check(recipe)
    run = Run(Path(out))
    run.check_unused(resume)
    dataset, validation_split = arrange(dataset, recipe)
    training = dataset.split(TRAINING)
    validation = dataset.split(validation_split)
    _check_monitor(recipe, dataset)
    first = first_process()
    if first:
        print(summary(dataset), file=sys.stderr)
    checkpoint_path = run.last if resume and run.last.is_file() else None
    with quiet("lightning.pytorch"):  # notes on hardware, advice about loaders that are not used here
        pl.seed_everything(seed_of(recipe.seed, -1), verbose=False)
        pace = Pace(recipe)
        module = ExpressionModule(
            recipe,
            Faces48.of(training),
            Faces48.of(validation),
            dataset.label_set,
            with_votes=dataset.votes is not None,
            pace=pace,
        )
        if recipe.initial and checkpoint_path is None:
            start = Run(Path(recipe.initial))
            start_from(start, module.network)
            if first:
                _warn_of_learnt(start, recipe, dataset)
        facts = _begin(run, recipe, dataset, validation_split) if first else {}
        if resume and checkpoint_path is None and first:
            print(f"{run.folder} has no finished epoch to go on from: it starts at the beginning", file=sys.stderr)
        trainer = _trainer(recipe, run, hardware, pace)
        with _stopping_on_ctrl_c(trainer):
            trainer.fit(module, ckpt_path=checkpoint_path, weights_only=False)
    bundle = run.folder / f"{recipe.name}.onnx"
    if trainer.is_global_zero:
        facts["epochs_run"] = trainer.current_epoch
        _finish(run, bundle, module, dataset, validation_split, facts)
    return bundle


def _finish(
    run: Run, path: Path, module: ExpressionModule, dataset: FaceDataset, split: str, facts: dict[str, Any]
) -> None:
    """Exports the best epoch, judges it on the validation split, and writes down what the run was."""
    recipe, validation = module.recipe, dataset.split(split)
    weights, facts["best_epoch"] = best_weights(run)
    network = module.network.to("cpu")
    network.load_state_dict(weights)
    facts["seconds"] = round(float(checkpoint_seconds(run.last)), 1)
    facts["exported_by"] = commit()
    facts["parameters"] = trainable_parameters(network)
    facts["gflop_per_face"] = round(gflop(network, recipe.input.size), 4)

    def judge(bundle: Bundle) -> dict[str, Any]:
        evaluation = evaluate_bundle(bundle, dataset, split)
        evaluation.to_json(run.evaluation)
        write_predictions(run.predictions, bundle, validation, split)
        return evaluation.to_dict()

    card = {"training": facts, "recipe": recipe.to_dict()}
    export_bundle(network, recipe, unseen(validation, dataset.split(TRAINING)), path, card, judge)
    write_json(run.facts, facts)


def best_weights(run: Run) -> tuple[dict[str, torch.Tensor], int]:
    """The network's weights and buffers at a run's best epoch, and that epoch, from 1."""
    checkpoint = torch.load(run.best, map_location="cpu", weights_only=False)
    prefix = "network."
    weights = {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
    return weights, int(checkpoint["epoch"]) + 1


def start_from(run: Run, network: Network) -> None:
    """Gives a network the best weights of a run; heads that the run did not have keep their own.

    A RecipeError if the run has no checkpoint, or trained another network.
    """
    if not run.best.is_file():
        raise RecipeError(f"initial: expected the folder of a run, with checkpoints/{run.best.name}, got {run.folder}")
    weights, _ = best_weights(run)
    fresh = network.state_dict()
    usable = {name: values for name, values in weights.items() if name in fresh and values.shape == fresh[name].shape}
    body = [name for name in {**weights, **fresh} if not name.startswith("heads.")]
    if different := [name for name in body if name not in usable]:
        raise RecipeError(
            f"initial: expected a run of the same network, but {len(different)} of its {len(body)} tensors differ "
            f"({different[0]}). Take [network] from {run.recipe}"
        )
    network.load_state_dict({**fresh, **usable})


def _warn_of_learnt(start: Run, recipe: Recipe, dataset: FaceDataset) -> None:
    """Says so where a run that another starts from may have learnt the faces that are held out here."""
    if not (recipe.data.folds or recipe.data.validation == "held-out") or not start.facts.is_file():
        return
    before = json.loads(start.facts.read_text(encoding="utf-8"))["data"]
    if before["digest"] != dataset.digest and set(before["sources"]) & set(dataset.sources.tolist()):
        print(
            f"{start.folder} may have learnt faces that are held out here, and figures on them would be too good; with "
            "the same data, seed and [data] it has not",
            file=sys.stderr,
        )


def write_predictions(path: Path, bundle: Bundle, validation: FaceDataset, split: str) -> None:
    """The bundle's probabilities on its validation split, for paired comparison with other runs."""
    arrays: dict[str, Any] = {"labels": validation.labels, "split": split, "digest": validation.faces_digest}
    arrays |= bundle.probabilities(validation.faces)
    if validation.votes is not None:
        arrays["votes"] = validation.votes
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def unseen(validation: FaceDataset, training: FaceDataset) -> FaceDataset:
    """Without the faces that have an exact copy in training, on which a network is surer than it is elsewhere."""
    rows = np.flatnonzero(~exact_copies(validation.faces, training.faces))
    return validation.take(rows) if len(rows) else validation


def checkpoint_seconds(path: Path) -> float:
    """Training seconds of a run over all its starts, as its checkpoint remembers them."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    return float(checkpoint["callbacks"][History.__name__]["seconds"])


def _begin(run: Run, recipe: Recipe, dataset: FaceDataset, validation_split: str) -> dict[str, Any]:
    """Makes the run's folder, or checks that the one there is the same run; returns the run's facts."""
    facts = {
        "mien": version("mien"),
        "commit": commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {
            "digest": dataset.digest,
            "sources": dict(Counter(dataset.split(TRAINING).sources.tolist())),
            "training": len(dataset.split(TRAINING)),
            "validation": validation_split,
            "votes": dataset.votes is not None,
        },
        **taken_from(recipe, started=run.recipe.is_file()),
        **surroundings(),
    }
    text = tomli_w.dumps(recipe.to_dict())
    if run.recipe.is_file():
        if run.recipe.read_text(encoding="utf-8") != text:
            raise RecipeError(
                f"{run.folder} was started with another recipe, see {run.recipe}: resume with the same recipe and "
                "options, or choose another --out"
            )
        before = json.loads(run.facts.read_text(encoding="utf-8"))
        if before["data"] != facts["data"]:
            raise DataError(f"{run.folder} was started with other data ({before['data']}, now {facts['data']})")
        if before.get("teachers") != facts.get("teachers"):
            raise RecipeError(
                f"{run.folder} was started with other teachers, see {run.facts}: resume with the same files, or choose "
                "another --out"
            )
        return dict(before)
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    write_json(run.facts, facts)
    write_atomically(run.recipe, text)
    return facts


def taken_from(recipe: Recipe, *, started: bool = False) -> dict[str, Any]:
    """The SHA-256 of the teachers, and of the weights to start from, which a run that is `started` needs no more."""
    facts: dict[str, Any] = {}
    if recipe.teacher.bundles:
        facts["teachers"] = {name: _sha256(find(name)) for name in recipe.teacher.bundles}
    if recipe.initial and not started:
        facts["initial"] = _sha256(Run(Path(recipe.initial)).best)
    return facts


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def surroundings() -> dict[str, Any]:
    """The machine and the versions that a run is made with."""
    return {
        "machine": {
            "processor": processor(),
            "threads": torch.get_num_threads(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "versions": {name: version(name) for name in ("torch", "lightning", "kornia", "numpy", "onnxruntime")}
        | {"python": platform.python_version()},
    }


def _strategy(recipe: Recipe, hardware: Hardware) -> str:
    """DDP must be told that the frozen layers get no gradient at first."""
    ddp = hardware.strategy == "ddp" or (hardware.strategy == "auto" and hardware.devices * hardware.nodes > 1)
    return "ddp_find_unused_parameters_true" if ddp and recipe.schedule.frozen else hardware.strategy


def _check_monitor(recipe: Recipe, dataset: FaceDataset) -> None:
    """A RecipeError unless the metric that stops the run is one that it logs."""
    with_votes, monitor = dataset.votes is not None, recipe.stopping.monitor
    names = logged(dataset.label_set, with_votes)
    if monitor not in names:
        without = "" if with_votes else " on a data set without votes"
        raise RecipeError(f"stopping.monitor: {monitor!r} is not logged{without}; {nearest(monitor, names)}")


def _trainer(recipe: Recipe, run: Run, hardware: Hardware, pace: Pace) -> pl.Trainer:
    accelerator = {"cuda": "gpu"}.get(hardware.device, hardware.device)
    watched: dict[str, Any] = {"monitor": recipe.stopping.monitor, "mode": recipe.stopping.mode}
    every_epoch: dict[str, Any] = {"enable_version_counter": False, "save_on_train_epoch_end": True}
    callbacks: list[pl.Callback] = [pace, History(run.history)]
    if recipe.ema:
        callbacks.append(WeightAveraging(avg_fn=warming_ema(recipe.ema)))
    if recipe.swa:
        callbacks.append(StochasticWeightAveraging())
    callbacks += [
        EarlyStopping(**watched, patience=recipe.stopping.patience),
        RunProgress(pace),
        ModelCheckpoint(run.checkpoints, run.best.stem, **watched, **every_epoch),
        ModelCheckpoint(run.checkpoints, run.last.stem, **every_epoch),
    ]
    return pl.Trainer(
        accelerator=accelerator,
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        strategy=_strategy(recipe, hardware),
        precision=precision_of(recipe.precision, hardware.device),
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


def commit() -> str | None:
    """The commit of the code, where it runs from a git checkout of its own."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None


def write_json(path: Path, values: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(values, indent=2) + "\n")
