"""Options of video analysis, shared by `EmotionRecognizer.track`, `mien video`, the service and batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mien.errors import InputError
from mien.options import clock_seconds, documented, number, option, positive, same_option

ROUNDING = 0.0015
"""Seconds by which a frame may be early, since containers round times: Matroska to milliseconds."""

RESUME_TOLERANCE = 1e-5
"""Seconds by which a frame may be earlier than the time that its rows have, which is rounded to a millionth."""


@documented
@dataclass(frozen=True)
class Sampling:
    """Hold which frames of a video are analyzed; values out of range raise InputError."""

    every: int = option(1, "analyze each n-th frame", parse=positive, metavar="N")
    fps: float | None = option(
        None,
        "most frames to analyze per second; for a folder of pictures: their frame rate",
        parse=number,
        metavar="RATE",
        shown_default="all frames",
    )
    start: float = option(0.0, "time at which to begin, in seconds", parse=clock_seconds, metavar="TIME")
    end: float | None = option(
        None,
        "time at which to stop, in seconds; that time is not included",
        parse=clock_seconds,
        metavar="TIME",
        shown_default="the video's end",
    )
    resume: float = option(0.0, "time of the frame at which an earlier run stopped, in seconds", parse=number)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"every: expected a whole number from 1, got {self.every}")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise InputError(f"fps: expected frames per second, above 0 and up to 1000, got {self.fps}")
        if not 0 <= self.start < float("inf"):
            raise InputError(f"start: expected seconds from 0, got {self.start}")
        if self.end is not None and not self.end > self.start:
            raise InputError(f"end: expected seconds after the start, {self.start:g}, got {self.end}")

    @property
    def begin(self) -> float:
        """Seconds before which no frame is analyzed: the start, or where an earlier run stopped."""
        return max(self.start, self.resume - RESUME_TOLERANCE)

    def chooser(self) -> Callable[[int, float], bool]:
        """Return a function of a frame's number and time (seconds) that returns whether the frame is analyzed.

        It must be called once for every frame, in order.
        """
        last = -1

        def chosen(number: int, seconds: float) -> bool:
            nonlocal last
            if seconds < self.start or number % self.every:
                return False
            if self.fps is not None:
                step = int((seconds - self.start + ROUNDING) * self.fps)
                if step <= last:
                    return False
                last = step
            return seconds >= self.begin

        return chosen


@documented
@dataclass(frozen=True)
class AnalysisOptions:
    """Hold the options of a video analysis; values out of range raise InputError."""

    every: int = same_option(Sampling, "every")
    fps: float | None = same_option(Sampling, "fps")
    start: float = same_option(Sampling, "start")
    end: float | None = same_option(Sampling, "end")
    detect_every: int | None = option(
        None,
        "detect faces in each n-th of these frames, and track them by their motion in the frames between",
        parse=positive,
        metavar="N",
        shown_default="every 0.15 seconds, or in real time as often as the time allows",
    )
    realtime: bool | None = option(
        None,
        "keep up with the clock: analyze the newest frame and drop those that come too late; files are played at "
        "their own speed",
        shown_default="only for cameras and live streams",
    )
    smoothing: float = option(
        0.2, "seconds over which probabilities are averaged; 0: no averaging", parse=number, metavar="SECONDS"
    )
    margin: float = option(
        0.1,
        "probability by which another emotion must be likelier before it replaces the reported one",
        parse=number,
        metavar="P",
    )
    max_gap: float = option(
        2.0,
        "most seconds that a person may be out of sight and keep the number",
        parse=number,
        metavar="SECONDS",
    )

    first_track: int = option(1, "number of the first person", parse=positive, metavar="N")

    def __post_init__(self) -> None:
        self.sampling  # noqa: B018  raises what is wrong with those values
        if self.detect_every is not None and self.detect_every < 1:
            raise InputError(f"detect_every: expected a whole number from 1, got {self.detect_every}")
        for name in ("smoothing", "margin", "max_gap"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name}: expected a number from 0, got {getattr(self, name)}")

    @property
    def sampling(self) -> Sampling:
        """Which frames are analyzed."""
        return Sampling(self.every, self.fps, self.start, self.end)
