"""What the bundle in the package says of itself: the bars that it was released on, and the files beside it."""

from __future__ import annotations

import csv
import json
import tomllib

import pytest

from helpers.paths import ROOT
from mien import model_card
from mien.bundle import Bundle, released

pytestmark = pytest.mark.slow

PAPERS = ROOT / "docs" / "runs"
BARS = {  # bytes, GFLOP a face, accuracy on FER2013's label and on FER+'s plurality
    "mien": (6_000_000, 0.35, 0.70, 0.83),
    "mien-nano": (1_000_000, 0.05, 0.675, 0.81),
}
RECIPES = {"mien": "mien-robust", "mien-nano": "mien-nano-refined"}


@pytest.fixture(scope="module", params=BARS)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return Bundle.load(request.param, threads=1)


def test_every_released_bundle_has_its_bars() -> None:
    assert set(released()) == set(BARS)


def test_is_small(bundle: Bundle) -> None:
    size, work, _, _ = BARS[bundle.name]
    assert bundle.size <= size
    assert bundle.metadata.card["training"]["gflop_per_face"] <= work


def test_reaches_its_bars_on_public_test(bundle: Bundle) -> None:
    results = model_card.main_results(bundle)
    assert {name: result["n"] for name, result in results.items()} == {"fer2013": 3589, "ferplus": 3579}
    assert {result["split"] for result in results.values()} == {"PublicTest"}
    _, _, labels, seen = BARS[bundle.name]
    assert results["fer2013"]["metrics"]["accuracy"] >= labels
    assert results["ferplus"]["metrics"]["accuracy"] >= seen
    assert all(result["metrics"]["ece"] <= 0.02 for result in results.values())
    assert bundle.metadata.card["metrics"]["flip"] is False


def test_was_trained_by_a_shipped_recipe_on_all_training_faces(bundle: Bundle) -> None:
    from mien.training.recipe import load_recipe, make_recipe

    recipe, shipped = make_recipe(bundle.metadata.card["recipe"]), load_recipe(RECIPES[bundle.name])
    assert recipe.teacher.weight == shipped.teacher.weight  # which file was the teacher is told in docs/training.md
    assert recipe.model_copy(update={"teacher": shipped.teacher, "compile": shipped.compile}) == shipped
    assert bundle.metadata.card["training"]["data"]["training"] == 28709
    assert bundle.metadata.card["training"]["data"]["votes"] is True


def test_the_papers_of_its_run_are_its_own(bundle: Bundle) -> None:
    card, papers = bundle.metadata.card, PAPERS / bundle.name
    assert json.loads((papers / "run.json").read_text()) == card["training"]
    assert json.loads((papers / "evaluation.json").read_text()) == card["metrics"]
    assert tomllib.loads((papers / "recipe.toml").read_text()) == card["recipe"]
    with (papers / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == card["training"]["epochs_run"]
    best = max(rows, key=lambda row: float(row["val_accuracy"]))
    assert int(best["epoch"]) == card["training"]["best_epoch"]


def test_the_readme_and_the_model_card_show_its_figures(bundle: Bundle) -> None:
    for page in ("README.md", "docs/model-card.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for result in model_card.main_results(bundle).values():
            assert model_card.accuracy(result) in text
            assert f"{result['metrics']['ece']:.3f}" in text
