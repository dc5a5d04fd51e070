"""Train a network from data to bundle: split, network, Lightning's Trainer, calibration, export, evaluation.

`mien.training.run_record` writes the files of the run.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from mien.datasets import TRAINING, FaceDataset, summary
from mien.errors import DataError, InputError, MienError, RecipeError, TrainingError, suggest
from mien.runs import Run, first_process, read_history
from mien.training.batches import FaceTensors
from mien.training.callbacks import (
    AtomicCheckpoints,
    EarlyStopping,
    History,
    ModelCheckpoint,
    RunProgress,
    StochasticWeightAveraging,
    warming_ema,
)
from mien.training.initial import best_weights, start_from, warn_about_seen_faces
from mien.training.module import ExpressionModule, logged_metrics, seed_of
from mien.training.recipe import Recipe
from mien.training.run_record import (
    begin_run,
    checkpoint_seconds,
    finish_run,
)
from mien.training.schedule import TrainingClock
from mien.training.silenced_warnings import quiet_lightning
from mien.training.validation import split_for_training

log = logging.getLogger("mien.training")

DIVERGED = 5.0
"""A training loss above this multiple of what guessing has means that the training diverged."""


@dataclass(frozen=True)
class Hardware:
    """Choose the hardware of a run, in Lightning's terms.

    Attributes:
        device: "auto", "cpu" or "cuda".
        devices: number of processes on each node, one per device.
        nodes: number of machines; each is started with `torchrun`, or by the cluster.
        strategy: "auto", "ddp", or another of Lightning's names.
    """

    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"

    def check(self, recipe: Recipe) -> None:
        """Check that the hardware is there and that the batch size is divisible by the number of processes.

        Raises:
            InputError: it is not, or the precision is none of this hardware.
        """
        if self.device == "cuda" and not torch.cuda.is_available():
            raise InputError("device 'cuda': PyTorch finds no CUDA device here. Use --device cpu, or auto")
        if recipe.precision == "16-mixed" and (self.device == "cpu" or not torch.cuda.is_available()):
            raise InputError(
                "precision: 16-mixed needs a GPU; on the CPU of this run float16 is slow and loses small gradients. "
                "Use auto, bf16-mixed or 32-true"
            )
        world = self.devices * self.nodes
        if world < 1 or recipe.batch_size % world:
            raise InputError(
                f"batch_size: expected a multiple of the {world} processes (devices x nodes), which share each batch, "
                f"got {recipe.batch_size}"
            )


def train(
    recipe: Recipe,
    dataset: FaceDataset,
    out: str | Path,
    *,
    resume: bool = False,
    hardware: Hardware = Hardware(),
    callbacks: Sequence[pl.Callback] = (),
    loggers: Sequence[Logger] = (),
) -> Path:
    """Train, calibrate and export a network, and return the bundle's path.

    With several processes each calls this, and the first one exports.

    Args:
        recipe: what is trained, and how.
        dataset: the faces.
        out: the run's folder, which must not hold another run unless `resume` is set.
        resume: continue after the run's last finished epoch; the result is that of a run without interruption.
        hardware: the hardware that the run is trained on.
        callbacks: Lightning callbacks, in addition to mien's own.
        loggers: Lightning loggers, in addition to TensorBoard's.

    Raises:
        RecipeError: the recipe does not fit the data, or another run is in `out`.
        DataError: the run in `out` was started with other data.
        InputError: the hardware is not there.
        TrainingError: the training cannot continue.
    """
    hardware.check(recipe)
    run = Run(Path(out))
    run.check_unused(resume)
    dataset, validation_split = split_for_training(dataset, recipe)
    training = dataset.split(TRAINING)
    validation = dataset.split(validation_split)
    _check_monitor(recipe, dataset)
    first = first_process()
    if first:
        log.info("%s", summary(dataset))
        _warn_of_absent_classes(training)
    checkpoint_path = run.last if resume and run.last.is_file() else None
    with quiet_lightning():
        pl.seed_everything(seed_of(recipe.seed, -1), verbose=False)
        clock = TrainingClock(recipe)
        module = ExpressionModule(
            recipe,
            FaceTensors.of(training),
            FaceTensors.of(validation),
            dataset.label_set,
            with_votes=dataset.votes is not None,
            clock=clock,
        )
        if recipe.initial and checkpoint_path is None:
            start_from(recipe.initial, module.network, training.faces)
            if first:
                warn_about_seen_faces(recipe.initial, recipe, dataset)
        facts = _begin(run, recipe, dataset, training, validation_split) if first else {}
        if resume and checkpoint_path is None and first:
            log.warning("%s has no finished epoch to go on from: it starts at the beginning", run.folder)
        trainer = _trainer(recipe, run, hardware, clock, callbacks, loggers)
        with _stopping_on_ctrl_c(trainer):
            trainer.fit(module, ckpt_path=checkpoint_path, weights_only=False)
    if trainer.is_global_zero:
        weights, best = best_weights(run)
        module.network.to("cpu").load_state_dict(weights)
        seconds = round(float(checkpoint_seconds(run.last)), 1)
        _check_convergence(run, best, len(dataset.label_set))
        facts |= {"epochs_run": trainer.current_epoch, "best_epoch": best, "seconds": seconds}
        finish_run(run, module.network, recipe, dataset, validation, training, facts, recipe.to_dict())
    return run.folder / f"{recipe.name}.onnx"


def _begin(
    run: Run, recipe: Recipe, dataset: FaceDataset, training: FaceDataset, validation_split: str
) -> dict[str, Any]:
    """Make the run's folder, or check that the one there is the same run; return the run's facts."""
    data = {
        "digest": dataset.digest,
        "sources": dict(Counter(training.sources.tolist())),
        "training": len(training),
        "validation": validation_split,
        "votes": dataset.votes is not None,
    }

    def difference(before: dict[str, Any], now: dict[str, Any]) -> MienError | None:
        if before["data"] != now["data"]:
            return DataError(f"{run.folder} was started with other data ({before['data']}, now {now['data']})")
        if before.get("teachers") != now.get("teachers"):
            return RecipeError(
                f"{run.folder} was started with other teachers, see {run.facts}: resume with the same files, or choose "
                "another --out"
            )
        return None

    return begin_run(run, recipe, recipe.to_dict(), {"data": data}, difference)


def _warn_of_absent_classes(training: FaceDataset) -> None:
    """Log the emotions that no Training face has, which the network will never choose."""
    counts = np.bincount(training.labels, minlength=len(training.label_set))
    absent = [name for name, count in zip(training.label_set.names, counts, strict=True) if not count]
    if absent:
        log.warning(
            "no Training face is labelled %s: the network cannot learn to choose %s",
            ", ".join(absent),
            "it" if len(absent) == 1 else "these",
        )


def _check_convergence(run: Run, best: int, classes: int) -> None:
    """Raise a TrainingError if the best epoch is far worse than guessing; log it if a later epoch is.

    Args:
        run: the run.
        best: the best epoch, from 1.
        classes: number of classes.
    """
    guess = float(np.log(classes))
    losses = [(int(row["epoch"]), float(row["train_loss"])) for row in read_history(run.history) if "train_loss" in row]
    diverged = [(epoch, loss) for epoch, loss in losses if not loss <= DIVERGED * guess]
    if not diverged:
        return
    epoch, loss = diverged[0]
    said = f"the training loss was {loss:,.4g} in epoch {epoch}, where guessing has {guess:.2f}"
    if any(number == best for number, _ in diverged):
        raise TrainingError(
            f"the training diverged: {said}. Lower optimizer.learning_rate, or set optimizer.gradient_clip; nothing "
            f"was exported, {run.folder} keeps the checkpoints"
        )
    log.warning("the training diverged: %s; the exported epoch %d is an earlier or later one", said, best)


def _strategy(recipe: Recipe, hardware: Hardware) -> str:
    """Return the strategy; DDP needs another variant if frozen layers get no gradient at first."""
    ddp = hardware.strategy == "ddp" or (hardware.strategy == "auto" and hardware.devices * hardware.nodes > 1)
    return "ddp_find_unused_parameters_true" if ddp and recipe.schedule.frozen else hardware.strategy


def _check_monitor(recipe: Recipe, dataset: FaceDataset) -> None:
    """Raise a RecipeError unless the metric for early stopping is logged."""
    with_votes, monitor = dataset.votes is not None, recipe.stopping.monitor
    names = logged_metrics(dataset.label_set, with_votes)
    if monitor not in names:
        without = "" if with_votes else " on a data set without votes"
        raise RecipeError(f"stopping.monitor: {monitor!r} is not logged{without}; {suggest(monitor, names)}")


def _trainer(
    recipe: Recipe,
    run: Run,
    hardware: Hardware,
    clock: TrainingClock,
    own_callbacks: Sequence[pl.Callback],
    own_loggers: Sequence[Logger],
) -> pl.Trainer:
    accelerator = {"cuda": "gpu"}.get(hardware.device, hardware.device)
    watched: dict[str, Any] = {"monitor": recipe.stopping.monitor, "mode": recipe.stopping.mode}
    every_epoch: dict[str, Any] = {"enable_version_counter": False, "save_on_train_epoch_end": True}
    callbacks: list[pl.Callback] = [clock, History(run.history)]
    if recipe.ema:
        callbacks.append(WeightAveraging(avg_fn=warming_ema(recipe.ema)))
    if recipe.swa:
        callbacks.append(StochasticWeightAveraging())
    callbacks += [
        EarlyStopping(**watched, patience=recipe.stopping.patience),
        RunProgress(clock),
        ModelCheckpoint(run.checkpoints, run.best.stem, **watched, **every_epoch),
        ModelCheckpoint(run.checkpoints, run.last.stem, **every_epoch),
        *own_callbacks,
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
        logger=[TensorBoardLogger(str(run.folder), name="", version="tensorboard"), *own_loggers],
        gradient_clip_val=recipe.optimizer.gradient_clip or None,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )


def precision_of(wanted: str, device: str) -> Any:
    """Return Lightning's precision for a recipe's.

    Args:
        wanted: a precision of Lightning, or "auto": bf16-mixed if the hardware multiplies bfloat16 natively, else
            32-true.
        device: "auto", "cpu" or "cuda".
    """
    if wanted != "auto":
        return wanted
    if device != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "32-true"


@contextmanager
def _stopping_on_ctrl_c(trainer: pl.Trainer) -> Iterator[None]:
    """Turn Lightning's SystemExit on Ctrl-C or SIGTERM into a KeyboardInterrupt that says how to resume."""
    try:
        yield
    except SystemExit as stop:
        raise KeyboardInterrupt(f"stopped after epoch {trainer.current_epoch}; --resume goes on from there") from stop
