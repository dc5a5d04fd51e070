"""A live source of gray frames, which is lost after some of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from helpers.video_clips import gray
from mien.video.io.frames import Frame
from mien.video.options import Sampling


class Live:
    """A live source of so many gray frames; then it is lost."""

    name, live, duration, rate = "porch", True, None, 50.0

    def __init__(self, frames: int = 10**9, step: float = 0.02) -> None:
        self.notes: list[str] = []
        self._frames, self._step = frames, step

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        for number in range(self._frames):
            time.sleep(self._step)
            yield Frame(number * self._step, number, gray(150, (320, 240)))
