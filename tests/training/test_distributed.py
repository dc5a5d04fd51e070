"""Two processes on the CPU learn what one does: the same batches, the same loss curve."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mien.bundle import Bundle
from mien.training.augment import AugmentRecipe
from mien.training.fit import Run

pytestmark = pytest.mark.slow

# Nothing at random, and no batch norm, whose statistics are each process's own.
STILL = (
    "compile=false",
    "precision=32-true",
    "epochs=3",
    "batch_size=16",
    "ema=0",
    "network.channels=[8, 8]",
    "network.block_dropouts=[0, 0]",
    "network.dense_widths=[16]",
    "network.dense_dropouts=[0]",
    *(f"augment.{key}=0" for key in AugmentRecipe.model_fields),
)


def words(data: Path, out: Path, *more: str) -> list[str]:
    settings = [word for override in STILL for word in ("--set", override)]
    command = ["-m", "mien", "train", "--recipe", "compact-cnn", "--device", "cpu"]
    return [*command, "--data", str(data), "--out", str(out), *settings, *more]


def rows(folder: Path) -> list[dict[str, float]]:
    with Run(folder).history.open() as file:
        return [{key: float(value) for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def run(command: list[str], **environment: str) -> None:
    answer = subprocess.run(
        command,
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"} | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


@pytest.fixture
def alone(fer2013_csv: tuple[Path, Path], tmp_path: Path) -> Path:
    run([sys.executable, *words(fer2013_csv[0], tmp_path / "alone")])
    return tmp_path / "alone"


@pytest.mark.parametrize("launcher", ["torchrun", "lightning"])
def test_two_processes_have_the_loss_curve_of_one(
    launcher: str, alone: Path, fer2013_csv: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "both"
    start = [sys.executable]
    if launcher == "torchrun":
        start += ["-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}"]
    run([*start, *words(fer2013_csv[0], out, "--devices", "2", "--strategy", "ddp")])
    one, two = rows(alone), rows(out)
    assert len(one) == len(two) == 3
    for expected, got in zip(one, two, strict=True):
        assert got == pytest.approx(expected, abs=2e-4)
    assert one[0]["train_loss"] != one[2]["train_loss"]
    assert Bundle.load(out / "compact-cnn.onnx").heads == ("fer2013",)


def test_a_batch_that_does_not_divide_is_told(fer2013_csv: tuple[Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, *words(fer2013_csv[0], tmp_path / "run", "--devices", "3", "--strategy", "ddp")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "expected a multiple of the 3 processes" in answer.stderr
    assert not (tmp_path / "run").exists()
