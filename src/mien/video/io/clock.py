"""Convert the timestamps of a container's frames to seconds. Knows numbers only."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any


@dataclass
class FrameClock:
    """Convert presentation timestamps to increasing seconds.

    Attributes:
        origin: time that is 0, in the container's seconds; None: that of the first frame.
        step: seconds from frame to frame, where timestamps are missing.
        decoding_times: times of packets, in the container's units, that have been sent to the decoder; given for
            containers without presentation times (AVI): the first frame that is shown has the first of them, and so on.
        last: time of the last frame, in seconds.
        jumps: how often the clock jumped back.
    """

    origin: float | None
    step: float
    decoding_times: deque[int] | None = None
    last: float = -1.0
    jumps: int = 0
    _shift: float = field(default=0.0, repr=False)

    def time_of(self, frame: Any, number: int) -> float:
        """Return the time of a decoded frame in seconds; without a timestamp, from its number and the frame rate."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        if self.decoding_times:
            stamp = self.decoding_times.popleft()
        raw = number * self.step if stamp is None else float(stamp * frame.time_base)
        if self.origin is None:
            self.origin = raw
        seconds = raw - (0.0 if stamp is None else self.origin) + self._shift
        if seconds <= self.last:
            self.jumps += 1
            self._shift += self.last + self.step - seconds
            seconds = self.last + self.step
        self.last = seconds
        return max(seconds, 0.0)


def origin_of(container: Any) -> float:
    """Return the container's time, in seconds, that players show as 0: the earliest start of its streams."""
    return (container.start_time or 0) / 1e6
