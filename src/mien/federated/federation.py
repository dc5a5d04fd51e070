"""Run federated training from the run's folder to the bundle, with any kind of clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from flwr.server import ClientManager

from mien.datasets import TRAINING, FaceDataset, combine
from mien.errors import MienError, RecipeError, suggest
from mien.federated.history import RoundHistory, RoundResult
from mien.federated.plan import Plan, recipe_for_clients
from mien.federated.server import FederatedServer, make_strategy
from mien.runs import Run
from mien.training.module import logged_metrics
from mien.training.recipe import Recipe
from mien.training.run_record import begin_run, finish_run


class Federation:
    """Create or resume a run, make the server for its rounds, and export the best round.

    Args:
        recipe: the recipe.
        plan: the plan.
        validation: the faces that choose the best round and fit the temperatures; they stay with the server.
        out: the run's folder.
        training: the Training faces of all clients, known only in a simulation: for their number and the copies of them
            in `validation`.
        resume: continue an existing run.
        device: "auto", "cpu" or "cuda".
        on_round: called with the metrics of each round.

    Raises:
        RecipeError: another run is in `out`, or the recipe cannot be trained by clients.
    """

    def __init__(
        self,
        recipe: Recipe,
        plan: Plan,
        validation: FaceDataset,
        out: str | Path,
        *,
        training: FaceDataset | None = None,
        resume: bool = False,
        device: str = "auto",
        on_round: RoundResult = lambda row: None,
    ) -> None:
        self.run = Run(Path(out))
        self.run.check_unused(resume)
        self.recipe, self.plan = recipe_for_clients(recipe, plan), plan
        self.validation, self.training = validation, training
        watched = self.recipe.stopping.monitor
        measured = [
            name for name in logged_metrics(validation.label_set, validation.votes is not None) if name[:4] == "val_"
        ]
        if watched not in measured:
            raise RecipeError(
                f"stopping.monitor: {watched!r} is not measured after a round; {suggest(watched, measured)}"
            )
        new = not self.run.recipe.is_file()
        facts = {} if new else self._begin()
        self.history = RoundHistory(self.run, self.recipe, validation, device, on_round)
        self.facts = self._begin() if new else facts

    @property
    def rounds_left(self) -> int:
        """Return the number of rounds that are not done."""
        return self.plan.rounds - self.history.done

    def server(self, manager: ClientManager, wait: int) -> FederatedServer:
        """Return a server that continues after the last finished round.

        Args:
            manager: Flower's client manager.
            wait: seconds to wait for the plan's clients.
        """
        strategy = make_strategy(
            self.plan,
            self.recipe,
            self.validation.label_set.name,
            self.validation.votes is not None,
            self.history.weights(),
            self.history.evaluate_round,
            self.history.done,
        )
        server = FederatedServer(
            client_manager=manager,
            strategy=strategy,
            expected=self.plan.clients,
            wait=wait,
            seed=self.recipe.seed,
            done=self.history.done,
        )
        self.history.start(server)
        return server

    def finish(self) -> Path:
        """Export the best round as a bundle, evaluate it, and complete `run.json`; return the bundle's path."""
        checkpoint = torch.load(self.run.best, map_location="cpu", weights_only=True)
        self.history.load(checkpoint)
        server = self.history.server
        if server is not None and not self.facts["data"]["training"]:
            self.facts["data"]["training"] = sum(server.faces.values()) or None  # private clients report 0
        self.facts |= {
            "epochs_run": self.history.done,
            "best_epoch": int(checkpoint["epoch"]) + 1,
            "seconds": round(self.history.rows[-1]["seconds"], 1),
        }
        network, described = self.history.module.network, self._described()
        return finish_run(
            self.run, network, self.recipe, self._known(), self.validation, self.training, self.facts, described
        )

    def _known(self) -> FaceDataset:
        return self.validation if self.training is None else combine([self.training, self.validation])

    def _described(self) -> dict[str, Any]:
        """Return the recipe with a description that includes the plan."""
        described = f"{self.recipe.description} Federated: {self.plan.sentence()}.".strip()
        return self.recipe.to_dict() | {"description": described}

    def _begin(self) -> dict[str, Any]:
        """Create the run's folder, or check that the folder holds the same run; return the run's facts."""
        known = self._known()
        facts = {
            "data": {
                "digest": known.digest,
                "training": 0 if self.training is None else int((known.splits == TRAINING).sum()),
                "validation": str(self.validation.splits[0]),
                "votes": self.validation.votes is not None,
            },
            "federated": self.plan.facts(),
        }
        return begin_run(self.run, self.recipe, self._described(), facts, self._difference, packages=["flwr"])

    def _difference(self, before: dict[str, Any], now: dict[str, Any]) -> MienError | None:
        same = before.get("federated") == now["federated"] and before["data"]["digest"] == now["data"]["digest"]
        if same:
            return None
        return RecipeError(
            f"{self.run.folder} was started with another plan or other data, see {self.run.facts}: resume with the "
            "same options, or choose another --out"
        )
