"""Parts of a run: precision, checkpoints, devices, the compiler, votes without information."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.datasets import FaceDataset, exact_copies
from mien.errors import InputError
from mien.labels import FERPLUS
from mien.training import fit, run_record
from mien.training.callbacks import AtomicCheckpoints
from mien.training.fit import Hardware, train
from mien.training.module import can_compile
from mien.training.recipe import Recipe

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("wanted", "has_bf16", "precision"),
    [
        ("auto", True, "bf16-mixed"),
        ("auto", False, "32-true"),
        ("32-true", True, "32-true"),
        ("bf16-mixed", False, "bf16-mixed"),
    ],
)
def test_precision_follows_the_processor_unless_told(
    wanted: str, has_bf16: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert fit.precision_of(wanted, "cpu") == precision


def test_a_checkpoint_that_fails_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"epoch": 1}, path)

    def fail(checkpoint: object, file: Path) -> None:
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        AtomicCheckpoints().save_checkpoint({"epoch": 2}, path)
    assert torch.load(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_temperatures_are_fitted_without_the_faces_that_training_has_seen(
    tiny: Callable[..., Recipe], dataset: FaceDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[FaceDataset] = []
    monkeypatch.setattr(
        run_record, "export_bundle", lambda network, recipe, faces, path, card, judge: seen.append(faces)
    )
    train(tiny("epochs=1"), dataset, tmp_path / "run")
    (faces,) = seen
    assert len(faces) == 20  # the fixture copies one of 21 from Training
    assert not exact_copies(faces.faces, dataset.split("Training").faces).any()


def test_a_device_that_is_not_there_leaves_nothing_behind(
    tiny: Callable[..., Recipe], dataset: FaceDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"no CUDA device here\. Use --device cpu"):
        train(tiny(), dataset, tmp_path / "run", hardware=Hardware("cuda"))
    assert not (tmp_path / "run").exists()


def test_without_a_compiler_training_goes_on_uncompiled(
    monkeypatch: pytest.MonkeyPatch, mien_log: pytest.LogCaptureFixture
) -> None:
    def missing() -> str:
        raise RuntimeError("no compiler")

    monkeypatch.setattr("mien.training.module.get_cpp_compiler", missing)
    assert not can_compile()
    assert "Install g++" in mien_log.text


class TestVotesThatTeachNothing:
    def test_beside_labels_of_their_own_kind(
        self, tiny: Callable[..., Recipe], dataset: FaceDataset, tmp_path: Path
    ) -> None:
        with pytest.raises(InputError, match="Leave out --labels ferplus, or --votes"):
            train(tiny(), replace(dataset, label_set=FERPLUS), tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_without_any_for_validation(
        self, tiny: Callable[..., Recipe], dataset: FaceDataset, tmp_path: Path
    ) -> None:
        votes = np.where(dataset.splits[:, None] == "Training", dataset.votes, 0)
        with pytest.raises(InputError, match="expected some for the faces of PublicTest"):
            train(tiny(), replace(dataset, votes=votes), tmp_path / "run")
