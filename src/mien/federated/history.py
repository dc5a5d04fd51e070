"""Keep the results of each round in the files of an ordinary run: history, last and best checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from mien.datasets import FaceDataset
from mien.federated.client import LocalModule, trainer_on
from mien.federated.server import FederatedServer
from mien.federated.weights import Arrays, arrays_of, load_arrays
from mien.files import replacing
from mien.runs import Row, Run, write_history
from mien.training.batches import FaceTensors
from mien.training.initial import start_from
from mien.training.recipe import Recipe
from mien.training.silenced_warnings import quiet_lightning

RoundResult = Callable[[Row], None]


class RoundHistory:
    """Validate the weights of every round, record the round, and keep the best weights.

    The checkpoints have the keys of those that `mien train` writes, with the round as the epoch, so that everything
    that reads a run can read this one.

    Args:
        run: the run's folder.
        recipe: the recipe.
        validation: the validation faces.
        device: "auto", "cpu" or "cuda".
        on_round: called with the metrics of each round.
    """

    def __init__(self, run: Run, recipe: Recipe, validation: FaceDataset, device: str, on_round: RoundResult) -> None:
        self.run, self.recipe, self.device, self.on_round = run, recipe, device, on_round
        torch.manual_seed(recipe.seed)  # for the initial weights
        faces = FaceTensors.of(validation)
        self.module = LocalModule(
            recipe,
            FaceTensors.of(validation.take(np.arange(1))),
            faces,
            validation.label_set,
            with_votes=validation.votes is not None,
        )
        self.rows: list[Row] = []
        self.server: FederatedServer | None = None
        self._before, self._started = 0.0, time.monotonic()
        if run.last.is_file():
            self._restore()
        elif recipe.initial:
            start_from(recipe.initial, self.module.network, validation.faces)

    @property
    def done(self) -> int:
        """Return the number of finished rounds."""
        return len(self.rows)

    @property
    def seconds(self) -> float:
        """Return the time of the rounds in seconds, over all starts of the run."""
        return self._before + time.monotonic() - self._started

    def weights(self) -> Arrays:
        """Return the weights of the last finished round, or the initial ones."""
        return arrays_of(self.module.network)

    def start(self, server: FederatedServer) -> None:
        """Start the clock, and read the numbers of clients from this server from now on."""
        self.server, self._started = server, time.monotonic()

    def evaluate_round(self, number: int, arrays: Arrays, _: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """Validate the weights at the end of a round, and record the round.

        Args:
            number: number of the round, from 1.
            arrays: the weights.

        Returns:
            The validation loss, and a dict with the accuracy.
        """
        load_arrays(self.module.network, arrays)
        with quiet_lightning():
            measured = trainer_on(self.device, self.recipe).validate(self.module, verbose=False)[0]
        self.module.network.to("cpu")
        row: Row = {"epoch": number, "seconds": round(self.seconds, 1)}
        if self.server is not None:
            row |= {"clients": self.server.answered, "failed": self.server.failed}
            if self.server.train_loss is not None:
                row["train_loss"] = self.server.train_loss
        row |= {name: float(value) for name, value in measured.items()}
        self.rows.append(row)
        self._write()
        self.on_round(row)
        return row["val_loss"], {"accuracy": row["val_accuracy"]}

    def best(self) -> Row:
        """Return the round that is best by the recipe's `stopping.monitor`, the first of equals."""
        watched = self.recipe.stopping
        return (max if watched.mode == "max" else min)(self.rows, key=lambda row: row[watched.monitor])

    def _write(self) -> None:
        weights = {f"network.{name}": value for name, value in self.module.network.state_dict().items()}
        checkpoint = {"epoch": self.done - 1, "state_dict": weights, "rows": self.rows, "seconds": self.seconds}
        if self.best() is self.rows[-1]:
            _save(checkpoint, self.run.best)
        _save(checkpoint, self.run.last)  # after the best: a stop between the two loses one round, not the best weights
        write_history(self.run.history, self.rows)

    def _restore(self) -> None:
        checkpoint = torch.load(self.run.last, map_location="cpu", weights_only=True)
        self.load(checkpoint)
        self.rows, self._before = checkpoint["rows"], checkpoint["seconds"]

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Load a checkpoint's weights into the network."""
        prefix = "network."
        self.module.network.load_state_dict(
            {name.removeprefix(prefix): value for name, value in checkpoint["state_dict"].items()}
        )


def _save(checkpoint: dict[str, Any], path: Any) -> None:
    with replacing(path) as temporary:
        torch.save(checkpoint, temporary)


def describe_round(row: Row, rounds: int) -> str:
    """Return one line for people about a round."""
    lost = f", {row['failed']:.0f} failed" if row.get("failed") else ""
    return f"round {row['epoch']:.0f}/{rounds}: accuracy {row['val_accuracy']:.4f}{lost}"
