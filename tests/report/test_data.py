from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("seaborn")

from PIL import Image

from helpers.data_trees import textures
from mien.datasets import FaceDataset
from mien.datasets.describe import Description, describe
from mien.labels import AFFECTNET
from mien.report.data import draw_all

pytestmark = pytest.mark.slow

ALL = ["classes", "samples", "across_splits", "conflicts", "near_copies", "no_faces", "ferplus"]


@pytest.fixture
def description() -> Description:
    """Two sources, two splits, and a fault of each kind."""
    faces = textures(60)
    faces[50] = faces[0]
    faces[51] = np.roll(faces[1], 1, axis=0)
    faces[3] = 0
    votes = np.zeros((60, 10), np.uint8)
    votes[:, 1] = 10
    votes[4] = np.eye(10, dtype=np.uint8)[9] * 10
    splits = np.array(["Training"] * 40 + ["Test"] * 20)
    return describe(FaceDataset(faces, np.arange(60) % 7, splits, votes, sources=np.array(["one", "two"] * 30)))


def test_draws_everything(description: Description, tmp_path: Path) -> None:
    paths = draw_all(description, tmp_path / "pictures")
    assert [path.stem for path in paths] == ALL
    for path in paths:
        picture = np.asarray(Image.open(path).convert("L"))
        assert min(picture.shape) > 100
        assert picture.std() > 10


def test_the_same_twice(description: Description, tmp_path: Path) -> None:
    first, second = (draw_all(description, tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_clean_data_has_fewer_pictures(tmp_path: Path) -> None:
    dataset = FaceDataset(textures(5), np.arange(5), np.array(["Training"] * 5), label_set=AFFECTNET)
    assert [path.stem for path in draw_all(describe(dataset), tmp_path)] == ["classes", "samples"]
