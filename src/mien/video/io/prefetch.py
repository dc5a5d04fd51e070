"""Compute the next frames or moments in a background thread, so that the steps of the analysis overlap.

This module knows clocks and threads; sources of frames are defined in `mien.video.io.frames`.
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
    """An item with a time: a frame or a moment."""

    @property
    def time(self) -> float:
        """Seconds from the video's start."""
        ...


Item = TypeVar("Item", bound=HasTime)


class Prefetcher(Generic[Item]):
    """Iterate over items that a background thread produces; `close` ends the thread.

    Args:
        frames: the iterator that the thread consumes.
        depth: most items that wait to be taken.
        latest: keep only the newest item and drop those that were not taken in time, as live video needs.
        paced: hold each item back until its time, so that a file is played at its own speed.

    Attributes:
        dropped: number of items that were dropped.
        arrived: when the item that was taken last was ready, in seconds of `time.perf_counter`.
    """

    def __init__(self, frames: Iterator[Item], depth: int = PREFETCHED, *, latest: bool = False, paced: bool = False):
        self.dropped = 0
        self.arrived = 0.0
        self._frames = frames
        self._waiting: deque[tuple[float, Item]] = deque()
        self._depth = 1 if latest else depth
        self._latest, self._paced = latest, paced
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
        """Return the next item.

        Args:
            seconds: how long to wait for it; None: until there is one.

        Returns:
            The item; None if none came in time or the iterator has ended (`ended` says which).

        Raises:
            BaseException: what the iterator raised in the thread.
        """
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
        """Whether no more items will come."""
        with self._change:
            return (self._done or self._closed) and not self._waiting

    def request_stop(self) -> None:
        """Ask the thread to end, without waiting for it."""
        with self._change:
            self._closed = True
            self._waiting.clear()
            self._change.notify_all()

    def close(self, timeout: float = OPEN_TIMEOUT) -> None:
        """End the thread, and wait for it at most `timeout` seconds, since a stream that does not answer blocks it."""
        self.request_stop()
        self._thread.join(timeout=timeout)

    def _read(self) -> None:
        began = None
        try:
            for frame in self._frames:
                if self._paced:
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
        """Make an item available to `take`; return False if the prefetcher was closed."""
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
