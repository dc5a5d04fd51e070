"""What the tests of reports share: one tiny run with votes, finished, and a bundle alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from helpers import tiny_bundle
from mien.datasets import FaceDataset, load_fer2013
from mien.training.fit import train
from mien.training.recipe import load_recipe
from mien.training.recipe_sections import AugmentRecipe

RECIPE = (
    "compile=false",
    "precision=32-true",
    "epochs=12",
    "batch_size=16",
    "ema=0.5",
    "network.stem=8",
    "network.widths=[8, 16]",
    "network.depths=[1, 1]",
    "network.strides=[2, 2]",
    "network.dropout=0",
    "schedule.small_size=0",
    "optimizer.learning_rate=0.02",
    *(f"augment.{key}=0" for key in AugmentRecipe.model_fields),
)


@pytest.fixture
def data(fer2013_csv: tuple[Path, Path]) -> FaceDataset:
    """63 Training and 21 PublicTest faces with votes; the first of PublicTest is a copy of the first of Training."""
    return load_fer2013(*fer2013_csv, cache=False)


@pytest.fixture(scope="session")
def kept() -> dict[str, Path]:
    return {}


MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(kept: dict[str, Path], data: FaceDataset, tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """Trains a run by name and overrides, once for all tests; nobody may write into it."""

    def make(name: str, *overrides: str) -> Path:
        if name not in kept:
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            folder = tmp_path_factory.mktemp("runs") / name
            train(load_recipe("mien", [*RECIPE, *overrides]), data, folder)
            torch.set_num_threads(threads)
            kept[name] = folder
        return kept[name]

    return make


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """A finished run that has learnt something."""
    return make_run("one")


@pytest.fixture
def other_run(make_run: MakeRun) -> Path:
    """Another one, with another recipe and fewer epochs."""
    return make_run("other", "epochs=3", "seed=1", "network.attention=cbam")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle, which knows only how bright a face is."""
    path = tmp_path_factory.mktemp("bundles") / "tiny.onnx"
    path.write_bytes(tiny_bundle.content())
    return path
