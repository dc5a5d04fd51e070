"""Server and clients as processes of their own on loopback: one is killed, and the rounds go on without it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="the extra 'federated' is not installed here: see docs/federated.md")

from mien.cli.main import main
from mien.datasets import FaceDataset
from mien.errors import InputError, TrainingError
from mien.federated.network import _check_address, run_client
from mien.runs import Run, open_model_source, read_history

LIMIT = 240
"""Seconds after which a test that hangs has failed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, name: str, *words: str) -> subprocess.Popen[bytes]:
    """A mien process whose words go to NAME.txt."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (folder / f"{name}.txt").open("wb") as file:
        command = [sys.executable, "-m", "mien", "federated", *words]
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)


def rounds(run: Run) -> int:
    return len(read_history(run.history)) if run.history.is_file() else 0


def test_a_killed_client_does_not_stop_the_rounds(
    fer2013_csv: tuple[Path, Path], tmp_path: Path, words: list[str]
) -> None:
    data = str(fer2013_csv[0])
    address, out = f"127.0.0.1:{free_port()}", tmp_path / "run"
    plan = ["--clients", "3", "--rounds", "6", "--local-epochs", "2", "--out", str(out), "--device", "cpu"]
    server = start(tmp_path, "server", "server", "--data", data, "--address", address, *plan, *words)
    clients = [
        start(tmp_path, f"client{k}", "client", "--data", data, "--address", address, "--part", f"{k}/3")
        for k in (1, 2, 3)
    ]
    try:
        end = time.monotonic() + LIMIT
        while rounds(Run(out)) < 1 and server.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        clients[2].send_signal(signal.SIGKILL)
        assert server.wait(max(1.0, end - time.monotonic())) == 0, (tmp_path / "server.txt").read_text()
        assert [client.wait(30) for client in clients[:2]] == [0, 0]
    finally:
        for process in (server, *clients):
            process.kill()
            process.wait()
    told = (tmp_path / "server.txt").read_text()
    assert "waiting for 3 clients" in told
    assert "round 6/6: accuracy" in told
    history = read_history(Run(out).history)
    assert len(history) == 6
    assert history[0]["clients"] == 3
    assert history[-1]["clients"] == 2
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    facts = open_model_source(out).facts
    assert facts["federated"]["clients"] == 3
    assert facts["data"]["training"] == 63  # with those of the client that died later
    assert (out / "report" / "federated.html").is_file()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("0.0.0.0:9092", "weights would travel in the clear"),
        ("192.0.2.7:9092", "Add --tls CA, or use 127.0.0.1"),
        ("[::]:9092", "not this machine alone"),
        ("9092", "expected HOST:PORT"),
        ("localhost:http", "expected HOST:PORT"),
    ],
)
def test_other_machines_need_certificates(address: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _check_address(address, False, "--tls CA")


def test_a_server_that_is_not_there_is_told(dataset: FaceDataset) -> None:
    with pytest.raises(TrainingError, match="no server within 0 seconds"):
        run_client(dataset.split("Training"), f"127.0.0.1:{free_port()}", device="cpu", wait=0)


def test_this_machine_needs_none_and_others_do_with_them() -> None:
    for address in ("127.0.0.1:9092", "localhost:9092", "[::1]:9092"):
        _check_address(address, False, "")
    _check_address("0.0.0.0:9092", True, "")


@pytest.mark.parametrize("part", ["4/3", "0/3", "three", "1/"])
def test_a_part_that_is_none_is_told(
    part: str, fer2013_csv: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["federated", "client", "--data", str(fer2013_csv[0]), "--part", part]) == 2
    assert "expected K/N" in capsys.readouterr().err
