"""What the tests of federated training share. All but the plain numpy parts are skipped where Flower is not installed:
its pins fight with those of the development environment, see docs/federated.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mien.datasets import FaceDataset, load_fer2013
from mien.training.recipe import Recipe, load_recipe
from mien.training.recipe_sections import AugmentRecipe

TINY = (
    "precision=32-true",
    "batch_size=8",
    "ema=0",
    "network.stem=8",
    "network.widths=[8, 8, 16, 16]",
    "network.depths=[1, 1, 1, 1]",
    "network.strides=[2, 2, 2, 1]",
    "schedule.small_size=0",
    "optimizer.learning_rate=0.02",
    *(f"augment.{key}=0" for key in AugmentRecipe.model_fields),
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads, and much slower beside other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe("mien", TINY)


@pytest.fixture
def words() -> list[str]:
    """The tiny recipe as words of the command line."""
    return [word for override in TINY for word in ("--set", override)]


@pytest.fixture
def dataset(fer2013_csv: tuple[Path, Path]) -> FaceDataset:
    """63 Training and 21 PublicTest faces without votes."""
    return load_fer2013(fer2013_csv[0], cache=False)
