"""Simulate federated training, with server and clients in one process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.common import DisconnectRes, EvaluateRes, FitIns, FitRes, GetParametersRes, GetPropertiesRes
from flwr.server import SimpleClientManager
from flwr.server.client_proxy import ClientProxy

from mien.datasets import TRAINING, FaceDataset
from mien.errors import InputError
from mien.federated.client import Client
from mien.federated.federation import Federation
from mien.federated.history import describe_round
from mien.federated.plan import Plan
from mien.federated.report import write_report
from mien.federated.splits import divide
from mien.runs import Run
from mien.training.fit import Hardware, train
from mien.training.recipe import Recipe, make_recipe
from mien.training.validation import split_for_training

Progress = Callable[[str, float], None]


class InProcessClient(ClientProxy):
    """Represent a client that runs in the server's own process."""

    def __init__(self, cid: str, client: Client) -> None:
        super().__init__(cid)
        self._client = client.to_client()

    def fit(self, ins: FitIns, timeout: float | None, group_id: int | None) -> FitRes:
        """Train the client for one round."""
        return self._client.fit(ins)

    def get_properties(self, *_: Any) -> GetPropertiesRes:
        raise InputError("a simulated client trains, and does nothing else")

    def get_parameters(self, *_: Any) -> GetParametersRes:
        raise InputError("a simulated client trains, and does nothing else")

    def evaluate(self, *_: Any) -> EvaluateRes:
        raise InputError("a simulated client trains, and does nothing else")

    def reconnect(self, *_: Any) -> DisconnectRes:
        return DisconnectRes("")


def simulate(
    recipe: Recipe,
    dataset: FaceDataset,
    out: str | Path,
    plan: Plan,
    *,
    central: bool = True,
    resume: bool = False,
    device: str = "auto",
    progress: Progress = lambda stage, share: None,
    make_client: Callable[[int, FaceDataset], Client] | None = None,
) -> Path:
    """Divide the Training faces among clients, train them round by round, and return the bundle's path.

    `out` becomes an ordinary run whose epochs are rounds, with the page `report/federated.html`. One client trains at a
    time. A client that raises an exception is left out of its round.

    Args:
        recipe: the recipe.
        dataset: the data.
        out: the run's folder.
        plan: the plan.
        central: then train the same recipe on the pooled faces, for as many passes, in `out/central`.
        resume: continue an existing run.
        device: "auto", "cpu" or "cuda".
        progress: called with the name of the stage and the share done, 0 to 1.
        make_client: makes client number n of its faces. None: an ordinary client.

    Raises:
        InputError: the plan does not divide the faces, or there are too few.
        RecipeError: another run is in `out`, or the recipe cannot be trained by clients.
        TrainingError: no client answers in a round.
    """
    if plan.split is None:
        raise InputError("split: expected iid or dirichlet, since a simulation divides the faces itself, got none")
    logging.getLogger("flwr").setLevel(logging.ERROR)
    dataset, validation_split = split_for_training(dataset, recipe)
    training, validation = dataset.split(TRAINING), dataset.split(validation_split)
    places = divide(training.labels, plan.clients, plan.split, plan.alpha, recipe.seed)
    parts = [training.take(part) for part in places]
    federation = Federation(
        recipe,
        plan,
        validation,
        out,
        training=training,
        resume=resume,
        device=device,
        on_round=lambda row: progress(
            describe_round(row, plan.rounds), (0.6 if central else 0.95) * row["epoch"] / plan.rounds
        ),
    )
    manager = SimpleClientManager()
    for number, part in enumerate(parts):
        client = make_client(number, part) if make_client else Client(part, device)
        manager.register(InProcessClient(f"{number:04}", client))
    if federation.rounds_left > 0:
        server = federation.server(manager, wait=1)
        server.set_max_workers(1)
        server.fit(federation.rounds_left, None)
    progress("exporting", 0.6 if central else 0.95)
    bundle = federation.finish()
    pooled = None
    if central:
        progress("training on the pooled faces", 0.62)
        pooled = train_centrally(federation.recipe, dataset, Path(out) / "central", plan, device)
    counts = np.stack([np.bincount(part.labels, minlength=len(part.label_set)) for part in parts])
    write_report(Path(out), plan, counts, training.label_set, pooled)
    return bundle


def train_centrally(recipe: Recipe, dataset: FaceDataset, out: Path, plan: Plan, device: str) -> Path:
    """Train the same recipe on all faces, for as many passes as the clients made, and return the run's folder."""
    epochs = max(1, round(plan.passes))
    stopping = recipe.stopping.model_dump(mode="json") | {"patience": epochs}
    same = make_recipe(recipe.to_dict() | {"epochs": epochs, "stopping": stopping}, recipe.name)
    if not (out / f"{recipe.name}.onnx").is_file():
        train(same, dataset, out, resume=Run(out).recipe.is_file(), hardware=Hardware(device))
    return out
