"""The service as processes of its own: it ends when told to, after what is in flight, and leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from helpers.service_client import JPEG, READY, await_ready, is_ready, png
from helpers.video_clips import levels, write_clip

MP4 = {"Content-Type": "video/mp4"}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="the signals are those of POSIX")]


class Process:
    """`mien serve` with its address, and a temporary folder of its own."""

    def __init__(self, process: Any, url: str, folder: Path) -> None:
        self.process, self.url, self.folder = process, url, folder

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return int(self.process.wait(timeout=60))


@contextmanager
def process(folder: Path, bundle_file: str, *words: str) -> Iterator[Process]:
    command = [sys.executable, "-m", "mien", "serve", "--port", "0", "--model", bundle_file, "--detector", "whole"]
    environment = {**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
    log = (folder.parent / "log").open("wb")
    with subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=log, text=True, env=environment
    ) as started:
        try:
            assert started.stdout is not None
            url = re.findall(r"http://\S+", started.stdout.readline())[0]
            await_ready(lambda: is_ready(url), 60)
            yield Process(started, url, folder)
        finally:
            started.kill()
            log.close()


def ours(folder: Path) -> list[Path]:
    return list(folder.glob("mien-*"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "temporary"
    path.mkdir()
    return path


def test_what_is_in_flight_is_finished(folder: Path, bundle_file: str) -> None:
    content = png(8, 8)
    with process(folder, bundle_file) as service:
        clip = write_clip(folder.parent / "a.mp4", [k / 25 for k in range(6)], levels(6))
        assert httpx.post(f"{service.url}/v1/videos", content=clip.read_bytes(), headers=MP4).status_code == 202
        assert len(ours(folder)) == 1
        port = int(service.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(READY)
            head = "POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[:-10])
            time.sleep(0.5)
            service.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            connection.sendall(content[-10:])
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert service.process.wait(timeout=60) == 0
        assert ours(folder) == []
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port))


def test_several_processes_share_the_work(folder: Path, bundle_file: str) -> None:
    """A video is told of by every process, the numbers are added up, and the end is as clean."""
    with process(folder, bundle_file, "--workers", "2", "--rate", "0") as service:
        clip = write_clip(folder.parent / "a.mp4", [k / 25 for k in range(6)], levels(6))
        where = httpx.post(f"{service.url}/v1/videos", content=clip.read_bytes(), headers=MP4, timeout=READY).headers[
            "location"
        ]
        await_ready(lambda: httpx.get(service.url + where, timeout=READY).json()["status"] == "done", 60)
        for _ in range(10):  # a new connection each, whichever process takes it
            assert len(httpx.get(f"{service.url}{where}/rows", timeout=READY).json()["rows"]) == 6
            assert (
                httpx.post(f"{service.url}/v1/faces", content=png(8, 8), headers=JPEG, timeout=READY).status_code == 200
            )
        text = httpx.get(f"{service.url}/metrics", timeout=READY).text
        assert re.findall(r"^mien_pictures_total (\S+)$", text, re.M) == ["10.0"]
        assert httpx.delete(service.url + where, timeout=READY).status_code == 204
        assert httpx.get(service.url + where, timeout=READY).status_code == 404
        assert service.stop() == 0
    assert ours(folder) == []
