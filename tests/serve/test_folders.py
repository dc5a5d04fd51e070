"""What killed services have left is removed at the next start; what is in use stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from helpers.service_client import serving
from mien.serve.folders import is_alive, new_folder


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_folders_of_killed_services_are_removed(tmp_path: Path) -> None:
    dead, mine = tmp_path / f"mien-serve-{ended_process()}-abc", tmp_path / f"mien-serve-{os.getpid()}-abc"
    other, running = tmp_path / "mien-serve-notes", tmp_path / f"mien-serve-{os.getppid()}-abc"
    for folder in (dead, mine, other, running):
        (folder / "upload").mkdir(parents=True)
        (folder / "upload" / "video").write_bytes(b"1234")
    made = new_folder(str(tmp_path))
    assert not dead.exists()
    assert mine.exists()
    assert other.exists()
    assert running.exists()
    assert made.stat().st_mode & 0o777 == 0o700
    assert made.name.startswith(f"mien-serve-{os.getpid()}-")


def test_a_service_cleans_up_after_a_killed_one(tmp_path: Path) -> None:
    left = tmp_path / f"mien-serve-{ended_process()}-abc"
    left.mkdir()
    with serving(folder=str(tmp_path)):
        assert not left.exists()
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_processes() -> None:
    assert is_alive(os.getpid())
    assert not is_alive(ended_process())
