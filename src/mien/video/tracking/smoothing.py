"""Average the probabilities of each person in time, and choose the emotion to report. Knows no pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.errors import InputError
from mien.video.tracking.tracker import FloatArray


class Smoother:
    """Average distributions per person, and report an emotion until another is likelier by a margin.

    Probabilities are averaged, not logits, since a single wrong frame with a confident answer changes them less.

    Args:
        seconds: time constant of the exponential average: a value of that age has the weight 1/e. 0: no average.
        margin: probability, from 0 and below 1, by which another emotion must be likelier than the reported one.

    Raises:
        InputError: a value is out of range.
    """

    def __init__(self, seconds: float = 0.2, margin: float = 0.1) -> None:
        if not 0 <= seconds < float("inf"):
            raise InputError(f"smoothing: expected seconds from 0, got {seconds}")
        if not 0 <= margin < 1:
            raise InputError(f"margin: expected a probability from 0 and below 1, got {margin}")
        self.seconds = seconds
        self.margin = margin
        self._sums: dict[int, tuple[float, FloatArray, float]] = {}
        self._reported: dict[int, int] = {}

    def average(self, time: float, numbers: npt.NDArray[np.int64], values: FloatArray) -> FloatArray:
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

    def report(self, numbers: npt.NDArray[np.int64], probabilities: FloatArray) -> npt.NDArray[np.int64]:
        """Return the columns, int64 (n,), of the emotions to report.

        Args:
            numbers: the tracks, int64 (n,).
            probabilities: their averaged probabilities, float32 (n, K).
        """
        columns = np.asarray(probabilities.argmax(axis=1), np.int64)
        for row, number in enumerate(map(int, numbers)):
            held = self._reported.get(number, int(columns[row]))
            if probabilities[row, columns[row]] <= probabilities[row, held] + self.margin:
                columns[row] = held
            self._reported[number] = int(columns[row])
        return columns

    def restore(self, numbers: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> None:
        """Restore the emotions (columns) that an earlier smoother reported; the averages begin anew."""
        self._reported.update(zip(map(int, numbers), map(int, columns), strict=True))

    def keep_only(self, numbers: set[int]) -> None:
        """Forget all tracks but these."""
        for kept in (self._sums, self._reported):
            for number in kept.keys() - numbers:
                del kept[number]  # type: ignore[attr-defined]
