"""The Lightning module of the face finder, and the endless crops that it learns from."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from mien.training.detector.assign import Cells, Targets, cells_of, flatten
from mien.training.detector.augment import Crop, CropMaker
from mien.training.detector.distill import CellTeacher, Hints, distill_losses
from mien.training.detector.losses import losses_of
from mien.training.detector.network import PIXEL_SCALE, FaceNetwork
from mien.training.detector.optimizer import MuonAdamW, groups_of
from mien.training.detector.recipe import FinderRecipe


class Budget:
    """How far a run is, by its steps or by its time, whichever is nearer to its end."""

    def __init__(self, steps: int, seconds: float | None = None) -> None:
        self.steps, self.seconds = steps, seconds
        self.before = 0.0
        self._started = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds of the run over all its starts."""
        return self.before + time.monotonic() - self._started

    def progress(self, step: int) -> float:
        """Return 0 at the start to 1 at the end."""
        by_time = self.spent / self.seconds if self.seconds else 0.0
        return min(max(step / self.steps, by_time), 1.0)


def rate_at(progress: float, warm_up: float, final: float) -> float:
    """Return the learning rate as a share of the highest: a rise, then a cosine down to `final`."""
    if progress < warm_up:
        return 0.05 + 0.95 * progress / warm_up
    done = (progress - warm_up) / (1 - warm_up)
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2


class EndlessCrops(IterableDataset[Crop]):
    """Crops without end; each start of each worker has random numbers of its own."""

    def __init__(self, maker: CropMaker, seed: int, start: int = 0) -> None:
        super().__init__()
        self.maker, self.seed, self.start = maker, seed, start

    def __iter__(self) -> Iterator[Crop]:
        """Yield crops for ever."""
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, self.start, worker.id if worker else 0])
        while True:
            yield self.maker.make(rng)


def collate(crops: list[Crop]) -> tuple[Tensor, Tensor, Targets]:
    """Return pictures uint8 (B, S, S, 3), the same before they were spoilt, and the labels of all of them."""
    pictures = torch.from_numpy(np.stack([crop.image for crop in crops]))
    owners = np.repeat(np.arange(len(crops)), [len(crop.rows) for crop in crops])
    rows = torch.from_numpy(np.concatenate([crop.rows for crop in crops]))
    mild = torch.from_numpy(np.stack([crop.mild for crop in crops]))
    return pictures, mild, Targets(torch.from_numpy(owners), rows[:, :4], rows[:, 4:14], rows[:, 14] > 0)


class FinderModule(pl.LightningModule):
    """Trains a face network on crops, with or without a teacher for every cell; logs the losses."""

    def __init__(
        self,
        network: FaceNetwork,
        maker: CropMaker,
        recipe: FinderRecipe,
        budget: Budget,
        *,
        teacher: CellTeacher | None = None,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe, self.budget, self.workers = recipe, budget, workers
        self.hints = None if teacher is None else Hints(recipe.network.neck)
        self._maker, self._teacher = maker, teacher
        self._cells: Cells | None = None

    def train_dataloader(self) -> DataLoader[Any]:
        """Return batches of crops."""
        crops = EndlessCrops(self._maker, self.recipe.seed, self.global_step)
        return DataLoader(crops, self.recipe.batch_size, collate_fn=collate, num_workers=self.workers)

    def training_step(self, batch: tuple[Tensor, Tensor, Targets], batch_index: int) -> Tensor:
        """Return the loss of a batch."""
        pictures, mild, targets = batch
        levels = self.network.levels(pictures.permute(0, 3, 1, 2).float() * PIXEL_SCALE)
        maps = self.network.answers(levels)
        cells = self._cells_of(pictures)
        if self._teacher is None or self.hints is None:
            with torch.autocast(self.device.type, enabled=False):
                losses = losses_of(flatten(maps).float(), cells, targets)
            total = losses.total(self.recipe.loss)
            values = losses._asdict()
        else:
            taught = self._teacher(mild.cpu().numpy()).to(self.device)
            hint = self.hints(levels, taught)
            with torch.autocast(self.device.type, enabled=False):
                losses = distill_losses(flatten(maps).float(), cells, targets, taught, self.recipe.distill.trust)
            total = losses.total(self.recipe.distill) + self.recipe.distill.hint * hint
            values = losses._asdict() | {"hint": hint}
        values = {f"train_{name}": value.detach() for name, value in values.items()}
        self.log_dict(values | {"train_loss": total.detach()}, on_step=True, batch_size=len(pictures))
        return total

    def _cells_of(self, pictures: Tensor) -> Cells:
        if self._cells is None:
            cells = cells_of(pictures.shape[1], pictures.shape[2])
            self._cells = Cells(cells.middles.to(pictures.device), cells.strides.to(pictures.device))
        return self._cells

    def on_train_batch_start(self, batch: Any, batch_index: int) -> int | None:
        """Set the learning rate; end the run when its budget is spent."""
        progress = self.budget.progress(self.global_step)
        rate = self.recipe.learning_rate * rate_at(progress, self.recipe.warm_up, self.recipe.final_rate)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        if progress >= 1:
            self.trainer.should_stop = True
        return None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Muon for kernels and AdamW for the rest; no decay of biases and norms."""
        return MuonAdamW(groups_of(self, self.recipe.weight_decay), lr=self.recipe.learning_rate)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the time spent."""
        checkpoint["seconds_spent"] = self.budget.spent

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Count the time of earlier starts."""
        self.budget.before = float(checkpoint["seconds_spent"])
