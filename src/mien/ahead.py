"""Frames read ahead by a thread of its own, so that decoding and the network overlap.

This module knows frames and clocks; where the frames come from is `mien.video`'s.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator

from mien.video import OPEN_TIMEOUT, Frame

AHEAD = 3
"""Frames that may wait between the decoder and the network; four of 4K are 100 MB."""


class Ahead:
    """An iterator over frames that a thread of its own reads, at most `depth` ahead; decoding and the network overlap.

    With `latest` it gives only the newest frame there is, and what was not taken in time is dropped, as live pictures
    need; `pace` then holds the frames of a file back until their time has come. `close` ends the thread.
    """

    def __init__(self, frames: Iterator[Frame], depth: int = AHEAD, *, latest: bool = False, pace: bool = False):
        self.dropped = 0
        self._frames = frames
        self._waiting: deque[Frame] = deque()
        self._depth = 1 if latest else depth
        self._latest, self._pace = latest, pace
        self._change = threading.Condition()
        self._done = self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="mien-frames", daemon=True)
        self._thread.start()

    def __iter__(self) -> Ahead:
        return self

    def __next__(self) -> Frame:
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._done)
            if self._waiting:
                frame = self._waiting.popleft()
                self._change.notify_all()
                return frame
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        raise StopIteration

    def leave(self) -> None:
        """Tells the thread to end, without waiting for it."""
        with self._change:
            self._closed = True
            self._waiting.clear()
            self._change.notify_all()

    def close(self) -> None:
        self.leave()
        self._thread.join(timeout=OPEN_TIMEOUT)

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

    def _put(self, frame: Frame) -> bool:
        """Hands a frame over; False if nobody wants any more."""
        with self._change:
            if self._latest:
                self.dropped += len(self._waiting)
                self._waiting.clear()
            self._change.wait_for(lambda: self._closed or len(self._waiting) < self._depth)
            if not self._closed:
                self._waiting.append(frame)
                self._change.notify_all()
            return not self._closed
