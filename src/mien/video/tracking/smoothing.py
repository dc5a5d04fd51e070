"""Average the probabilities of each person in time, and choose the emotion to report. Knows no pictures."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import InputError
from mien.video.tracking.tracker import FloatArray

Numbers = npt.NDArray[np.int64]


class EmotionReporter:
    """Report an emotion per person until another is likelier by a margin.

    Args:
        margin: probability, from 0 and below 1, by which another emotion must be likelier than the reported one.

    Raises:
        InputError: the margin is out of range.
    """

    def __init__(self, margin: float = 0.1) -> None:
        if not 0 <= margin < 1:
            raise InputError(f"margin: expected a probability from 0 and below 1, got {margin}")
        self.margin = margin
        self.reported: dict[int, int] = {}

    def report(self, numbers: Numbers, probabilities: FloatArray) -> Numbers:
        """Return the columns, int64 (n,), of the emotions to report.

        Args:
            numbers: the tracks, int64 (n,).
            probabilities: their averaged probabilities, float32 (n, K).
        """
        columns = np.asarray(probabilities.argmax(axis=1), np.int64)
        for row, number in enumerate(map(int, numbers)):
            held = self.reported.get(number, int(columns[row]))
            if probabilities[row, columns[row]] <= probabilities[row, held] + self.margin:
                columns[row] = held
            self.reported[number] = int(columns[row])
        return columns

    def keep_only(self, numbers: set[int]) -> None:
        """Forget all tracks but these."""
        self.reported = {number: column for number, column in self.reported.items() if number in numbers}


class Smoother:
    """Average distributions per person over what came before, as live video needs.

    Probabilities are averaged, not logits, since a single wrong frame with a confident answer changes them less.

    Args:
        seconds: time constant of the exponential average: a value of that age has the weight 1/e. 0: no average.
        margin: see `EmotionReporter`.

    Raises:
        InputError: a value is out of range.
    """

    def __init__(self, seconds: float = 0.2, margin: float = 0.1) -> None:
        self.seconds = check_seconds(seconds)
        self.margin = margin
        self.reporter = EmotionReporter(margin)
        self._sums: dict[int, tuple[float, FloatArray, float]] = {}

    def average(self, time: float, numbers: Numbers, values: FloatArray) -> FloatArray:
        """Return the averages up to this time.

        Args:
            time: seconds; it must not decrease.
            numbers: the tracks, int64 (n,).
            values: their new values, float32 (n, D).

        Returns:
            The averages, float32 (n, D).
        """
        if not self.seconds:
            return values
        averages = np.empty_like(values)
        for row, number in enumerate(map(int, numbers)):
            before, total, weight = self._sums.get(number, (time, np.zeros_like(values[row]), 0.0))
            kept = float(np.exp((before - time) / self.seconds))
            total, weight = kept * total + values[row], kept * weight + 1
            self._sums[number] = (time, total, weight)
            averages[row] = total / weight
        return averages

    def report(self, numbers: Numbers, probabilities: FloatArray) -> Numbers:
        """Return the columns of the emotions to report; see `EmotionReporter.report`."""
        return self.reporter.report(numbers, probabilities)

    def keep_only(self, numbers: set[int]) -> None:
        """Forget all tracks but these."""
        self._sums = {number: sums for number, sums in self._sums.items() if number in numbers}
        self.reporter.keep_only(numbers)


class CentredAverage:
    """Average distributions per person over what comes before and after, so that a change is not late.

    A value at a distance of t seconds has the weight exp(-t / seconds), up to a distance of `seconds`: as steady as
    the exponential average of `Smoother` with the same `seconds`.

    Args:
        seconds: half of the window; 0: no average.

    Raises:
        InputError: the value is out of range.
    """

    def __init__(self, seconds: float = 0.2) -> None:
        self.seconds = check_seconds(seconds)
        self._values: dict[int, deque[tuple[float, FloatArray]]] = {}

    def add(self, time: float, numbers: Numbers, values: FloatArray) -> None:
        """Add the values, float32 (n, D), of tracks, int64 (n,), at a time in seconds, which must not decrease."""
        for number, row in zip(map(int, numbers), values, strict=True):
            self._values.setdefault(number, deque()).append((time, row))

    def is_complete(self, time: float, now: float) -> bool:
        """Return whether the average at a time is final when values have been added up to `now`, in seconds."""
        return now - time > self.seconds or not self.seconds

    def at(self, time: float, numbers: Numbers, values: FloatArray) -> FloatArray:
        """Return the averages, float32 (n, D), around a time that has been added with these tracks and values."""
        if not self.seconds:
            return values
        averages = np.empty_like(values)
        for row, number in enumerate(map(int, numbers)):
            near = [(moment, value) for moment, value in self._values[number] if abs(moment - time) <= self.seconds]
            weights = np.exp([-abs(moment - time) / self.seconds for moment, _ in near])
            averages[row] = weights @ np.stack([value for _, value in near]) / weights.sum()
        return averages

    def forget_before(self, time: float) -> None:
        """Forget what is older than the window of a time, in seconds."""
        for number, values in list(self._values.items()):
            while values and values[0][0] < time - self.seconds:
                values.popleft()
            if not values:
                del self._values[number]

    def state(self, time: float) -> list[Any]:
        """Return the values that averages from a time on need, as plain lists for JSON."""
        kept = {
            number: [[moment, value.tolist()] for moment, value in values if moment >= time - self.seconds]
            for number, values in self._values.items()
        }
        return [[number, values] for number, values in kept.items() if values]

    def restore(self, state: list[Any]) -> None:
        """Continue from the result of `state`."""
        self._values = {
            int(number): deque((float(moment), np.array(value, np.float32)) for moment, value in values)
            for number, values in state
        }


def check_seconds(seconds: float) -> float:
    """Return the seconds of an average; raise InputError if they are out of range."""
    if not 0 <= seconds < float("inf"):
        raise InputError(f"smoothing: expected seconds from 0, got {seconds}")
    return seconds
