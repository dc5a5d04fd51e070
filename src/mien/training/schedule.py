"""Compute the share of a run that is done, and the learning rate at that point."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl

from mien.training.recipe import Recipe
from mien.training.recipe_sections import ScheduleRecipe


def cosine(schedule: ScheduleRecipe, steps: int) -> Callable[[float], float]:
    """Return the learning rate's factor by step: a linear warm-up, then a half cosine down to `final`."""
    warmup = max(1, round(schedule.warmup * steps))
    end = max(warmup + 1, steps)

    def factor(step: float) -> float:
        if step < warmup:
            return min(1.0, (step + 1) / warmup)
        return _between(1.0, schedule.final, (step - warmup) / (end - warmup))

    return factor


def one_cycle(schedule: ScheduleRecipe, steps: int) -> Callable[[float], float]:
    """Return the learning rate's factor by step: a half cosine up from 1/25, then a half cosine down to `final`.

    See Smith and Topin 2018. The rise takes the share `warmup` of the steps.
    """
    top = max(1.0, schedule.warmup * steps)

    def factor(step: float) -> float:
        if step < top:
            return _between(1 / 25, 1.0, step / top)
        return _between(1.0, schedule.final, (step - top) / max(1.0, steps - top))

    return factor


def constant(schedule: ScheduleRecipe, steps: int) -> Callable[[float], float]:
    """Return the learning rate's factor by step, which is always 1. The plateau schedule starts from it, too."""
    del schedule, steps
    return lambda step: 1.0


CURVES = {"cosine": cosine, "one-cycle": one_cycle, "constant": constant, "plateau": constant}


def _between(start: float, end: float, progress: float) -> float:
    """Interpolate by a half cosine from start (progress 0) to end (1)."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))


class TrainingClock(pl.Callback):
    """Measure the share of a run that is done, 0 to 1: by epochs, or so that the run ends within a time budget.

    With a budget, an epoch's share follows from the time that earlier epochs took, and the learning rate schedule
    follows the share, so that it always completes. The time counts over all starts of a run, by the first process's
    clock. Without a budget, time has no effect.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.epochs = recipe.epochs
        self.budget = 60 * recipe.max_minutes
        self.done = 0.0
        self.share = 1 / recipe.epochs
        self.epochs_left = recipe.epochs
        self._took: list[float] = []  # seconds of each epoch
        self._started = self._half_way = 0.0

    @property
    def state_key(self) -> str:
        """Return the state's key in a checkpoint: the class's first name, so that older checkpoints can be read."""
        return "Pace"

    def progress_at(self, fraction: float) -> float:
        """Return the share of the run that is done when `fraction` of the current epoch is done."""
        return self.done + self.share * fraction

    def epochs_that_fit(self) -> int:
        """Return how many more epochs fit into the budget, at the median time of an epoch; at least 1."""
        return max(1, int((self.budget - sum(self._took)) / statistics.median(self._took)))

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self.budget and not self.epochs_left:  # resumed after its end
            trainer.should_stop = True

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._started = self._half_way = time.monotonic()
        self.epochs_left = self.epochs - trainer.current_epoch
        if not self.budget:
            self.done, self.share = trainer.current_epoch / self.epochs, 1 / self.epochs
            return
        if self._took:
            self.epochs_left = trainer.strategy.broadcast(min(self.epochs_left, self.epochs_that_fit()))
        self.share = (1 - self.done) / self.epochs_left

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *rest: Any) -> None:
        if rest[-1] + 1 == trainer.num_training_batches // 2:
            self._half_way = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        now = time.monotonic()
        # The first half of the first epoch includes compilation, so its time does not count.
        self._took.append(now - self._started if self._took else 2 * (now - self._half_way))
        self.done += self.share
        self.epochs_left -= 1
        if self.budget and self.epochs_left:  # for the progress bar, until the next epoch starts
            self.epochs_left = min(self.epochs - trainer.current_epoch - 1, self.epochs_that_fit())
        elif self.budget:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"done": self.done, "epochs_left": self.epochs_left, "took": self._took}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.done, self.epochs_left, self._took = (state_dict[key] for key in ("done", "epochs_left", "took"))
