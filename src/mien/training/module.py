"""The Lightning module: one step of training, one pass over the validation split, the optimiser and its schedule."""

from __future__ import annotations

import math
import sys
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch._inductor.cpp_builder import get_cpp_compiler
from torch.nn import functional as F

from mien import metrics
from mien.calibration import softmax
from mien.errors import TrainingError
from mien.labels import FER2013, FERPLUS
from mien.training.augment import Augment, mixup
from mien.training.data import Faces48, OrderedBatches, ShuffledBatches
from mien.training.models import Network, build
from mien.training.recipe import Recipe


class ExpressionModule(pl.LightningModule):
    """Trains a network on `training` and judges it on `validation` after every epoch.

    Logged: `train_loss`, `learning_rate`, and on the validation split `val_loss`, `val_fer2013_accuracy`,
    `val_fer2013_macro_f1`, `val_fer2013_nll`, with votes `val_ferplus_accuracy`, and `val_accuracy`, their mean.
    """

    def __init__(self, recipe: Recipe, training: Faces48, validation: Faces48, *, with_votes: bool) -> None:
        super().__init__()
        self.recipe = recipe
        self.spec = recipe.input.spec()
        self.with_votes = with_votes
        heads = {FER2013.name: len(FER2013)} | ({FERPLUS.name: len(FERPLUS)} if with_votes else {})
        self.network: Network = build(recipe.network.name, recipe.network.options, heads)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.augment = Augment(recipe.augment, self.spec)
        self._training, self._validation = training, validation
        self._outputs: list[dict[str, Tensor]] = []

    def setup(self, stage: str) -> None:
        device = self.trainer.strategy.root_device
        self._training, self._validation = self._training.to(device), self._validation.to(device)
        self._inputs = self._validation.inputs(self.spec)
        if self.recipe.compile and can_compile():
            self.network.compile()

    def train_dataloader(self) -> ShuffledBatches:
        return ShuffledBatches(self._training, self.recipe.batch_size, seed_of(self.recipe.seed, self.current_epoch))

    def val_dataloader(self) -> OrderedBatches:
        return OrderedBatches(self._inputs, 2 * self.recipe.batch_size)

    def on_train_epoch_start(self) -> None:
        # All randomness of an epoch follows from seed and epoch, so that a resumed run repeats it exactly.
        torch.manual_seed(seed_of(self.recipe.seed, self.current_epoch))
        schedule = self.recipe.schedule
        small = schedule.small_size and self.current_epoch < schedule.small_until * self.recipe.epochs
        self.augment.size = schedule.small_size if small else self.spec.size

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_index: int) -> Tensor:
        crops, targets, shares = batch
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            faces = self.augment(crops)
            if self.recipe.augment.mixup:
                faces, (targets, shares) = mixup(self.recipe.augment.mixup, faces, [targets, shares])
        loss = self.loss(self.network(faces), targets, shares)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(crops))
        return loss

    def loss(self, logits: dict[str, Tensor], targets: Tensor, shares: Tensor) -> Tensor:
        """Cross-entropy of the label head, plus the vote head's, which is 0 for a face without a vote."""
        total = F.cross_entropy(logits[FER2013.name].float(), targets, label_smoothing=self.recipe.loss.label_smoothing)
        if self.with_votes:
            votes = F.cross_entropy(logits[FERPLUS.name].float(), shares, reduction="none").mean()
            total = total + self.recipe.loss.votes_weight * votes
        return total

    def validation_step(self, batch: tuple[Tensor], batch_index: int) -> None:
        logits = self.network(batch[0].contiguous(memory_format=torch.channels_last))
        self._outputs.append({name: values.float() for name, values in logits.items()})

    def on_validation_epoch_end(self) -> None:
        logits = {name: torch.cat([output[name] for output in self._outputs]) for name in self._outputs[0]}
        self._outputs.clear()
        if not all(bool(torch.isfinite(values).all()) for values in logits.values()):
            raise TrainingError(
                f"training diverged in epoch {self.current_epoch + 1}: the network answers infinity or NaN. "
                "Lower optimizer.learning_rate, or clip with a smaller optimizer.gradient_clip"
            )
        loss = self.loss(logits, self._validation.targets, self._validation.shares)
        labels = self._validation.labels.cpu().numpy()
        probabilities = softmax(logits[FER2013.name].cpu().numpy())
        values = {
            "val_fer2013_accuracy": metrics.accuracy(probabilities, labels),
            "val_fer2013_macro_f1": metrics.macro_f1(probabilities, labels),
            "val_fer2013_nll": metrics.nll(probabilities, labels),
        }
        accuracies = [values["val_fer2013_accuracy"]]
        if self.with_votes:
            plurality = self._validation.plurality.cpu().numpy()
            voted = plurality >= 0
            seen = softmax(logits[FERPLUS.name].cpu().numpy())
            values["val_ferplus_accuracy"] = metrics.accuracy(seen[voted], plurality[voted])
            accuracies.append(values["val_ferplus_accuracy"])
        values["val_accuracy"] = float(np.mean(accuracies))
        self.log_dict({"val_loss": loss, **values})

    def on_train_batch_start(self, batch: Any, batch_index: int) -> None:
        if batch_index == 0:
            self.log(
                "learning_rate",
                self.trainer.optimizers[0].param_groups[0]["lr"],
                on_step=False,
                on_epoch=True,
            )

    def configure_optimizers(self) -> Any:
        recipe = self.recipe.optimizer
        weights = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [
            {"params": weights, "weight_decay": recipe.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer: torch.optim.Optimizer
        if recipe.name == "adamw":
            optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate)
        else:
            optimizer = torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=True)
        steps = self.recipe.epochs * len(ShuffledBatches(self._training, self.recipe.batch_size, 0))
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, WarmupCosine(self.recipe, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def can_compile() -> bool:
    """Whether torch.compile finds what it needs; where it does not, a line on standard error says what to install."""
    try:
        get_cpp_compiler()
    except RuntimeError:
        print("no C++ compiler: training goes on uncompiled, which is slower. Install g++ or clang", file=sys.stderr)
        return False
    return True


class WarmupCosine:
    """The learning rate's factor at a step: a linear rise, then a cosine down to `final`."""

    def __init__(self, recipe: Recipe, steps: int) -> None:
        self.warmup = max(1, round(recipe.schedule.warmup * steps))
        self.steps = max(self.warmup + 1, steps)
        self.final = recipe.schedule.final

    def __call__(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        progress = min(1.0, (step - self.warmup) / (self.steps - self.warmup))
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress))


def seed_of(seed: int, epoch: int) -> int:
    """The seed of one epoch; neighbouring seeds and epochs must not meet."""
    return (seed * 1_000_003 + epoch * 7_919 + 12_345) % 2**31


def trainable_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
