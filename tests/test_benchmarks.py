"""Benchmarks are run by hand, seldom: that they still can be is seen here."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import benchmarks
import pytest

from helpers.paths import ROOT

pytestmark = pytest.mark.slow

NAMES = sorted(each.name for each in pkgutil.iter_modules(benchmarks.__path__) if each.name != "__main__")


@pytest.mark.parametrize("name", NAMES)
def test_each_is_imported(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")


def test_each_can_be_named() -> None:
    """`python -m benchmarks NAME` knows every module that has a `main`."""
    listed = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    names = {word.strip() for word in listed.splitlines()[-1].rpartition(":")[2].split(",")}
    assert {name for name in NAMES if hasattr(importlib.import_module(f"benchmarks.{name}"), "main")} <= names


def test_training_steps_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.training_steps import PRECISIONS, WAYS, measure

    from mien.training.recipe import load_recipe

    compiled: list[object] = []
    monkeypatch.setattr("mien.training.models.SEResNet.compile", lambda network: compiled.append(network))
    recipe = load_recipe("mien", ["network.widths=[8,8,8,8]", "network.stem=8", "batch_size=8"])
    figures = measure(recipe, steps=1)
    assert {precision: tuple(ways) for precision, ways in figures.items()} == dict.fromkeys(PRECISIONS, WAYS)
    assert all(figure["median"] > 0 and figure["unit"] == "ms" for ways in figures.values() for figure in ways.values())
    assert len(compiled) == len(PRECISIONS)
