"""Define the callbacks of a run: averaged weights, checkpoints, history, progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor
from torch.optim.swa_utils import update_bn

from mien.files import replacing
from mien.progress import ProgressBar
from mien.runs import write_history
from mien.training.schedule import TrainingClock

log = logging.getLogger("mien.training")

BATCHES_FOR_NORMS = 100
PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


class AtomicCheckpoints(TorchCheckpointIO):
    """Write checkpoints atomically, so that a killed process leaves no partial file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with replacing(path) as temporary:
            torch.save(checkpoint, temporary)


def warming_ema(decay: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return an exponential moving average that forgets the random initial weights quickly.

    After n updates its decay is (1 + n) / (10 + n), at most `decay`.
    """

    def average(averaged: Tensor, current: Tensor, count: Tensor) -> Tensor:
        share = min(decay, (1 + float(count)) / (10 + float(count)))
        return averaged.lerp(current, 1 - share) if averaged.is_floating_point() else current

    return average


class StochasticWeightAveraging(WeightAveraging):
    """Average the weights at the ends of a run's last epochs equally (Izmailov et al. 2018).

    Before these epochs the average is the network itself. Before the average is validated, the batch norms are measured
    again, on augmented faces.
    """

    def __init__(self) -> None:
        super().__init__(avg_fn=self._average)
        self.taken = 0

    def _average(self, averaged: Tensor, current: Tensor, count: Tensor) -> Tensor:
        return averaged.lerp(current, 1 / (self.taken + 1)) if averaged.is_floating_point() else current

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *_: Any) -> None:
        if trainer.is_last_batch and self._average_model is not None:
            self._average_model.update_parameters(module)
            self.taken += module.averaging

    def on_validation_epoch_start(self, trainer: pl.Trainer, module: Any) -> None:
        super().on_validation_epoch_start(trainer, module)
        if self.taken > 1:
            batches = islice(module.train_dataloader(), BATCHES_FOR_NORMS)
            with trainer.precision_plugin.forward_context():
                update_bn((module.augmented(batch, with_teachers=False)[0] for batch in batches), module.network)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"taken": self.taken}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.taken = state_dict["taken"]


class EarlyStopping(pl.callbacks.EarlyStopping):
    """Stop early as Lightning does, and keep a stopped run stopped when it is resumed."""

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class ModelCheckpoint(pl.callbacks.ModelCheckpoint):
    """Save checkpoints as Lightning does, and find the best one even if the run's folder was moved or copied."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        folder = Path(str(self.dirpath))
        paths = {key: str(folder / Path(state_dict[key]).name) for key in PATHS if state_dict.get(key)}
        best = {str(folder / Path(path).name): score for path, score in state_dict.get("best_k_models", {}).items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": self.dirpath})


class History(pl.Callback):
    """Write every logged metric of every epoch into a CSV, atomically; a resumed run continues it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []
        self._seconds_before = 0.0
        self._started = time.monotonic()

    @property
    def state_key(self) -> str:
        """Return the key of the state in a checkpoint."""
        return type(self).__name__

    @property
    def seconds(self) -> float:
        """Return the training time in seconds, over all starts of the run."""
        return self._seconds_before + time.monotonic() - self._started

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows.append({"epoch": trainer.current_epoch + 1, "seconds": round(self.seconds, 1), **values})
        if trainer.is_global_zero:
            self._write()

    def _write(self) -> None:
        write_history(self.path, self.rows)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        self._seconds_before = state_dict["seconds"]


def is_displayed(metric: str) -> bool:
    """Return whether the line of an epoch shows a metric; history.csv has all of them."""
    return metric in ("train_loss", "val_loss") or (
        metric.startswith("val_") and metric.endswith(("accuracy", "macro_f1"))
    )


class RunProgress(pl.Callback):
    """Show one progress bar over the whole run, with the time left, and log a line for each epoch."""

    def __init__(self, clock: TrainingClock) -> None:
        self.clock = clock
        self._bar = ProgressBar("training")
        self._started = time.monotonic()
        self._first_epoch = 0

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._started, self._first_epoch = time.monotonic(), trainer.current_epoch
        if trainer.is_global_zero:
            self._bar = ProgressBar("training", int(trainer.estimated_stepping_batches))
            self._bar.__enter__()

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        self._bar.show(trainer.global_step)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        figures = "  ".join(f"{name.removeprefix('val_')} {values[name]:.4f}" for name in values if is_displayed(name))
        epoch, left = trainer.current_epoch + 1, self.clock.epochs_left
        per_epoch = (time.monotonic() - self._started) / (epoch - self._first_epoch)
        wait = timedelta(seconds=round(per_epoch * left))
        log.info("epoch %d/%d  %s  %.0f s an epoch, %s left", epoch, epoch + left, figures, per_epoch, wait)
        self._bar.show(trainer.global_step, label=f"epoch {epoch}/{epoch + left}", figures=figures)

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        self._bar.__exit__()
