"""A worker that is killed, among several: the others remove its uploads, end its jobs, and its gauges go."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest

from helpers.service_client import READY, await_ready, is_ready

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="the signals are those of POSIX")]


def test_a_killed_worker_leaves_nothing(bundle_file: str, tmp_path: Path, clip: Path) -> None:
    gate = tmp_path / "open"
    words = ["--port", "0", "--workers", "2", "--rate", "0", "--model", bundle_file, "--detector", "whole"]
    command = [sys.executable, "-m", "mien", "serve", *words, "--folder", str(tmp_path)]
    environment = {**os.environ, "HELD": str(gate), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as run:
        try:
            assert run.stdout is not None
            url = re.findall(r"http://\S+", run.stdout.readline())[0]
            await_ready(lambda: is_ready(url), 60)
            port = int(url.rsplit(":", 1)[1])
            uploads = [begin_upload(port) for _ in range(4)]
            (folder,) = tmp_path.glob("mien-serve-*")
            await_ready(lambda: len(list(folder.glob("jobs/*/video"))) == 4)
            await_ready(lambda: open_requests(url) >= 4)
            owners = {int((path / "owner").read_text()) for path in folder.glob("jobs/*")}
            for owner in owners:
                os.kill(owner, signal.SIGKILL)
            await_ready(lambda: not any(psutil.pid_exists(owner) for owner in owners), 60)
            await_ready(lambda: is_ready(url), 60)
            await_ready(lambda: not list(folder.glob("jobs/*/video")), 60)
            await_ready(lambda: open_requests(url) <= 1)
            for connection in uploads:
                connection.close()
        finally:
            run.terminate()
            assert run.wait(timeout=60) == 0
    assert not list(tmp_path.glob("mien-serve-*"))


def begin_upload(port: int) -> socket.socket:
    """Half of a video."""
    connection = socket.create_connection(("127.0.0.1", port))
    head = (
        f"POST /v1/videos HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: video/mp4\r\nContent-Length: 3000000\r\n"
    )
    connection.sendall(f"{head}\r\n".encode() + b"\0" * 1_500_000)
    return connection


def open_requests(url: str) -> float:
    """The gauge of all workers; the request that asks is one of them."""
    end = time.monotonic() + READY
    while True:
        try:
            text = httpx.get(f"{url}/metrics", timeout=READY).text
            return sum(map(float, re.findall(r"^mien_requests_open\S* (\S+)$", text, re.M)))
        except httpx.TransportError:  # the connection was accepted by the one that was killed
            assert time.monotonic() < end
