"""What a head's calibration faces say about its errors: emotion sets with a promised coverage, and intervals.

A bundle carries these numbers; `mien.evaluation.uncertainty` fits them. The sets are those of split conformal
prediction: with a threshold for each emotion (label-conditional, Vovk 2013, https://arxiv.org/abs/1209.2673), or one
for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import InputError, suggest
from mien.pipeline_options import BY_EMOTION, SET_KINDS

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Interval:
    """The interval that holds nine of ten real values, as a function of the estimated one.

    Attributes:
        at: estimated values, increasing.
        low: least real value at each of them.
        high: greatest real value at each of them.
    """

    at: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.at) == len(self.low) == len(self.high) or list(self.at) != sorted(set(self.at)) or not self.at:
            raise ValueError("an interval needs as many bounds as increasing values")

    def bounds(self, values: Floats) -> npt.NDArray[np.float32]:
        """Return the interval of each estimated value (n,): its lower and upper bound, float32 (n, 2)."""
        low, high = (np.interp(values, self.at, bound) for bound in (self.low, self.high))
        return np.stack([np.minimum(low, values), np.maximum(high, values)], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Uncertainty:
    """What is known of the errors of one head with K labels.

    Attributes:
        prior: how frequent each label is among the calibration faces, above 0; they sum to 1.
        coverages: shares of cases in which the set is to hold the right label, increasing.
        by_emotion: for each coverage the least probability with which each label is in the set, K each.
        by_all: for each coverage the least probability with which any label is in the set.
        intervals: of numbers that are derived from the votes, by name.
    """

    prior: tuple[float, ...]
    coverages: tuple[float, ...]
    by_emotion: tuple[tuple[float, ...], ...]
    by_all: tuple[float, ...]
    intervals: dict[str, Interval] = field(default_factory=dict)

    def __post_init__(self) -> None:
        k = len(self.prior)
        if not min(self.prior) > 0 or list(self.coverages) != sorted(set(self.coverages)) or not self.coverages:
            raise ValueError("expected frequencies above 0 and increasing coverages")
        if len(self.by_emotion) != len(self.coverages) or any(len(row) != k for row in self.by_emotion):
            raise ValueError(f"expected {k} thresholds for each of {len(self.coverages)} coverages")
        if len(self.by_all) != len(self.coverages):
            raise ValueError(f"expected {len(self.coverages)} thresholds")

    def sets(self, probabilities: Floats, coverage: float, kind: str = BY_EMOTION) -> npt.NDArray[np.bool_]:
        """Return which labels are in the set of each face, bool (N, K).

        Args:
            probabilities: calibrated, before any prior, (N, K).
            coverage: share of cases in which the set is to hold the right label.
            kind: "emotion": this share of the faces of each emotion; "all": of all faces.

        Raises:
            InputError: the coverage is out of range, or the kind unknown.
        """
        return np.asarray(probabilities >= self.thresholds(coverage, kind), np.bool_)

    def thresholds(self, coverage: float, kind: str = BY_EMOTION) -> npt.NDArray[np.float64]:
        """Return the least probability with which each label is in the set, float64 (K,); arguments as for `sets`."""
        least, most = self.coverages[0], self.coverages[-1]
        if not least <= coverage <= most:
            raise InputError(f"set_coverage: expected a share from {least:g} to {most:g}, got {coverage:g}")
        if kind not in SET_KINDS:
            raise InputError(f"set_kind {kind!r}: {suggest(kind, SET_KINDS)}")
        columns = np.array(self.by_emotion).T if kind == BY_EMOTION else [self.by_all] * len(self.prior)
        return np.array([np.interp(coverage, self.coverages, column) for column in columns])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        intervals = {
            name: {"at": list(each.at), "low": list(each.low), "high": list(each.high)}
            for name, each in self.intervals.items()
        }
        return {
            "prior": list(self.prior),
            "coverages": list(self.coverages),
            "by_emotion": [list(row) for row in self.by_emotion],
            "by_all": list(self.by_all),
            "intervals": intervals,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Uncertainty:
        """Make it of `to_dict`'s values; raise ValueError, KeyError or TypeError for damaged ones."""
        return cls(
            tuple(map(float, values["prior"])),
            tuple(map(float, values["coverages"])),
            tuple(tuple(map(float, row)) for row in values["by_emotion"]),
            tuple(map(float, values["by_all"])),
            {
                name: Interval(*(tuple(map(float, each[part])) for part in ("at", "low", "high")))
                for name, each in values["intervals"].items()
            },
        )
