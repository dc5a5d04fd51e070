"""Sources around other sources: opened again whenever they are lost, or mirrored. Knows clocks; nothing of faces."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

from mien.errors import VideoError
from mien.video.io.frames import Frame, Source
from mien.video.options import Sampling

PAUSES = (0.5, 1.0, 2.0, 4.0, 7.0, 10.0)
"""Seconds to wait before each new try; the last one again and again."""


class ReconnectingSource:
    """A camera or stream that is opened again whenever it is lost, after pauses that grow, until it is closed.

    Times are seconds on the clock since the first frame was asked for, whatever the stream's own stamps say: they go on
    after a loss, and so do the frames' numbers.

    trouble  why there are no frames now, for people to read; "" while they come
    losses   how often it was lost
    """

    live = True
    duration: float | None = None

    def __init__(
        self, source: Source, open_again: Callable[[], Source], pauses: tuple[float, ...] | None = None
    ) -> None:
        self._source: Source | None = source
        self._open_again = open_again
        self._pauses = pauses or PAUSES
        self._closed = threading.Event()
        self.name, self.rate = source.name, source.rate
        self.notes: list[str] = []
        self.trouble = ""
        self.losses = 0

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        chosen, began, last, number, failures = sampling.chooser(), time.monotonic(), -1.0, 0, 0
        while not self._closed.is_set():
            reason = "gives no more pictures"
            try:
                self._source = self._source or self._open_again()
                for frame in self._source.frames(Sampling()):
                    failures, self.trouble = 0, ""
                    last = max(time.monotonic() - began, last + 1e-6)
                    if self._closed.is_set() or (sampling.end is not None and last >= sampling.end):
                        return
                    if chosen(number, last):
                        yield Frame(last, number, frame.image)
                    number += 1
                reason = next(reversed(self._source.notes), reason)
            except VideoError as error:
                reason = error.reason
            self._source = None
            if failures == 0:
                self.losses += 1
            pause = self._pauses[min(failures, len(self._pauses) - 1)]
            failures += 1
            self.trouble = f"reconnecting, try {failures}: {reason.partition('. ')[0]}"
            self._closed.wait(pause)

    def close(self) -> None:
        """No further try; a pause ends at once."""
        self._closed.set()


class MirroredSource:
    """Another source as a mirror shows it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name, self.live = source.name, source.live
        self.duration, self.rate, self.notes = source.duration, source.rate, source.notes

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        for frame in self._source.frames(sampling):
            yield Frame(frame.time, frame.number, np.ascontiguousarray(frame.image[:, ::-1]))
