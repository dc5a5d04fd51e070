"""Define the Lightning module: the training step, the validation pass, the optimiser and its schedule."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch._inductor.cpp_builder import get_cpp_compiler

from mien.bundle import softmax
from mien.errors import TrainingError
from mien.evaluation import metrics
from mien.labels import FERPLUS, LabelSet
from mien.training.augment import Augment, mix
from mien.training.batches import Batch, FaceTensors, OrderedBatches, ShuffledBatches
from mien.training.losses import balanced_weights, soft_cross_entropy
from mien.training.models import Network, build
from mien.training.recipe import Recipe
from mien.training.sam import SAM
from mien.training.schedule import CURVES, TrainingClock
from mien.training.teacher import TeacherEnsemble

log = logging.getLogger("mien.training")

TRAINING_METRICS: dict[str, Callable[..., float]] = {
    "accuracy": metrics.accuracy,
    "precision": metrics.macro_precision,
    "recall": metrics.macro_recall,
    "auc": metrics.macro_auc,
}
"""Metrics of the label head in training and validation; precision, recall and AUC are macro averages."""

VALIDATION_METRICS = TRAINING_METRICS | {"macro_f1": metrics.macro_f1, "nll": metrics.nll}


def logged_metrics(label_set: LabelSet, with_votes: bool) -> list[str]:
    """Return the names of all metrics that a run logs.

    Args:
        label_set: the label set of the data.
        with_votes: whether the data has FER+ votes.
    """
    names = ["learning_rate", "train_loss", *(f"train_{name}" for name in TRAINING_METRICS)]
    names += ["val_loss", *(f"val_{label_set.name}_{name}" for name in VALIDATION_METRICS)]
    return [*names, *(["val_ferplus_accuracy"] if with_votes else []), "val_accuracy"]


class ExpressionModule(pl.LightningModule):
    """Train a network on the training faces and validate it after every epoch.

    The label head has the name of its label set (for example fer2013). Logged are `learning_rate`; `train_loss` and
    `train_` with each of `TRAINING_METRICS`, on the augmented faces; `val_loss`; `val_fer2013_` with each of
    `VALIDATION_METRICS`; with votes `val_ferplus_accuracy`; and `val_accuracy`, the mean accuracy of the heads.

    Args:
        recipe: the recipe.
        training: the training faces.
        validation: the validation faces.
        label_set: the label set of the labels.
        with_votes: add a head that learns the FER+ votes.
        clock: says which share of the run is done. None: by epochs.
    """

    def __init__(
        self,
        recipe: Recipe,
        training: FaceTensors,
        validation: FaceTensors,
        label_set: LabelSet,
        *,
        with_votes: bool,
        clock: TrainingClock | None = None,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.spec = recipe.input.spec()
        self.label_head = label_set.name
        self.with_votes = with_votes
        self.clock = clock or TrainingClock(recipe)
        heads = {self.label_head: len(label_set)} | ({FERPLUS.name: len(FERPLUS)} if with_votes else {})
        self.network: Network = build(recipe.network.name, recipe.network.options, heads, recipe.input.size)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.augment = Augment(recipe.augment, self.spec)
        self.teachers = TeacherEnsemble(recipe.teacher, heads) if recipe.teacher.bundles else None
        class_weights = balanced_weights(training.labels, len(label_set))
        self.class_weights = class_weights if recipe.loss.class_weights == "balanced" else None
        self._training, self._validation = training, validation
        self._fraction = 0.0  # share of the epoch that is done
        self._seen: list[tuple[Tensor, Tensor]] = []
        self._outputs: list[dict[str, Tensor]] = []

    @property
    def progress(self) -> float:
        """Return the share of the run that is done, 0 to 1."""
        return self.clock.progress_at(self._fraction)

    @property
    def averaging(self) -> bool:
        """Return whether the run is in the last epochs, whose weights are averaged (SWA)."""
        return bool(self.recipe.swa) and self.progress > 1 - self.recipe.swa

    def setup(self, stage: str) -> None:
        device = self.trainer.strategy.root_device
        self._training, self._validation = self._training.to(device), self._validation.to(device)
        if self.class_weights is not None:
            self.class_weights = self.class_weights.to(device)
        self._inputs = self._validation.inputs(self.spec)
        wanted = device.type != "cpu" if self.recipe.compile == "auto" else self.recipe.compile
        if wanted and can_compile():
            self.network.compile()

    def train_dataloader(self) -> ShuffledBatches:
        return ShuffledBatches(
            self._training,
            self.recipe.batch_size,
            seed_of(self.recipe.seed, self.current_epoch),
            balanced=self.recipe.data.sampling == "balanced",
            rank=self.global_rank,
            world=self._trainer.world_size if self._trainer else 1,
        )

    def val_dataloader(self) -> OrderedBatches:
        return OrderedBatches(self._inputs, 2 * self.recipe.batch_size)

    def on_train_epoch_start(self) -> None:
        # Seed and epoch determine all random numbers of an epoch, so that a resumed run repeats it exactly.
        torch.manual_seed(seed_of(self.recipe.seed, self.current_epoch) + self.global_rank)
        self._fraction = 0.0
        self._seen.clear()
        schedule = self.recipe.schedule
        for layer in self.network.layers()[:-1]:
            for parameter in layer:
                parameter.requires_grad_(self.progress >= schedule.frozen)
        small = schedule.small_size and self.progress < schedule.small_until
        self.augment.size = schedule.small_size if small else self.spec.size

    def augmented(self, batch: Batch, *, with_teachers: bool = True) -> tuple[Tensor, list[Tensor]]:
        """Augment a batch.

        Args:
            batch: the crops and targets.
            with_teachers: mix the teachers' predictions into the targets, if there are teachers.

        Returns:
            faces: network input, float32 (N, 1, size, size).
            targets: label targets (N, K), vote shares (N, 8) and weights (N, 1).
        """
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            given = [batch.targets, batch.shares, batch.weights]
            frames, (targets, shares, weights) = mix(self.recipe.augment, self.augment(batch.crops), given)
            if self.teachers and with_teachers:
                targets, shares = self.teachers.mix_into(frames, targets, shares)
            return self.augment.window(self.augment.degrade(frames)), [targets, shares, weights]

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        faces, (targets, shares, weights) = self.augmented(batch)
        logits = self.network(faces)
        loss = self.loss(logits, targets, shares, weights)
        if self._fraction < (done := (batch_index + 1) / len(self._batches())):  # SAM runs each step twice
            self._fraction = done
            self._seen.append((logits[self.label_head].detach().float(), targets.argmax(1)))
            self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(faces), sync_dist=True)
        return loss

    def loss(self, logits: dict[str, Tensor], targets: Tensor, shares: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the label head's loss plus the vote head's cross-entropy, as a (weighted) mean over faces.

        Args:
            logits: head -> (N, K).
            targets: label targets, (N, K).
            shares: vote shares, (N, 8); a face without votes has no vote loss.
            weights: weight of each face, (N, 1). None: all the same.
        """
        recipe = self.recipe.loss
        total = soft_cross_entropy(
            logits[self.label_head],
            targets,
            smoothing=recipe.label_smoothing,
            class_weights=self.class_weights,
            focus=recipe.focus,
        )
        if self.with_votes:
            total = total + recipe.votes_weight * soft_cross_entropy(logits[FERPLUS.name], shares)
        return total.mean() if weights is None else (total * weights[:, 0]).sum() / weights.sum()

    def validation_step(self, batch: tuple[Tensor], batch_index: int) -> None:
        logits = self.network(batch[0].contiguous(memory_format=torch.channels_last))
        self._outputs.append({name: values.float() for name, values in logits.items()})

    def on_validation_epoch_end(self) -> None:
        logits = {name: torch.cat([output[name] for output in self._outputs]) for name in self._outputs[0]}
        self._outputs.clear()
        if not all(bool(torch.isfinite(values).all()) for values in logits.values()):
            raise TrainingError(
                f"training diverged in epoch {self.current_epoch + 1}: the network's outputs are infinite or NaN. "
                "Lower optimizer.learning_rate, or clip with a smaller optimizer.gradient_clip"
            )
        validation = self._validation
        values = {"val_loss": float(self.loss(logits, validation.targets, validation.shares))}
        labels = validation.labels.cpu().numpy()
        probabilities = softmax(logits[self.label_head].cpu().numpy())
        for name, measure in VALIDATION_METRICS.items():
            values[f"val_{self.label_head}_{name}"] = measure(probabilities, labels)
        accuracies = [values[f"val_{self.label_head}_accuracy"]]
        if self.with_votes:
            plurality = validation.plurality.cpu().numpy()
            voted = plurality >= 0
            seen = softmax(logits[FERPLUS.name].cpu().numpy())
            values["val_ferplus_accuracy"] = metrics.accuracy(seen[voted], plurality[voted])
            accuracies.append(values["val_ferplus_accuracy"])
        self.log_dict(self._in_training() | values | {"val_accuracy": float(np.mean(accuracies))}, sync_dist=True)

    def _in_training(self) -> dict[str, float]:
        """Return the metrics of the epoch's own faces, as they were augmented."""
        logits, labels = (self._everywhere(torch.cat(parts)) for parts in zip(*self._seen, strict=True))
        if not np.isfinite(logits).all():
            return {}
        probabilities = softmax(logits)
        return {f"train_{name}": measure(probabilities, labels) for name, measure in TRAINING_METRICS.items()}

    def _everywhere(self, values: Tensor) -> Any:
        """Return the values (N, ...) of all processes as one array."""
        gathered: Any = self.all_gather(values)
        return gathered.reshape(-1, *values.shape[1:]).cpu().numpy()

    def on_train_batch_start(self, batch: Any, batch_index: int) -> None:
        if batch_index == 0:
            self.log(
                "learning_rate",
                self.trainer.optimizers[0].param_groups[0]["lr"],
                on_step=False,
                on_epoch=True,
            )

    def configure_optimizers(self) -> Any:
        optimizer = self._optimizer()
        schedule = self.recipe.schedule
        if schedule.name == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer,
                self.recipe.stopping.mode,
                schedule.plateau_factor,
                schedule.plateau_patience - 1,  # torch lowers the rate one epoch later
            )
            watched = {"monitor": self.recipe.stopping.monitor, "interval": "epoch"}
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, **watched}}
        steps = self.recipe.epochs * len(self._batches())
        curve = CURVES[schedule.name](schedule, steps)
        last = (1 - self.recipe.swa) * steps  # from this step on, weights are averaged and the rate is constant

        def factor(_: int) -> float:
            return curve(min(self.progress * steps, last))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _optimizer(self) -> torch.optim.Optimizer:
        recipe = self.recipe.optimizer
        groups: list[dict[str, Any]] = []
        for distance, layer in enumerate(reversed(self.network.layers())):  # the heads first, whose rate is logged
            rate = {"lr": recipe.learning_rate * recipe.layer_decay**distance}
            groups.append({"params": [p for p in layer if p.ndim > 1], "weight_decay": recipe.weight_decay, **rate})
            groups.append({"params": [p for p in layer if p.ndim <= 1], "weight_decay": 0.0, **rate})
        groups = [group for group in groups if group["params"]]
        optimizer: torch.optim.Optimizer
        if recipe.name == "sgd":
            optimizer = torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=True)
        else:
            kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.name]
            optimizer = kind(groups, lr=recipe.learning_rate)
        return SAM(optimizer, recipe.sam) if recipe.sam else optimizer

    def _batches(self) -> ShuffledBatches:
        """Return the batches of an arbitrary epoch, to count them."""
        return ShuffledBatches(self._training, self.recipe.batch_size, 0)


def can_compile() -> bool:
    """Return whether torch.compile finds a C++ compiler; if not, log what to install."""
    try:
        get_cpp_compiler()
    except RuntimeError:
        log.warning("no C++ compiler: training continues without compilation. Install g++ or clang")
        return False
    return True


def seed_of(seed: int, epoch: int) -> int:
    """Return the seed of one epoch; different seeds and epochs close to each other give different results."""
    return (seed * 1_000_003 + epoch * 7_919 + 12_345) % 2**31


def trainable_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
