"""Evaluate a voice bundle on labelled clips: both heads, the strength, and groups of speakers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.datasets.voices import VoiceClips
from mien.errors import DataError
from mien.evaluation.evaluate import EvalResult
from mien.evaluation.metrics import METRICS, confusion_matrix, mean_absolute_error, pearson, per_class
from mien.evaluation.speakers import GroupComparison, compare_groups, metric_intervals, over_speakers
from mien.files import write_atomically
from mien.tables import align
from mien.voice.bundle import HEADS, VoiceAnswer, VoiceBundle

EXPERIMENTAL = 0.2
"""The strength must beat predicting the mean by this share; otherwise it is called experimental."""

AGES = ((0, 30, "to 29"), (30, 45, "30 to 44"), (45, 200, "from 45"))


@dataclass(frozen=True)
class StrengthResult:
    """How well the strength agrees with what people heard, 0 to 1.

    Attributes:
        n: number of clips.
        error: mean absolute error.
        error_of_mean: that of predicting the mean of these clips for all.
        correlation: Pearson's.
        intervals: of error, gain and correlation, over speakers.
    """

    n: int
    error: float
    error_of_mean: float
    correlation: float
    intervals: dict[str, tuple[float, float]]

    @property
    def gain(self) -> float:
        """The share of the mean's error that is avoided; 0 where the mean has none."""
        return _gain(self.error, self.error_of_mean)

    @property
    def experimental(self) -> bool:
        """Whether it is no better than the mean by EXPERIMENTAL."""
        return self.gain < EXPERIMENTAL


@dataclass(frozen=True)
class VoiceEvaluation:
    """All results of one voice network on clips.

    Attributes:
        source: where the clips come from.
        speakers: how many speakers there are.
        results: per head and labels: "votes", against the plurality of votes; "intended", against the intended emotion.
        strength: None without raters' strengths.
        groups: speakers by sex, age and race; shares of right answers of the head that has labels.
    """

    source: str
    speakers: int
    results: tuple[EvalResult, ...]
    strength: StrengthResult | None
    groups: tuple[GroupComparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        strength = None
        if self.strength is not None:
            more = {"gain": self.strength.gain, "experimental": self.strength.experimental}
            strength = asdict(self.strength) | more
        return {
            "source": self.source,
            "speakers": self.speakers,
            "results": [result.to_dict() for result in self.results],
            "strength": strength,
            "groups": [asdict(group) for group in self.groups],
        }

    def to_json(self, path: str | Path) -> Path:
        """Write `to_dict` as JSON, whole or not at all, and return the path."""
        return write_atomically(path, json.dumps(self.to_dict(), indent=2) + "\n")

    def table(self) -> str:
        """Return the scores as text for a terminal, with intervals over speakers."""
        names = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "ece")
        rows = [["", "clips", *(name.replace("_", " ") for name in names)]]
        rows += [
            [r.name, str(r.n), *(_cell(r.metrics[name], r.intervals.get(name)) for name in names)] for r in self.results
        ]
        parts = [f"{self.source}, {self.speakers} speakers; 95 % intervals over speakers", align(rows)]
        if self.strength is not None:
            s = self.strength
            kind = "experimental" if s.experimental else "of use"
            parts.append(
                f"strength: mean absolute error {_cell(s.error, s.intervals.get('error'))}, of the mean "
                f"{s.error_of_mean:.3f}; correlation {_cell(s.correlation, s.intervals.get('correlation'))}: {kind}"
            )
        for result in self.results:
            lines = [["", *result.labels]]
            lines += [[name, *map(str, row)] for name, row in zip(result.labels, result.confusion, strict=True)]
            parts.append(f"{result.name}: rows are labels, columns answers\n{align(lines)}")
        for group in self.groups:
            lines = [[group.attribute, "speakers", "clips", "right"]]
            lines += [
                [each.group, str(each.speakers), str(each.clips), _cell(each.score, (each.low, each.high))]
                for each in group.groups
            ]
            parts.append(f"{align(lines)}\ngap {group.gap:.3f}, p {group.p:.3f}, corrected {group.corrected:.3f}")
        return "\n\n".join(parts)


def evaluate_voices(
    bundle: VoiceBundle, clips: VoiceClips, *, rounds: int = 500, progress: Callable[[float], None] | None = None
) -> VoiceEvaluation:
    """Evaluate a bundle on whole clips.

    Args:
        bundle: the bundle.
        clips: clips at the bundle's rate.
        rounds: resamples of the intervals.
        progress: called with the share that is done.

    Raises:
        DataError: the clips have another rate, or no labels.
    """
    if clips.rate != bundle.metadata.rate:
        raise DataError(f"expected clips at {bundle.metadata.rate} samples per second, got {clips.rate}")
    answers = [answer_to_clip(bundle, clips.sound(0))] if len(clips) else []
    for k in range(1, len(clips)):
        answers.append(answer_to_clip(bundle, clips.sound(k)))
        if progress is not None:
            progress((k + 1) / len(clips))
    probabilities = {name: np.concatenate([each.probabilities[name] for each in answers]) for name in HEADS}
    return evaluate_answers(probabilities, np.concatenate([each.strengths for each in answers]), clips, rounds=rounds)


def answer_to_clip(bundle: VoiceBundle, sound: npt.NDArray[np.float32]) -> VoiceAnswer:
    """Return a bundle's answer to one whole clip, float32 (samples,); a very short one is followed by silence."""
    missing = max(bundle.metadata.shortest - len(sound), 0)
    return bundle.answer(np.pad(sound, (0, missing))[None])


def evaluate_answers(
    probabilities: dict[str, npt.NDArray[np.float32]],
    strengths: npt.NDArray[np.float32],
    clips: VoiceClips,
    *,
    rounds: int = 500,
) -> VoiceEvaluation:
    """Evaluate answers to clips: probabilities (N, K) by head, strengths (N,), 0 to 1.

    Raises:
        DataError: no clip has a label.
    """
    results = []
    groups: list[GroupComparison] = []
    for name, labels in zip(HEADS, (clips.heard, clips.intended), strict=True):
        known = labels >= 0
        if not known.any():
            continue
        results.append(_result(name, probabilities[name][known], labels[known], clips, known, rounds))
        if not groups:
            right = (probabilities[name][known].argmax(axis=1) == labels[known]).astype(float)
            chosen = {key: values[known] for key, values in grouped(clips).items()}
            groups = compare_groups(right, clips.speakers[known], chosen)
    if not results:
        raise DataError(f"{clips.source}: expected an emotion among {', '.join(clips.labels.names)}, got none")
    return VoiceEvaluation(
        clips.source, len(np.unique(clips.speakers)), tuple(results), _strength(strengths, clips, rounds), tuple(groups)
    )


def grouped(clips: VoiceClips) -> dict[str, npt.NDArray[np.str_]]:
    """Return the groups of clips' speakers, ages in three ranges."""
    groups = dict(clips.groups)
    if "age" in groups:
        groups["age"] = np.array([_range_of(age) for age in groups["age"]])
    return groups


def _range_of(age: str) -> str:
    if not age.replace(".", "", 1).isdigit():
        return "unknown"
    return next(name for low, high, name in AGES if low <= float(age) < high)


def _result(
    name: str,
    probabilities: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    clips: VoiceClips,
    known: npt.NDArray[np.bool_],
    rounds: int,
) -> EvalResult:
    scores = per_class(probabilities, labels)
    return EvalResult(
        name=name,
        split=clips.source,
        n=len(labels),
        labels=clips.labels.names,
        metrics={key: metric(probabilities, labels) for key, metric in METRICS.items()},
        intervals=metric_intervals(probabilities, labels, clips.speakers[known], rounds=rounds),
        per_class={
            emotion: {
                "precision": float(scores.precision[k]),
                "recall": float(scores.recall[k]),
                "f1": float(scores.f1[k]),
                "support": int(scores.support[k]),
            }
            for k, emotion in enumerate(clips.labels.names)
        },
        confusion=tuple(tuple(map(int, row)) for row in confusion_matrix(probabilities, labels)),
    )


def _strength(strengths: npt.NDArray[np.float32], clips: VoiceClips, rounds: int) -> StrengthResult | None:
    known = np.isfinite(clips.strength)
    if known.sum() < 2:
        return None
    got, wanted = strengths[known].astype(np.float64), clips.strength[known].astype(np.float64)
    mean = np.full_like(wanted, wanted.mean())

    def statistics(rows: npt.NDArray[np.int64]) -> dict[str, float]:
        error = mean_absolute_error(got[rows], wanted[rows])
        gain = _gain(error, mean_absolute_error(mean[rows], wanted[rows]))
        return {"error": error, "gain": gain, "correlation": pearson(got[rows], wanted[rows])}

    several = len(np.unique(clips.speakers[known])) > 1
    return StrengthResult(
        n=int(known.sum()),
        error=mean_absolute_error(got, wanted),
        error_of_mean=mean_absolute_error(mean, wanted),
        correlation=pearson(got, wanted),
        intervals=over_speakers(statistics, clips.speakers[known], rounds) if several else {},
    )


def _gain(error: float, of_mean: float) -> float:
    return 1 - error / of_mean if of_mean > 0 else 0.0


def _cell(value: float, interval: tuple[float, float] | None) -> str:
    return f"{value:.3f}" if interval is None else f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"
