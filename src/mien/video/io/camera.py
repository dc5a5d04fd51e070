"""Read frames from a camera with OpenCV. This module knows nothing of faces."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from mien.errors import VideoError
from mien.video.io.frames import Frame
from mien.video.io.pictures import _natural
from mien.video.options import Sampling


class Camera:
    """Read a camera; the times of its frames are seconds since reading began.

    Args:
        number: the camera's number in OpenCV, from 0.

    Raises:
        VideoError: the camera cannot be opened.
    """

    live = True

    def __init__(self, number: int) -> None:
        self.name = f"camera {number}"
        self.duration: float | None = None
        self.notes: list[str] = []
        with _silent_opencv():
            self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise VideoError(
                f"cannot be opened{_camera_devices(number)}. Check that it is connected, that you may use it, and that "
                "no other program has it; a file or an address can take its place",
                self.name,
            )
        self.rate: float | None = self._capture.get(cv2.CAP_PROP_FPS) or None

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Yield the frames of the sampling until the camera gives no more, then release it."""
        chosen, number, began = sampling.chooser(), 0, time.monotonic()
        try:
            while self._grab():
                seconds = time.monotonic() - began
                if sampling.end is not None and seconds >= sampling.end:
                    return
                if chosen(number, seconds):
                    _, pixels = self._capture.retrieve()
                    yield Frame(seconds, number, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8))
                number += 1
            self.notes.append("gives no more pictures")
        finally:
            self._capture.release()

    def _grab(self) -> bool:
        with _silent_opencv():
            return bool(self._capture.grab())


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """Silence OpenCV's messages about a missing camera; a VideoError reports it."""
    log = cv2.utils.logging
    before = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(before)


def _camera_devices(number: int) -> str:
    """Return which camera devices there are, for an error message; "" where the system does not list them."""
    if not sys.platform.startswith("linux"):
        return ""
    there = [device.name for device in sorted(Path("/dev").glob("video*"), key=lambda file: _natural(file.name))]
    if not there:
        return ": this system shows no camera (there is no /dev/video0)"
    if f"video{number}" in there:
        return f": /dev/video{number} is there but gives no pictures"
    return f": there is no /dev/video{number}, only {', '.join(f'/dev/{name}' for name in there)}"
