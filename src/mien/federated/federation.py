"""A federated run from its folder to its bundle, whoever the clients are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomli_w
import torch
from flwr.server import ClientManager

from mien.bundle import Bundle
from mien.datasets import TRAINING, FaceDataset, combine
from mien.errors import RecipeError, nearest
from mien.evaluate import evaluate_bundle
from mien.federated.ledger import Ledger, Told
from mien.federated.plan import Plan, federated
from mien.federated.server import FederatedServer, make_strategy
from mien.files import write_atomically
from mien.runs import Run
from mien.training.export import export_bundle
from mien.training.fit import commit, surroundings, taken_from, unseen, write_json, write_predictions
from mien.training.models import gflop
from mien.training.module import logged, trainable_parameters
from mien.training.recipe import Recipe


class Federation:
    """Makes or resumes the run in `out`, gives a server for its rounds, and exports the best of them.

    `validation` chooses the round and fits the temperatures; it stays with the server. `training` is told only to a
    simulation: it knows how many faces there are, and which stand in both. Raises RecipeError where another run is in
    `out`, and for a recipe that cannot be trained so.
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
        told: Told = lambda row: None,
    ) -> None:
        self.run = Run(Path(out))
        self.run.check_unused(resume)
        self.recipe, self.plan = federated(recipe, plan), plan
        self.validation, self.training = validation, training
        watched = self.recipe.stopping.monitor
        judged = [name for name in logged(validation.label_set, validation.votes is not None) if name[:4] == "val_"]
        if watched not in judged:
            raise RecipeError(
                f"stopping.monitor: {watched!r} is not measured after a round; {nearest(watched, judged)}"
            )
        new = not self.run.recipe.is_file()
        facts = {} if new else self._begin()
        self.ledger = Ledger(self.run, self.recipe, validation, device, told)
        self.facts = self._begin() if new else facts

    @property
    def left(self) -> int:
        """Rounds to go."""
        return self.plan.rounds - self.ledger.done

    def server(self, manager: ClientManager, wait: int) -> FederatedServer:
        """A server that waits so many seconds for the plan's clients and then goes on after the last finished round."""
        strategy = make_strategy(
            self.plan,
            self.recipe,
            self.validation.label_set.name,
            self.validation.votes is not None,
            self.ledger.weights(),
            self.ledger.judge,
            self.ledger.done,
        )
        server = FederatedServer(
            client_manager=manager,
            strategy=strategy,
            expected=self.plan.clients,
            wait=wait,
            seed=self.recipe.seed,
            done=self.ledger.done,
        )
        self.ledger.start(server)
        return server

    def finish(self) -> Path:
        """Exports the best round as a bundle, judges it, and completes `run.json`; returns the bundle's path."""
        checkpoint = torch.load(self.run.best, map_location="cpu", weights_only=True)
        self.ledger.load(checkpoint)
        network = self.ledger.module.network
        server = self.ledger.server
        if server is not None and not self.facts["data"]["training"]:
            self.facts["data"]["training"] = sum(server.faces.values()) or None  # private clients do not tell
        self.facts |= {
            "epochs_run": self.ledger.done,
            "best_epoch": int(checkpoint["epoch"]) + 1,
            "seconds": round(self.ledger.rows[-1]["seconds"], 1),
            "exported_by": commit(),
            "parameters": trainable_parameters(network),
            "gflop_per_face": round(gflop(network, self.recipe.input.size), 4),
        }
        split = self.facts["data"]["validation"]

        def judge(bundle: Bundle) -> dict[str, Any]:
            evaluation = evaluate_bundle(bundle, self._known(), split)
            evaluation.to_json(self.run.evaluation)
            write_predictions(self.run.predictions, bundle, self.validation, split)
            return evaluation.to_dict()

        faces = self.validation if self.training is None else unseen(self.validation, self.training)
        path = self.run.folder / f"{self.recipe.name}.onnx"
        export_bundle(network, self.recipe, faces, path, {"training": self.facts, "recipe": self._told()}, judge)
        write_json(self.run.facts, self.facts)
        return path

    def _known(self) -> FaceDataset:
        return self.validation if self.training is None else combine([self.training, self.validation])

    def _told(self) -> dict[str, Any]:
        """The recipe, whose description says that it was trained by clients."""
        described = f"{self.recipe.description} Federated: {self.plan.words()}.".strip()
        return self.recipe.to_dict() | {"description": described}

    def _begin(self) -> dict[str, Any]:
        """Makes the run's folder, or checks that the one there is the same run; returns the run's facts."""
        known = self._known()
        facts = {
            "mien": version("mien"),
            "commit": commit(),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": {
                "digest": known.digest,
                "training": 0 if self.training is None else int((known.splits == TRAINING).sum()),
                "validation": str(self.validation.splits[0]),
                "votes": self.validation.votes is not None,
            },
            "federated": self.plan.facts(),
            **taken_from(self.recipe, started=self.run.recipe.is_file()),
            **surroundings(),
        }
        facts["versions"] = facts["versions"] | {"flwr": version("flwr")}
        text = tomli_w.dumps(self._told())
        if self.run.recipe.is_file():
            before = json.loads(self.run.facts.read_text(encoding="utf-8"))
            same = before.get("federated") == facts["federated"] and before["data"]["digest"] == known.digest
            if self.run.recipe.read_text(encoding="utf-8") != text or not same:
                raise RecipeError(
                    f"{self.run.folder} was started with another recipe, plan or data, see {self.run.facts}: resume "
                    "with the same options, or choose another --out"
                )
            return dict(before)
        self.run.checkpoints.mkdir(parents=True, exist_ok=True)
        write_json(self.run.facts, facts)
        write_atomically(self.run.recipe, text)
        return facts
