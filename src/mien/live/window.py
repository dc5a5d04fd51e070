"""A window on the desktop, with OpenCV. Knows pixels and keys, nothing of faces."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from mien.errors import InputError

Pixels = npt.NDArray[np.uint8]

ESCAPE = "\x1b"

_PROBE = "import cv2; cv2.namedWindow('probe', cv2.WINDOW_NORMAL); cv2.destroyAllWindows()"
_PROBE_SECONDS = 30.0
_INSTEAD = "Run it on a desktop, or under `xvfb-run`, or read the video without a window: `mien video --realtime`"


class Screen(Protocol):
    """A display that shows pictures and reports pressed keys."""

    @property
    def closed(self) -> bool:
        """Whether the user has closed it."""
        ...

    def show(self, image: Pixels) -> None:
        """Show a picture, RGB uint8 (H, W, 3)."""
        ...

    def key(self) -> str:
        """Return the key that was pressed since the last call, as its character; "" if there was none."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Window:
    """A window on the desktop, which opens with the first picture; see `Screen` for its methods.

    Args:
        title: its title.
        size: (width, height) in pixels; None: that of the picture.
        fullscreen: fill the screen, without borders.

    Raises:
        InputError: no window can be opened.
    """

    def __init__(self, title: str, size: tuple[int, int] | None = None, fullscreen: bool = False) -> None:
        check_display()
        self._title = title
        self._size = size
        self._fullscreen = fullscreen
        self._made = self._closed = False
        self._shape: tuple[int, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether the user has closed it."""
        if self._made and not self._closed:
            try:
                self._closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
            except cv2.error:  # Qt, when its last window is closed
                self._closed = True
        return self._closed

    def show(self, image: Pixels) -> None:
        """Show a picture, RGB uint8 (H, W, 3)."""
        if not self._made:
            self._make()
        if image.shape != self._shape:
            self._shape = image.shape
            cv2.resizeWindow(self._title, *(self._size or (image.shape[1], image.shape[0])))
        cv2.imshow(self._title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def key(self) -> str:
        """Return the key that was pressed since the last call, as its character; "" if there was none."""
        code = cv2.waitKey(1) if self._made else -1
        return chr(code & 0xFF) if code >= 0 else ""

    def close(self) -> None:
        """Close the window."""
        if self._made and not self.closed:
            cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # the window closes when its events are processed
        self._closed = True

    def _make(self) -> None:
        try:
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            if self._fullscreen:
                cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
        except cv2.error as error:
            raise InputError(f"live: the window cannot be opened ({_first_line(str(error))}). {_INSTEAD}") from error
        self._made = True


def check_display() -> None:
    """Raise InputError if no window can be opened, with what to do about it.

    On Linux a separate process tries it, since Qt ends a process that opens a window without a display.
    """
    if not sys.platform.startswith("linux"):
        return
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        raise InputError(f"live: expected a display to open a window on, got none (DISPLAY is not set). {_INSTEAD}")
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # unknown: opening the window itself will show it
    if probe.returncode == 0:
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")  # warnings about fonts, which are not used here
        return
    if "not implemented" in probe.stderr or "headless" in probe.stderr:
        raise InputError(
            "live: expected OpenCV with windows, got its headless build. In its place: "
            f"pip uninstall opencv-python-headless; pip install --force-reinstall opencv-python. {_INSTEAD}"
        )
    name = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    raise InputError(f"live: no window can be opened on display {name} ({_first_line(probe.stderr)}). {_INSTEAD}")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "OpenCV says nothing more")
