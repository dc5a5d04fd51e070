"""Sources that wrap another source: reconnect it when it is lost, or mirror it. Knows clocks, nothing of faces."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

from mien.errors import VideoError
from mien.video.io.frames import Frame, Source
from mien.video.options import Sampling

PAUSES = (0.5, 1.0, 2.0, 4.0, 7.0, 10.0)
"""Seconds to wait before each attempt to reconnect; the last value is repeated."""


class ReconnectingSource:
    """Reconnect a camera or a stream whenever it is lost, after increasing pauses, until it is closed.

    Times are seconds of the clock since the first frame was requested, not the stream's timestamps: they continue after
    a loss, and so do the frame numbers.

    Args:
        source: the source, opened.
        open_again: opens it again.
        pauses: seconds to wait before each attempt; None: PAUSES.

    Attributes:
        trouble: why there are no frames now, for people to read; "" while there are.
        losses: how often the source was lost.
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
        """Yield the frames of the sampling until the source is closed or the sampling ends."""
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
        """Stop reconnecting; a pause ends at once."""
        self._closed.set()


class MirroredSource:
    """Mirror the frames of another source, left to right."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name, self.live = source.name, source.live
        self.duration, self.rate, self.notes = source.duration, source.rate, source.notes

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Yield the mirrored frames of the sampling."""
        for frame in self._source.frames(sampling):
            yield Frame(frame.time, frame.number, np.ascontiguousarray(frame.image[:, ::-1]))
