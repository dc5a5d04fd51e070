"""What the bundle in the package says of itself: the bars that it was released on, and the files beside it."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path

import pytest

from mien import cards
from mien.bundle import Bundle

ROOT = Path(__file__).parents[1]
RUN = ROOT / "docs" / "runs" / "mien"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load("mien", threads=1)


def test_is_small(bundle: Bundle) -> None:
    assert bundle.size <= 6_000_000
    assert bundle.metadata.card["training"]["gflop_per_face"] <= 0.35


def test_reaches_its_bars_on_public_test(bundle: Bundle) -> None:
    results = cards.main_results(bundle)
    assert {name: result["n"] for name, result in results.items()} == {"fer2013": 3589, "ferplus": 3579}
    assert {result["split"] for result in results.values()} == {"PublicTest"}
    assert results["fer2013"]["metrics"]["accuracy"] >= 0.675
    assert results["ferplus"]["metrics"]["accuracy"] >= 0.81
    assert all(result["metrics"]["ece"] <= 0.03 for result in results.values())
    assert bundle.metadata.card["metrics"]["flip"] is False


def test_was_trained_by_the_shipped_recipe_on_all_training_faces(bundle: Bundle) -> None:
    from mien.training.recipe import load_recipe, make_recipe

    assert make_recipe(bundle.metadata.card["recipe"]) == load_recipe("mien")  # keys added since are at their defaults
    assert bundle.metadata.card["training"]["data"]["training"] == 28709
    assert bundle.metadata.card["training"]["data"]["votes"] is True


def test_the_papers_of_its_run_are_its_own(bundle: Bundle) -> None:
    card = bundle.metadata.card
    assert json.loads((RUN / "run.json").read_text()) == card["training"]
    assert json.loads((RUN / "evaluation.json").read_text()) == card["metrics"]
    assert tomllib.loads((RUN / "recipe.toml").read_text()) == card["recipe"]
    with (RUN / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == card["training"]["epochs_run"]
    best = max(rows, key=lambda row: float(row["val_accuracy"]))
    assert int(best["epoch"]) == card["training"]["best_epoch"]


def test_the_readme_and_the_model_card_show_its_figures(bundle: Bundle) -> None:
    for page in ("README.md", "docs/model-card.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for result in cards.main_results(bundle).values():
            assert cards.accuracy(result) in text
            assert f"{result['metrics']['ece']:.3f}" in text
