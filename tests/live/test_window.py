"""The live window: on SDL's screen in memory, and as a desktop shows it (Xvfb): its keys and its pictures."""

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
from mien.errors import MissingExtraError
from mien.images import load_image
from mien.live.window import Window

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
        eventually(lambda: "mien" in tool("xdotool", "getwindowfocus", "getwindowname"))
        eventually(lambda: screenshot(tmp_path / "a.png").std() > 20)
        eventually(lambda: press("s") and list(snapshots.glob("*.png")))
        assert load_image(next(snapshots.glob("*.png"))).shape == (240, 320, 3)
        press("r")
        eventually(lambda: red(screenshot(tmp_path / "b.png")[60:540, 80:720]))
        press("r")
        eventually(lambda: list(snapshots.glob("mien*.mp4")))
        press("q")
        assert child.wait(30) == 0
        assert child.stderr is not None
        assert "dropped" in child.stderr.read()
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def pygame(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library, with a screen in memory."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    return pytest.importorskip("pygame")


def test_a_picture_keeps_its_shape_in_a_window_of_another_shape(pygame: Any) -> None:
    window = Window("mien", size=(400, 200))
    window.show(np.full((100, 100, 3), (250, 120, 10), np.uint8))
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).transpose(1, 0, 2)
    assert shown.shape == (200, 400, 3)
    assert (shown[:, 100:300] == (250, 120, 10)).all()
    assert not shown[:, :100].any()
    assert not shown[:, 300:].any()
    window.show(np.full((90, 160, 3), 255, np.uint8))
    assert pygame.display.get_surface().get_size() == (400, 200)
    window.close()


def test_without_a_size_the_window_has_the_size_of_the_picture(pygame: Any) -> None:
    window = Window("mien")
    for shape in ((90, 160), (120, 50)):
        window.show(np.zeros((*shape, 3), np.uint8))
        assert pygame.display.get_surface().get_size() == shape[::-1]
    assert pygame.display.get_caption()[0] == "mien"
    window.close()


def test_keys_and_the_cross_of_the_window(pygame: Any) -> None:
    window = Window("mien")
    assert window.key() == ""
    window.show(np.zeros((48, 48, 3), np.uint8))
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_s, unicode="s"))
    assert window.key() == "s"
    assert window.key() == ""
    assert not window.closed
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert window.closed
    window.show(np.zeros((48, 48, 3), np.uint8))
    window.close()


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(MissingExtraError, match=r"\.\[live\]"):
        Window("mien")


def tool(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def press(key: str) -> bool:
    tool("xdotool", "key", key)
    time.sleep(0.3)
    return True


def screenshot(path: Path) -> np.ndarray:
    tool("import", "-window", "root", str(path))
    return load_image(path)
