from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mien.datasets import (
    FaceDataset,
    exact_copies,
    load_fer2013,
)
from mien.errors import DataError, InputError


class TestFaceDataset:
    def test_split(self, fer2013_csv: tuple[Path, Path]) -> None:
        dataset = load_fer2013(*fer2013_csv)
        test = dataset.split("PublicTest")
        assert len(test) == 21
        assert test.votes is not None
        assert np.array_equal(test.faces, dataset.faces[63:])
        assert set(test.splits) == {"PublicTest"}
        with pytest.raises(DataError, match=r"'PrivateTest'.*PublicTest \(21\), Training \(63\)"):
            dataset.split("PrivateTest")

    def test_digest_sees_every_part(self, fer2013_csv: tuple[Path, Path]) -> None:
        a = load_fer2013(*fer2013_csv)
        assert a.votes is not None
        faces, labels, splits, votes = a.faces.copy(), a.labels.copy(), a.splits.copy(), a.votes.copy()
        faces[5, 5, 5] ^= 1
        labels[3] = (labels[3] + 1) % 7
        splits[0] = "PublicTest"
        votes[0, 0] += 1
        others = [
            FaceDataset(faces, a.labels, a.splits, a.votes),
            FaceDataset(a.faces, labels, a.splits, a.votes),
            FaceDataset(a.faces, a.labels, splits, a.votes),
            FaceDataset(a.faces, a.labels, a.splits, votes),
            FaceDataset(a.faces, a.labels, a.splits),
        ]
        assert len({a.digest, *(other.digest for other in others)}) == 6
        assert re.fullmatch("[0-9a-f]{64}", a.digest)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"faces": np.zeros((2, 48, 47), np.uint8)}, "face crops: expected"),
            ({"faces": np.zeros((2, 48, 48))}, "face crops: expected"),
            ({"labels": np.zeros(2, np.int32)}, "labels: expected a int64"),
            ({"labels": np.zeros(3, np.int64)}, "labels: expected"),
            ({"labels": np.array([0, 7])}, "labels: expected 0 to 6"),
            ({"labels": np.array([-1, 0])}, "labels: expected 0 to 6"),
            ({"labels": [0, 1]}, "labels: expected .* got list"),
            ({"splits": np.array([1, 2])}, "splits: expected"),
            ({"votes": np.zeros((2, 8), np.uint8)}, "votes: expected"),
            ({"votes": np.zeros((2, 10))}, "votes: expected"),
        ],
    )
    def test_checks_itself(self, changes: dict[str, np.ndarray], message: str) -> None:
        parts = {
            "faces": np.zeros((2, 48, 48), np.uint8),
            "labels": np.array([0, 6]),
            "splits": np.array(["Training", "x"]),
        }
        FaceDataset(**parts)
        with pytest.raises(InputError, match=message):
            FaceDataset(**parts | changes)


def test_exact_copies(fer2013_csv: tuple[Path, Path]) -> None:
    dataset = load_fer2013(fer2013_csv[0])
    test, training = dataset.split("PublicTest"), dataset.split("Training")
    assert exact_copies(test.faces, training.faces).tolist() == [True] + [False] * 20
    assert exact_copies(test.faces[:0], training.faces).shape == (0,)
    # A mirrored view is not contiguous, and no copy.
    assert not exact_copies(test.faces[:, :, ::-1], training.faces).any()
    with pytest.raises(InputError):
        exact_copies(test.faces[0], training.faces)
