"""Hold the results of a few frames back until what follows is known, so that averages look both ways.

Knows results and averages, nothing of sources or files.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any, Protocol

from mien.video.frame_result import FrameResult
from mien.video.moment import Moment
from mien.video.tracking.cuts import CutDetector
from mien.video.tracking.smoothing import CentredAverage, EmotionReporter
from mien.video.tracking.tracker import Tracker


class HasTracks(Protocol):
    """The part of a frame analyzer that a window uses."""

    name: str
    tracker: Tracker
    cuts: CutDetector


class CentredWindow:
    """Turn results of frames into moments whose probabilities are averaged over what comes before and after.

    A moment is ready when the results of the next `seconds` are known.

    Args:
        analyzer: makes the results.
        seconds: half of the window.
        margin: see `EmotionReporter`.

    Attributes:
        reporter: chooses the emotions to report.
    """

    def __init__(self, analyzer: HasTracks, seconds: float, margin: float) -> None:
        self._analyzer = analyzer
        self._average = CentredAverage(seconds)
        self.reporter = EmotionReporter(margin)
        self._waiting: deque[tuple[FrameResult, dict[str, Any] | None]] = deque()
        self._now = float("-inf")
        self._ended = False

    def add(self, result: FrameResult) -> None:
        """Add the result of the next frame."""
        state = None if result.state is None else {**result.state, "average": self._average.state(result.frame.time)}
        self._average.add(result.frame.time, result.numbers, result.values)
        self._waiting.append((result, state))
        self._now = result.frame.time

    def end(self) -> None:
        """Say that no result follows: those that wait are ready."""
        self._ended = True

    def take(self) -> Moment | None:
        """Return the next moment that is ready, or None."""
        if not self._waiting:
            return None
        result, state = self._waiting[0]
        time = result.frame.time
        if not self._ended and not self._average.is_complete(time, self._now):
            return None
        self._waiting.popleft()
        if state is not None and not self._ended:
            state = {**state, "time": time, "reported": list(self.reporter.reported.items())}
        averages = self._average.at(time, result.numbers, result.values)
        columns = self.reporter.report(result.numbers, averages[:, : len(result.pipeline.labels)])
        moment = result.moment(self._analyzer.name, averages, columns)
        self._average.forget_before(time)
        waiting = {int(number) for other, _ in self._waiting for number in other.numbers}
        self.reporter.keep_only(self._analyzer.tracker.numbers | waiting)
        return replace(moment, state=None if self._ended else state)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the `state` of a moment of an earlier analysis of the same video."""
        self._analyzer.tracker.restore_state(state["tracker"])
        self._analyzer.cuts.restore(state["cuts"])
        self._average.restore(state["average"])
        self.reporter.reported = {int(number): int(column) for number, column in state["reported"]}
