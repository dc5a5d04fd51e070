"""Frames, or what was seen in them, made ahead by a thread of its own, so that the steps overlap.

This module knows clocks and threads; where the frames come from is `mien.video.io.frames`'s.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from mien.video.io.frames import OPEN_TIMEOUT

PREFETCHED = 3
"""Frames that may wait between the decoder and the network; four of 4K are 100 MB."""


class HasTime(Protocol):
    """Something that belongs to a time of the video, in seconds: a frame, a moment."""

    @property
    def time(self) -> float: ...


Item = TypeVar("Item", bound=HasTime)


class Prefetcher(Generic[Item]):
    """An iterator over frames that a thread of its own reads, at most `depth` ahead; decoding and the network overlap.

    With `latest` it gives only the newest frame there is, and what was not taken in time is dropped, as live pictures
    need; `pace` then holds the frames of a file back until their time has come. `close` ends the thread.

    arrived  when the last one given came out of the thread, in seconds of `time.perf_counter`
    """

    def __init__(self, frames: Iterator[Item], depth: int = PREFETCHED, *, latest: bool = False, pace: bool = False):
        self.dropped = 0
        self.arrived = 0.0
        self._frames = frames
        self._waiting: deque[tuple[float, Item]] = deque()
        self._depth = 1 if latest else depth
        self._latest, self._pace = latest, pace
        self._change = threading.Condition()
        self._done = self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="mien-frames", daemon=True)
        self._thread.start()

    def __iter__(self) -> Prefetcher[Item]:
        return self

    def __next__(self) -> Item:
        item = self.take()
        if item is None:
            raise StopIteration
        return item

    def take(self, seconds: float | None = None) -> Item | None:
        """The next one, or None: none came within so many seconds, or none will come any more (`ended`)."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._done or self._closed, timeout=seconds)
            if self._waiting:
                self.arrived, item = self._waiting.popleft()
                self._change.notify_all()
                return item
        if self._done and self._error is not None:
            error, self._error = self._error, None
            raise error
        return None

    @property
    def ended(self) -> bool:
        with self._change:
            return (self._done or self._closed) and not self._waiting

    def leave(self) -> None:
        """Tells the thread to end, without waiting for it."""
        with self._change:
            self._closed = True
            self._waiting.clear()
            self._change.notify_all()

    def close(self, patience: float = OPEN_TIMEOUT) -> None:
        """Ends the thread, waiting so many seconds for it at most: a stream that does not answer cannot be told."""
        self.leave()
        self._thread.join(timeout=patience)

    def _read(self) -> None:
        began = None
        try:
            for frame in self._frames:
                if self._pace:
                    began = time.monotonic() - frame.time if began is None else began
                    with self._change:
                        self._change.wait_for(lambda: self._closed, timeout=began + frame.time - time.monotonic())
                if not self._put(frame):
                    break
        except BaseException as error:
            self._error = error
        finally:
            close = getattr(self._frames, "close", None)
            if close is not None:
                close()
            with self._change:
                self._done = True
                self._change.notify_all()

    def _put(self, item: Item) -> bool:
        """Hands a frame over; False if nobody wants any more."""
        arrived = time.perf_counter()
        with self._change:
            if self._latest:
                self.dropped += len(self._waiting)
                self._waiting.clear()
            self._change.wait_for(lambda: self._closed or len(self._waiting) < self._depth)
            if not self._closed:
                self._waiting.append((arrived, item))
                self._change.notify_all()
            return not self._closed
