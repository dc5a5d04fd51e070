"""Flower's server and strategies, with what mien adds: an order that repeats, waiting, and noise for who is there."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from flwr.common import FitRes, Parameters, ndarrays_to_parameters
from flwr.server import ClientManager, Server
from flwr.server.client_proxy import ClientProxy
from flwr.server.history import History
from flwr.server.strategy import DifferentialPrivacyServerSideFixedClipping, FedAvg, FedProx, Strategy

from mien.errors import TrainingError
from mien.federated.plan import Plan
from mien.federated.weights import Arrays
from mien.training.module import seed_of
from mien.training.recipe import Recipe

Results = list[tuple[ClientProxy, FitRes]]
Failures = list[tuple[ClientProxy, FitRes] | BaseException]
Judged = Callable[[int, Arrays, dict[str, Any]], tuple[float, dict[str, Any]] | None]

PATIENCE = 60
"""Seconds that a round waits for a client when none is connected."""


class InOrderFedAvg(FedAvg):
    """Flower's, which adds up in the order of the clients' names, not of their arrival: rounding then repeats."""

    def aggregate_fit(
        self, server_round: int, results: Results, failures: Failures
    ) -> tuple[Parameters | None, dict[str, Any]]:
        ordered = sorted(results, key=lambda result: str(result[0].cid))
        return super().aggregate_fit(server_round, ordered, failures)


class InOrderFedProx(InOrderFedAvg, FedProx):
    """The same for FedProx."""


class DifferentialPrivacy(DifferentialPrivacyServerSideFixedClipping):
    """Flower's, whose noise is sized for the clients of this round, who become fewer when some die."""

    def configure_fit(
        self, server_round: int, parameters: Parameters, client_manager: ClientManager
    ) -> list[tuple[ClientProxy, Any]]:
        instructions = super().configure_fit(server_round, parameters, client_manager)
        self.num_sampled_clients = max(1, len(instructions))
        return instructions


def make_strategy(
    plan: Plan, recipe: Recipe, labels: str, votes: bool, start: Arrays, judged: Judged, done: int = 0
) -> Strategy:
    """The plan's strategy, which sends the recipe with each round and starts from `start` after `done` rounds."""

    def config(server_round: int) -> dict[str, Any]:
        return {
            "recipe": json.dumps(recipe.to_dict()),
            "labels": labels,
            "votes": votes,
            "epoch": (server_round - 1) * plan.local_epochs,
            "local_epochs": plan.local_epochs,
            "alike": plan.private,
        }

    def judge(server_round: int, arrays: Arrays, _: dict[str, Any]) -> tuple[float, dict[str, Any]] | None:
        return judged(done + server_round, arrays, {}) if server_round else None

    words: dict[str, Any] = {
        "fraction_fit": plan.fraction,
        "fraction_evaluate": 0.0,
        "min_fit_clients": 1,
        "min_available_clients": 1,
        "evaluate_fn": judge,
        "on_fit_config_fn": config,
        "initial_parameters": ndarrays_to_parameters(start),
        "fit_metrics_aggregation_fn": mean_loss,
    }
    strategy: Strategy
    strategy = InOrderFedProx(proximal_mu=plan.mu, **words) if plan.strategy == "fedprox" else InOrderFedAvg(**words)
    if plan.dp_noise is None:
        return strategy
    return DifferentialPrivacy(strategy, plan.dp_noise, plan.dp_clip, plan.sampled)


def mean_loss(answers: list[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """The clients' losses, averaged as their weights are."""
    total = sum(count for count, _ in answers)
    return {"train_loss": sum(count * float(metrics["train_loss"]) for count, metrics in answers) / total}


class FederatedServer(Server):
    """Flower's, which waits for all clients before the first round, and for one before any other.

    A client that fails or dies is left out of its round's average (with differential privacy Flower leaves the round's
    weights as they were); a round in which none answers is a TrainingError. `train_loss`, `answered` and `failed` tell
    of the last round, `faces` how many each client had that answered in any.
    """

    def __init__(
        self, *, client_manager: ClientManager, strategy: Strategy, expected: int, wait: int, seed: int, done: int
    ) -> None:
        super().__init__(client_manager=client_manager, strategy=strategy)
        self.expected, self.wait, self.seed, self.done = expected, wait, seed, done
        self.train_loss: float | None = None
        self.answered = self.failed = 0
        self.faces: dict[str, int] = {}

    def fit(self, num_rounds: int, timeout: float | None) -> tuple[History, float]:
        if not self.client_manager().wait_for(self.expected, self.wait):
            raise TrainingError(
                f"expected {self.expected} clients within {self.wait} seconds, got "
                f"{self.client_manager().num_available()}. Start the others, or ask for fewer with --clients"
            )
        return super().fit(num_rounds, timeout)

    def fit_round(
        self, server_round: int, timeout: float | None
    ) -> tuple[Parameters | None, dict[str, Any], tuple[Results, Failures]] | None:
        number = self.done + server_round
        if not self.client_manager().wait_for(1, PATIENCE):
            raise TrainingError(f"round {number}: no client is left. Start some again, and go on with --resume")
        random.seed(seed_of(self.seed, number))  # Flower draws the clients with it
        result = super().fit_round(number, timeout)
        if result is None or not result[2][0]:
            failures = result[2][1] if result else []
            why = f"; the first failed with: {failures[0]!r}" if failures else ""
            raise TrainingError(f"round {number}: none of {len(failures)} clients answered{why}")
        _, metrics, (results, failures) = result
        self.train_loss = metrics.get("train_loss")
        self.answered, self.failed = len(results), len(failures)
        self.faces |= {client.cid: int(answer.metrics.get("faces", 0)) for client, answer in results}
        return result
