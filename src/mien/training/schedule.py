"""How far a run is, and what the learning rate is there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl

from mien.training.recipe import Recipe, ScheduleRecipe


def cosine(schedule: ScheduleRecipe, steps: int) -> Callable[[float], float]:
    """The learning rate's factor at a step: a linear rise for the share `warmup`, then a cosine down to `final`."""
    warmup = max(1, round(schedule.warmup * steps))
    end = max(warmup + 1, steps)

    def factor(step: float) -> float:
        if step < warmup:
            return min(1.0, (step + 1) / warmup)
        return _between(1.0, schedule.final, (step - warmup) / (end - warmup))

    return factor


def one_cycle(schedule: ScheduleRecipe, steps: int) -> Callable[[float], float]:
    """Smith and Topin 2018: a cosine up from 1/25 for the share `warmup` of the steps, then a cosine to `final`."""
    top = max(1.0, schedule.warmup * steps)

    def factor(step: float) -> float:
        if step < top:
            return _between(1 / 25, 1.0, step / top)
        return _between(1.0, schedule.final, (step - top) / max(1.0, steps - top))

    return factor


def constant(schedule: ScheduleRecipe, steps: int) -> Callable[[float], float]:
    """Always 1; what plateau starts from."""
    del schedule, steps
    return lambda step: 1.0


CURVES = {"cosine": cosine, "one-cycle": one_cycle, "constant": constant, "plateau": constant}


def _between(start: float, end: float, progress: float) -> float:
    """A half cosine from start (progress 0) to end (1)."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))


class Pace(pl.Callback):
    """How far a run is, 0 to 1: by its epochs or, with a budget of minutes, so that it ends inside it.

    With a budget, each epoch's share of the way is what its predecessor's time lets expect; the schedule follows, so
    that it always comes to its end. Time counts over all starts of a run. Nothing but a budget looks at the clock.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.epochs = recipe.epochs
        self.budget = 60 * recipe.max_minutes
        self.done = 0.0
        self.share = 1 / recipe.epochs
        self.epochs_left = recipe.epochs
        self._spent = 0.0
        self._last_epoch = 0.0
        self._started = 0.0

    def at(self, fraction: float) -> float:
        """How far the run is when `fraction` of the current epoch is done."""
        return self.done + self.share * fraction

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._started = time.monotonic()
        self.epochs_left = self.epochs - trainer.current_epoch
        if self.budget and self._last_epoch:
            fitting = int((self.budget - self._spent) / self._last_epoch)
            self.epochs_left = max(1, min(self.epochs_left, fitting))
        self.share = (1 - self.done) / self.epochs_left

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._last_epoch = time.monotonic() - self._started
        self._spent += self._last_epoch
        self.done += self.share
        if self.epochs_left == 1:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"done": self.done, "spent": self._spent, "last_epoch": self._last_epoch, "left": self.epochs_left}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.done, self.epochs_left = state_dict["done"], state_dict["left"]
        self._spent, self._last_epoch = state_dict["spent"], state_dict["last_epoch"]
