"""Train one client on its own faces for some epochs, from the weights that the server sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import numpy as np
from flwr.client import NumPyClient
from torch import Tensor

from mien.datasets import FaceDataset
from mien.errors import InputError
from mien.federated.weights import Arrays, arrays_of, load_arrays
from mien.labels import LABEL_SETS
from mien.training.batches import Batch, FaceTensors
from mien.training.fit import precision_of
from mien.training.module import ExpressionModule
from mien.training.recipe import Recipe, make_recipe
from mien.training.silenced_warnings import quiet_lightning


class LocalModule(ExpressionModule):
    """Train with FedProx's proximal term, mu / 2 |w - w0|^2, where w0 are the weights at the start of the round."""

    mu = 0.0

    def on_fit_start(self) -> None:
        self._start = [parameter.detach().clone() for parameter in self.network.parameters()]

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        loss = super().training_step(batch, batch_index)
        return loss + self.mu / 2 * self.distance() if self.mu else loss

    def distance(self) -> Tensor:
        """Return the squared distance of all weights from those at the start of the round."""
        pairs = zip(self.network.parameters(), self._start, strict=True)
        return sum(((now - then) ** 2).sum() for now, then in pairs)  # type: ignore[return-value]

    def _in_training(self) -> dict[str, float]:
        return super()._in_training() if self._seen else {}  # a server validates without training


class Client(NumPyClient):
    """Train on the faces of one client; the server's configuration has recipe, epoch and strategy.

    Order and augmentation follow from the recipe's seed, the epoch and the faces, so that clients differ and runs
    repeat. The optimiser starts anew in each round.

    Args:
        faces: the client's Training faces.
        device: "auto", "cpu" or "cuda".
        on_progress: called after each round with a line for people and the share of all epochs done, 0 to 1.
    """

    def __init__(
        self,
        faces: FaceDataset,
        device: str = "auto",
        on_progress: Callable[[str, float], None] = lambda stage, share: None,
    ) -> None:
        self.dataset = faces
        self.device = device
        self.on_progress = on_progress
        self._own = int(faces.faces_digest[:8], 16) % 2**20

    def fit(self, parameters: Arrays, config: dict[str, Any]) -> tuple[Arrays, int, dict[str, Any]]:
        """Train for one round.

        Args:
            parameters: the weights at the start of the round.
            config: the server's configuration.

        Returns:
            The weights, how much they count in the average, and the metrics, with the mean loss as `train_loss`.

        Raises:
            InputError: the client's labels or votes do not fit the server's.
        """
        recipe = make_recipe(json.loads(config["recipe"]), "the server's recipe")
        self._check(config)
        module = self._module(recipe, config)
        load_arrays(module.network, parameters)
        loss = train_epochs(module, int(config["epoch"]), int(config["local_epochs"]), self.device)
        done = int(config["epoch"]) + int(config["local_epochs"])
        self.on_progress(f"epoch {done}/{recipe.epochs}: loss {loss:.4f}", done / recipe.epochs)
        equal_weights = bool(config["equal_weights"])  # differential privacy needs equal weights of all clients
        known = {} if equal_weights else {"faces": len(self.dataset)}
        return arrays_of(module.network), 1 if equal_weights else len(self.dataset), {"train_loss": loss, **known}

    def _check(self, config: dict[str, Any]) -> None:
        if config["labels"] != self.dataset.label_set.name:
            raise InputError(
                f"labels: expected the server's, {config['labels']!r}, got {self.dataset.label_set.name!r}. "
                f"Start the client with --labels {config['labels']}"
            )
        if config["votes"] and self.dataset.votes is None:
            raise InputError("votes: the server's network has a head for FER+'s votes. Start the client with --votes")

    def _module(self, recipe: Recipe, config: dict[str, Any]) -> LocalModule:
        own = recipe.model_copy(update={"seed": recipe.seed + self._own})
        module = LocalModule(
            own,
            FaceTensors.of(self.dataset),
            FaceTensors.of(self.dataset.take(np.arange(1))),  # clients do not validate
            LABEL_SETS[config["labels"]],
            with_votes=bool(config["votes"]),
        )
        module.mu = float(config.get("proximal_mu", 0.0))
        return module


def train_epochs(module: LocalModule, epoch: int, epochs: int, device: str = "auto") -> float:
    """Train `epochs` epochs, the first of which is number `epoch` of the run, from 0.

    Returns:
        The mean loss of the last epoch.
    """
    recipe, clock = module.recipe, module.clock
    clock.done, clock.share = epoch / recipe.epochs, 1 / recipe.epochs  # where the schedule continues
    with quiet_lightning():
        trainer = trainer_on(
            device,
            recipe,
            max_epochs=epoch + epochs,
            callbacks=[clock],
            limit_val_batches=0,
            gradient_clip_val=recipe.optimizer.gradient_clip or None,
            reload_dataloaders_every_n_epochs=1,
        )
        done: Any = trainer.fit_loop.epoch_progress.current  # the Trainer counts on from here
        done.processed = done.completed = epoch
        trainer.fit(module)
    module.network.to("cpu")
    return float(trainer.callback_metrics["train_loss"])


def trainer_on(device: str, recipe: Recipe, **more: Any) -> pl.Trainer:
    """Return a Trainer on one device, without files and output.

    Args:
        device: "auto", "cpu" or "cuda".
        recipe: the recipe, for its precision.
        **more: other arguments of the Trainer.
    """
    return pl.Trainer(
        accelerator={"cuda": "gpu"}.get(device, device),
        devices=1,
        precision=precision_of(recipe.precision, device),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **more,
    )
