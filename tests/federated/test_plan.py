"""What a plan accepts, what it says of itself, and what becomes of the recipe."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("flwr", reason="the extra 'federated' is not installed here: see docs/federated.md")

from mien.errors import InputError, RecipeError
from mien.federated.plan import Plan, recipe_for_clients
from mien.training.recipe import Recipe, load_recipe


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"rounds": 0}, "rounds: expected a whole number from 1, got 0"),
        ({"fraction": 0.0}, "fraction: expected a share above 0"),
        ({"strategy": "fedsgd"}, "strategy: expected one of fedavg, fedprox, got 'fedsgd'"),
        ({"mu": -1.0}, "mu: expected a number from 0"),
        ({"dp_noise": 0.5, "dp_clip": 0.0}, "a clipping norm above 0"),
        ({"split": "random"}, "split: expected one of iid, dirichlet"),
    ],
)
def test_a_bad_plan_is_told(words: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Plan(**({"clients": 3, "rounds": 2} | words))


def test_a_plan_tells_only_what_takes_part() -> None:
    assert Plan(3, 2).facts() == {
        "clients": 3, "rounds": 2, "local_epochs": 1, "strategy": "fedavg", "fraction": 1.0, "split": "iid"
    }  # fmt: skip
    plan = Plan(10, 4, strategy="fedprox", fraction=0.5, dp_noise=0.1, split="dirichlet")
    assert plan.sentence() == (
        "FedProx (mu 0.01), 10 clients, 5 of them each round, labels divided by Dirichlet(0.5), 4 rounds of 1 local "
        "epoch; noise multiplier 0.1, updates clipped to 1"
    )
    assert plan.passes == 2


def test_the_schedule_spans_all_rounds_and_averages_are_the_servers(recipe: Recipe) -> None:
    made = recipe_for_clients(load_recipe("mien", ["max_minutes=3"]), Plan(3, 5, local_epochs=2))
    assert (made.epochs, made.ema, made.swa, made.max_minutes, made.compile) == (10, 0, 0, 0, False)
    with pytest.raises(RecipeError, match="clients have no validation faces for plateau"):
        recipe_for_clients(load_recipe("mien", ["schedule.name=plateau"]), Plan(3, 5))
