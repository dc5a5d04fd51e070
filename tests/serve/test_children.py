"""Processes of the service: they are ended at their limits, and end with the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from helpers.service_client import READY, await_ready
from mien.serve.children import Limits, resident_bytes
from mien.serve.job_files import RUNNING, Job, read_job, write_job
from mien.serve.settings import ServiceSettings

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell memory so")


def sleeping(code: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", f"import time; {code}; print(1, flush=True); time.sleep(60)"])


@pytest.mark.parametrize(
    ("seconds", "memory", "exceeded"), [(0.2, 10**9, "seconds"), (60.0, 30_000_000, "memory"), (60.0, 10**9, "")]
)
def test_limits(seconds: float, memory: int, exceeded: str) -> None:
    process = sleeping("x = b'1' * 50_000_000")
    with Limits(process, seconds, memory) as limits:
        if exceeded:
            assert process.wait(READY) < 0
        else:
            time.sleep(0.2)
    assert limits.exceeded == exceeded
    process.kill()
    process.wait()


def test_memory_of_a_process() -> None:
    assert resident_bytes(os.getpid()) == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert resident_bytes(2**22 + 1) == 0


@pytest.mark.parametrize("module", ["mien.serve.picture_worker", "helpers.held_video_worker"])
def test_a_process_ends_when_the_server_is_killed(module: str, tmp_path: Path, clip: Path, bundle_file: str) -> None:
    """One waits for pictures, the other stops in the middle of a video."""
    job = Job("a", "a", "ferplus", [], "2026-01-01T00:00:00.000Z", os.getpid())
    write_job(tmp_path, job)
    (tmp_path / "video").write_bytes(clip.read_bytes())
    settings = ServiceSettings(model=bundle_file, detector="whole").to_environment()
    request = {"settings": settings, "every": 1, "options": {}, "job": asdict(job)}
    video = "video" in module
    code = (
        "import json, sys, time; from mien.serve.children import start_child; from mien.serve.messages import send\n"
        "child = start_child(*sys.argv[1:3])\n"
        "if len(sys.argv) > 3: send(child.stdin, json.loads(sys.argv[3]))\n"
        "print(child.pid, flush=True); time.sleep(60)\n"
    )
    words = [module, str(tmp_path), json.dumps(request)] if video else [module, "900000000"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HELD": str(tmp_path / "never")}
    with subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        child = psutil.Process(int(server.stdout.readline()))
        if video:
            await_ready(lambda: (read_job(tmp_path) or job).status == RUNNING)
            time.sleep(0.3)
        assert child.is_running()
        server.kill()
    await_ready(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
