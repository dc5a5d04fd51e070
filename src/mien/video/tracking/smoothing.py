"""Averages of each person's probabilities in time, and the emotion that is reported from them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.errors import InputError
from mien.video.tracking.tracker import FloatArray


class Smoother:
    """Distributions averaged in time, per person, and an emotion that is reported until another is clearly likelier.

    The average weighs what was seen `seconds` ago by 1/e; 0 leaves everything as it is. Probabilities are averaged,
    not logits: one wild frame with a confident answer moves them less. The reported emotion changes when another is
    likelier by `margin`.
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
        """The averages float32 (n, D) of the values (n, D) of the tracks `numbers` (n,), up to this time."""
        if not self.seconds:
            return values
        answer = np.empty_like(values)
        for row, number in enumerate(map(int, numbers)):
            before, total, weight = self._sums.get(number, (time, np.zeros_like(values[row]), 0.0))
            kept = float(np.exp((before - time) / self.seconds))
            total, weight = kept * total + values[row], kept * weight + 1
            self._sums[number] = (time, total, weight)
            answer[row] = total / weight
        return answer

    def report(self, numbers: npt.NDArray[np.int64], probabilities: FloatArray) -> npt.NDArray[np.int64]:
        """The columns int64 (n,) of the emotions to report, from averaged probabilities (n, K)."""
        columns = np.asarray(probabilities.argmax(axis=1), np.int64)
        for row, number in enumerate(map(int, numbers)):
            held = self._reported.get(number, int(columns[row]))
            if probabilities[row, columns[row]] <= probabilities[row, held] + self.margin:
                columns[row] = held
            self._reported[number] = int(columns[row])
        return columns

    def restore(self, numbers: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> None:
        """Goes on with the emotions (their columns) that an earlier smoother reported; its averages begin anew."""
        self._reported.update(zip(map(int, numbers), map(int, columns), strict=True))

    def keep_only(self, numbers: set[int]) -> None:
        """Forgets everybody else."""
        for memory in (self._sums, self._reported):
            for number in memory.keys() - numbers:
                del memory[number]  # type: ignore[attr-defined]
