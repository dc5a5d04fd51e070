"""The live window as a desktop shows it, on a screen in memory (Xvfb): its keys and its pictures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.video_clips import portraits, red, write_clip
from mien.images import load_image

TOOLS = ("Xvfb", "xdotool", "import")


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A screen in memory, 800 x 600."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"a real window needs {', '.join(missing)}")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        display = f":{answer.readline().strip()}"
    monkeypatch.setenv("DISPLAY", display)
    yield display
    server.terminate()
    server.wait()


def test_keys_and_pictures_of_a_real_window(desktop: str, model: str, tmp_path: Path) -> None:
    def eventually(what: Callable[[], Any]) -> Any:
        """What comes of it, as soon as something does."""
        deadline = time.monotonic() + 60
        while not (found := what()):
            assert child.poll() is None, f"it ended by itself: {child.communicate()[1]}"
            assert time.monotonic() < deadline, "nothing came"
            time.sleep(0.1)
        return found

    frames = portraits(20, seconds=0.1)
    times = [k * 0.1 for k in range(1200)]
    clip = write_clip(tmp_path / "clip.mp4", times, [frames[k % 20][1] for k in range(1200)])
    snapshots = tmp_path / "snapshots"
    words = ["--camera", str(clip), "--model", model, "--detector", "whole", "--snapshots", str(snapshots)]
    command = [sys.executable, "-m", "mien", "live", *words]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        window = eventually(lambda: tool("xdotool", "search", "--name", "^mien$").strip()).splitlines()[-1]
        eventually(lambda: screenshot(tmp_path / "a.png")[:240].std() > 20 or map_again(window))
        tool("xdotool", "windowfocus", window)
        eventually(lambda: press(window, "s") and list(snapshots.glob("*.png")))
        assert load_image(next(snapshots.glob("*.png"))).shape == (240, 320, 3)
        press(window, "r")
        eventually(lambda: red(screenshot(tmp_path / "b.png")[:480, :640]))
        press(window, "r")
        eventually(lambda: list(snapshots.glob("mien*.mp4")))
        press(window, "q")
        assert child.wait(30) == 0
        assert child.stderr is not None
        assert "dropped" in child.stderr.read()
    finally:
        child.kill()
        child.communicate()


def tool(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def press(window: str, key: str) -> bool:
    tool("xdotool", "key", key)
    time.sleep(0.3)
    return True


def map_again(window: str) -> bool:
    """Where there is no window manager OpenCV's Qt may miss that its window is on the screen, and never paint it."""
    tool("xdotool", "windowunmap", "--sync", window, "windowmap", "--sync", window)
    time.sleep(0.5)
    return False


def screenshot(path: Path) -> np.ndarray:
    tool("import", "-window", "root", str(path))
    return load_image(path)
