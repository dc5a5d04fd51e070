"""Benchmarks are run by hand, seldom: that they still can be is seen here."""

from __future__ import annotations

import importlib
import pkgutil

import benchmarks
import pytest

NAMES = sorted(each.name for each in pkgutil.iter_modules(benchmarks.__path__) if each.name != "__main__")


@pytest.mark.parametrize("name", NAMES)
def test_each_is_imported(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")


def test_training_steps_are_timed() -> None:
    from benchmarks.speed import training

    figures = training("network.widths=[8,8,8,8]", "network.stem=8", "batch_size=8", "compile=false", steps=1)
    assert len(figures) == 2
    assert all(figure["median"] > 0 and figure["unit"] == "faces/s" for figure in figures.values())
