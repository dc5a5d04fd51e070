"""Extend Flower's server and strategies: reproducible sums, waiting for clients, noise for the connected clients."""

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

CLIENT_TIMEOUT = 60
"""Seconds that a round waits for a client if none is connected."""


class InOrderFedAvg(FedAvg):
    """Average as Flower does, but in the order of the clients' names, so that rounding errors repeat."""

    def aggregate_fit(
        self, server_round: int, results: Results, failures: Failures
    ) -> tuple[Parameters | None, dict[str, Any]]:
        """Average the results in the order of the clients' names."""
        ordered = sorted(results, key=lambda result: str(result[0].cid))
        return super().aggregate_fit(server_round, ordered, failures)


class InOrderFedProx(InOrderFedAvg, FedProx):
    """Average FedProx's results in the order of the clients' names."""


class DifferentialPrivacy(DifferentialPrivacyServerSideFixedClipping):
    """Add noise as Flower does, but scaled for the clients of this round, which are fewer if some are lost."""

    def configure_fit(
        self, server_round: int, parameters: Parameters, client_manager: ClientManager
    ) -> list[tuple[ClientProxy, Any]]:
        """Configure the clients of a round, and scale the noise for their number."""
        instructions = super().configure_fit(server_round, parameters, client_manager)
        self.num_sampled_clients = max(1, len(instructions))
        return instructions


def make_strategy(
    plan: Plan, recipe: Recipe, labels: str, votes: bool, start: Arrays, measured: Judged, done: int = 0
) -> Strategy:
    """Return the plan's strategy, which sends the recipe to the clients in each round.

    Args:
        plan: the plan.
        recipe: the recipe for the clients.
        labels: name of the label set.
        votes: whether the network has a head for FER+'s votes.
        start: the weights to start from.
        measured: called with the round, the weights and {}; returns loss and metrics.
        done: number of rounds that are finished.
    """

    def config(server_round: int) -> dict[str, Any]:
        return {
            "recipe": json.dumps(recipe.to_dict()),
            "labels": labels,
            "votes": votes,
            "epoch": (server_round - 1) * plan.local_epochs,
            "local_epochs": plan.local_epochs,
            "equal_weights": plan.private,
        }

    def evaluate_round(server_round: int, arrays: Arrays, _: dict[str, Any]) -> tuple[float, dict[str, Any]] | None:
        return measured(done + server_round, arrays, {}) if server_round else None

    words: dict[str, Any] = {
        "fraction_fit": plan.fraction,
        "fraction_evaluate": 0.0,
        "min_fit_clients": 1,
        "min_available_clients": 1,
        "evaluate_fn": evaluate_round,
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
    """Return the clients' mean loss, weighted as their weights are.

    Args:
        answers: the weight and the metrics of each client.
    """
    total = sum(count for count, _ in answers)
    return {"train_loss": sum(count * float(metrics["train_loss"]) for count, metrics in answers) / total}


class FederatedServer(Server):
    """Serve as Flower does, but wait for all clients before the first round, and for one before each other round.

    A client that fails is left out of the round's average (with differential privacy Flower then keeps the weights of
    the round before). A round without any answer is a TrainingError.

    Attributes:
        train_loss: mean loss of the last round, or None.
        answered: number of clients that answered in the last round.
        failed: number of clients that failed in the last round.
        faces: client -> its number of faces, for the clients that answered in any round.
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
        """Wait for all clients, and train for `num_rounds` rounds.

        Raises:
            TrainingError: not all clients connect in time.
        """
        if not self.client_manager().wait_for(self.expected, self.wait):
            raise TrainingError(
                f"expected {self.expected} clients within {self.wait} seconds, got "
                f"{self.client_manager().num_available()}. Start the others, or ask for fewer with --clients"
            )
        return super().fit(num_rounds, timeout)

    def fit_round(
        self, server_round: int, timeout: float | None
    ) -> tuple[Parameters | None, dict[str, Any], tuple[Results, Failures]] | None:
        """Train for one round.

        Raises:
            TrainingError: no client is connected, or none answers.
        """
        number = self.done + server_round
        if not self.client_manager().wait_for(1, CLIENT_TIMEOUT):
            raise TrainingError(f"round {number}: no client is left. Start some again, and continue with --resume")
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
