"""What the tests of training share: recipes and data so small that a run takes a second or two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mien.datasets import FaceDataset, load_fer2013
from mien.training import run_record
from mien.training.recipe import Recipe, load_recipe
from mien.training.recipe_sections import AugmentRecipe

TINY = (
    "compile=false",
    "precision=32-true",
    "epochs=3",
    "batch_size=16",
    "ema=0.9",
    "network.stem=8",
    "network.widths=[8, 8, 16, 16]",
    "network.depths=[1, 1, 1, 1]",
    "network.strides=[2, 2, 2, 1]",
    "schedule.small_size=32",
    "optimizer.learning_rate=0.01",
)
UNCHANGED = tuple(f"augment.{key}=0" for key in AugmentRecipe.model_fields)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads, and much slower beside other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny() -> Callable[..., Recipe]:
    """The shipped recipe with a tiny network, and any overrides after that."""
    return lambda *overrides: load_recipe("mien", [*TINY, *overrides])


@pytest.fixture
def unchanged() -> tuple[str, ...]:
    """Overrides that switch every augmentation off."""
    return UNCHANGED


@pytest.fixture
def tiny_words() -> list[str]:
    """The tiny recipe as words of the command line."""
    return [word for override in TINY for word in ("--set", override)]


@pytest.fixture
def dataset(fer2013_csv: tuple[Path, Path]) -> FaceDataset:
    """63 Training and 21 PublicTest faces with votes."""
    return load_fer2013(*fer2013_csv, cache=False)


@pytest.fixture
def without_votes(fer2013_csv: tuple[Path, Path]) -> FaceDataset:
    """The same faces without votes."""
    return load_fer2013(fer2013_csv[0], cache=False)


@pytest.fixture
def unexported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs end after training: calibration and export take seconds and are tested on their own."""
    monkeypatch.setattr(run_record, "export_bundle", lambda network, recipe, validation, path, card, judge: path)
