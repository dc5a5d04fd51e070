"""Hold the settings that determine a federated run, in addition to recipe and data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mien.errors import InputError, RecipeError
from mien.federated.splits import SPLITS
from mien.training.recipe import Recipe, make_recipe

STRATEGIES = ("fedavg", "fedprox")


@dataclass(frozen=True)
class Plan:
    """Hold how many clients train how long, and how their weights are combined.

    Attributes:
        clients: number of clients.
        rounds: number of rounds.
        local_epochs: epochs of a client per round.
        strategy: "fedavg" or "fedprox".
        mu: weight of FedProx's proximal term, half the squared distance from the weights at the start of the round.
        fraction: share of the clients that is drawn for each round, above 0 and at most 1; at least one is drawn.
        dp_noise: noise multiplier of differential privacy. None: neither noise nor clipping.
        dp_clip: largest norm of a client's update with differential privacy.
        split: how a simulation divides the faces, see `splits.divide`. None: clients have their own faces.
        alpha: concentration of the Dirichlet split.

    Raises:
        InputError: a value is out of range.
    """

    clients: int
    rounds: int
    local_epochs: int = 1
    strategy: str = "fedavg"
    mu: float = 0.01
    fraction: float = 1.0
    dp_noise: float | None = None
    dp_clip: float = 1.0
    split: str | None = "iid"
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InputError(f"strategy: expected one of {', '.join(STRATEGIES)}, got {self.strategy!r}")
        if self.split is not None and self.split not in SPLITS:
            raise InputError(f"split: expected one of {', '.join(SPLITS)}, got {self.split!r}")
        for name in ("clients", "rounds", "local_epochs"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: expected a whole number from 1, got {getattr(self, name)}")
        if not 0 < self.fraction <= 1:
            raise InputError(f"fraction: expected a share above 0 and at most 1, got {self.fraction}")
        if not self.mu >= 0:
            raise InputError(f"mu: expected a number from 0, got {self.mu}")
        if self.dp_noise is not None and not (self.dp_noise >= 0 and self.dp_clip > 0):
            raise InputError(
                "differential privacy: expected a noise multiplier from 0 and a clipping norm above 0, got "
                f"{self.dp_noise} and {self.dp_clip}"
            )

    @property
    def private(self) -> bool:
        """Return whether the plan uses differential privacy."""
        return self.dp_noise is not None

    @property
    def sampled(self) -> int:
        """Return the number of clients per round if all are connected."""
        return max(1, int(self.clients * self.fraction))

    @property
    def passes(self) -> float:
        """Return how often the whole run sees every face, on average."""
        return self.rounds * self.local_epochs * self.sampled / self.clients

    def facts(self) -> dict[str, Any]:
        """Return the plan for the bundle's card, without the settings that it does not use."""
        unused = [] if self.strategy == "fedprox" else ["mu"]
        unused += [] if self.split == "dirichlet" else ["alpha"]
        unused += [] if self.private else ["dp_noise", "dp_clip"]
        return {name: value for name, value in asdict(self).items() if name not in unused and value is not None}

    def sentence(self) -> str:
        """Return the plan as one line for people."""
        divided = {None: "", "iid": ", faces dealt out evenly"}.get(
            self.split, f", labels divided by Dirichlet({self.alpha:g})"
        )
        name = "FedAvg" if self.strategy == "fedavg" else f"FedProx (mu {self.mu:g})"
        drawn = "" if self.fraction == 1 else f", {self.sampled} of them each round"
        privacy = f"; noise multiplier {self.dp_noise:g}, updates clipped to {self.dp_clip:g}" if self.private else ""
        return (
            f"{name}, {self.clients} clients{drawn}{divided}, {self.rounds} rounds of {self.local_epochs} local "
            f"epoch{'s' if self.local_epochs > 1 else ''}{privacy}"
        )


def recipe_for_clients(recipe: Recipe, plan: Plan) -> Recipe:
    """Return the recipe for the clients: its schedule spans all rounds, and only the server averages weights.

    Raises:
        RecipeError: the schedule is "plateau", which needs validation faces.
    """
    if recipe.schedule.name == "plateau":
        raise RecipeError(
            "schedule.name: clients have no validation faces for plateau, which needs them; expected cosine, one-cycle "
            "or constant"
        )
    epochs = plan.rounds * plan.local_epochs
    changes: dict[str, Any] = {"epochs": epochs, "ema": 0, "swa": 0, "max_minutes": 0, "compile": False}
    changes["stopping"] = recipe.stopping.model_dump(mode="json") | {"patience": epochs}
    return make_recipe(recipe.to_dict() | changes, recipe.name)
