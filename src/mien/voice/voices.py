"""`Voices`: what is heard in the windows of a sound, as a struct of arrays; `Voice`, one window of it."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from mien.documents import document_of
from mien.errors import InputError, MissingExtraError, SoundError, describe_value
from mien.labels import NO_SPEECH, UNCERTAIN, LabelSet, color

FloatArray = npt.NDArray[np.float32]

QUIETEST = -100.0
"""Decibels below full scale that stand for silence."""


@dataclass(frozen=True)
class Voice:
    """What is heard in one window of a sound.

    Attributes:
        start: seconds from the beginning of the sound.
        end: seconds, of the window's end.
        speech: whether enough of the window is speech for an emotion.
        speech_share: the share of the window in which somebody speaks, 0 to 1.
        emotion: the most probable emotion; "uncertain" below `min_confidence`; "no speech" where there is none.
        confidence: the calibrated probability that the emotion is right, 0 to 1; None without speech.
        probabilities: the probability of each emotion; they sum to 1; None without speech.
        vote_share: the estimated share of people who would hear that emotion, 0 to 1; None without speech.
        vote_shares: the estimated share of people for each emotion; None without speech.
        strength: how strong people would find the emotion, 0 to 1; None without speech.
        loudness: root mean square in decibels of full scale, at most about 0; -100 is silence.
    """

    start: float
    end: float
    speech: bool
    speech_share: float
    emotion: str
    confidence: float | None
    probabilities: dict[str, float] | None
    vote_share: float | None
    vote_shares: dict[str, float] | None
    strength: float | None
    loudness: float

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the `count` most probable emotions with their probabilities, in descending order."""
        return sorted((self.probabilities or {}).items(), key=lambda item: -item[1])[:count]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, rounded to a millisecond, 0.1 dB and 0.0001."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "speech": self.speech,
            "speech_share": round(self.speech_share, 4),
            "emotion": self.emotion,
            "confidence": _rounded(self.confidence),
            "vote_share": _rounded(self.vote_share),
            "strength": _rounded(self.strength),
            "loudness": round(self.loudness, 1),
            "probabilities": _all_rounded(self.probabilities),
            "vote_shares": _all_rounded(self.vote_shares),
        }

    def __str__(self) -> str:
        span = f"{self.start:.1f} to {self.end:.1f} s"
        if self.confidence is None or self.vote_share is None or self.strength is None:
            return f"{span}: {self.emotion} ({self.loudness:.0f} dB)"
        heard = f"heard by {self.vote_share:.0%}, strength {self.strength:.0%}"
        return f"{span}: {self.emotion} {self.confidence:.0%}, {heard} ({self.loudness:.0f} dB)"


@dataclass(frozen=True, eq=False)
class Voices:
    """What is heard in the windows of a sound, n of them, in the order of time.

    A wrong shape or dtype raises InputError. Iteration and integer indices give `Voice`s; slices, masks and index
    arrays give `Voices`. Where `speech` is false, probabilities, vote shares and strength are NaN.

    Attributes:
        starts: seconds, float64 (n,).
        ends: seconds, float64 (n,).
        speech: whether enough of the window is speech, bool (n,).
        speech_shares: share of the window in which somebody speaks, float32 (n,), 0 to 1.
        probabilities: calibrated, float32 (n, K), over `labels`; rows sum to 1.
        vote_shares: estimated share of people who would hear each emotion, float32 (n, K); rows sum to 1.
        strengths: how strong people would find the emotion, float32 (n,), 0 to 1.
        loudness: root mean square in decibels of full scale, float32 (n,), from -100.
        labels: the label set of the columns.
        duration: seconds of sound.
        source: the sound's path, or a description.
        min_confidence: probability, 0 to 1, below which a window's emotion is reported as "uncertain".
    """

    starts: npt.NDArray[np.float64]
    ends: npt.NDArray[np.float64]
    speech: npt.NDArray[np.bool_]
    speech_shares: FloatArray
    probabilities: FloatArray
    vote_shares: FloatArray
    strengths: FloatArray
    loudness: FloatArray
    labels: LabelSet
    duration: float = 0.0
    source: str = "sound"
    min_confidence: float = 0.0

    def __post_init__(self) -> None:
        n, k = len(self.starts), len(self.labels)
        expected: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
            "starts": ((n,), np.float64),
            "ends": ((n,), np.float64),
            "speech": ((n,), np.bool_),
            "speech_shares": ((n,), np.float32),
            "probabilities": ((n, k), np.float32),
            "vote_shares": ((n, k), np.float32),
            "strengths": ((n,), np.float32),
            "loudness": ((n,), np.float32),
        }
        for name, (shape, dtype) in expected.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
                raise InputError(f"Voices.{name}: expected {dtype.__name__} {shape}, got {describe_value(array)}")
        for name in ("probabilities", "vote_shares"):
            rows = getattr(self, name)[self.speech]
            if len(rows) and not (rows.min() >= 0 and np.allclose(rows.sum(axis=1), 1, atol=1e-3)):
                raise InputError(f"Voices.{name}: expected rows from 0 that sum to 1 where there is speech")

    @classmethod
    def none(cls, labels: LabelSet, source: str = "sound", *, min_confidence: float = 0.0) -> Voices:
        """Return the result of no window."""
        times, numbers = np.zeros(0), np.zeros(0, np.float32)
        rows = np.zeros((0, len(labels)), np.float32)
        speech = np.zeros(0, np.bool_)
        return cls(times, times, speech, numbers, rows, rows, numbers, numbers, labels, 0.0, source, min_confidence)

    @classmethod
    def joined(cls, parts: Sequence[Voices]) -> Voices:
        """Return the windows of several results of one sound, in this order; the last one's duration counts.

        Raises:
            InputError: there are none.
        """
        if not parts:
            raise InputError("expected at least one result, got none")
        names = ("starts", "ends", "speech", "speech_shares", "probabilities", "vote_shares", "strengths", "loudness")
        arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return replace(parts[-1], **arrays)

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[Voice]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Voice: ...
    @overload
    def __getitem__(self, index: slice | npt.NDArray[Any]) -> Voices: ...
    def __getitem__(self, index: int | slice | npt.NDArray[Any]) -> Voice | Voices:
        """Return one `Voice` by its number, or the `Voices` of a slice, a mask or an array of numbers."""
        if not isinstance(index, int | np.integer):
            return replace(
                self,
                starts=self.starts[index],
                ends=self.ends[index],
                speech=self.speech[index],
                speech_shares=self.speech_shares[index],
                probabilities=self.probabilities[index],
                vote_shares=self.vote_shares[index],
                strengths=self.strengths[index],
                loudness=self.loudness[index],
            )
        return self._voice(index)

    def _voice(self, index: int | np.integer[Any]) -> Voice:
        spoken = bool(self.speech[index])
        best = int(self.probabilities[index].argmax()) if spoken else -1
        return Voice(
            start=float(self.starts[index]),
            end=float(self.ends[index]),
            speech=spoken,
            speech_share=float(self.speech_shares[index]),
            emotion=self._name(best, float(self.probabilities[index, best])),
            confidence=float(self.probabilities[index, best]) if spoken else None,
            probabilities=self._named(self.probabilities[index]) if spoken else None,
            vote_share=float(self.vote_shares[index, best]) if spoken else None,
            vote_shares=self._named(self.vote_shares[index]) if spoken else None,
            strength=float(self.strengths[index]) if spoken else None,
            loudness=float(self.loudness[index]),
        )

    @property
    def overall(self) -> Voice | None:
        """All windows as one: the means over those with speech, weighted by how much of it they have; None of none.

        Windows overlap, so the sound's first and last seconds count a little less than the others.
        """
        if not len(self):
            return None
        weights = self.speech_shares * self.speech
        spoken = bool(self.speech.any())
        weights = weights / weights.sum() if spoken else np.zeros_like(weights)
        power = np.mean(10 ** (self.loudness.astype(np.float64) / 10))

        def mean(values: FloatArray) -> FloatArray:
            found = weights @ np.nan_to_num(values) if spoken else np.full(values.shape[1:], np.nan)
            return np.asarray(found, np.float32)[None]

        whole = replace(
            self,
            starts=self.starts[:1],
            ends=self.ends[-1:],
            speech=np.array([spoken]),
            speech_shares=np.array([self.speech_shares.mean()], np.float32),
            probabilities=mean(self.probabilities),
            vote_shares=mean(self.vote_shares),
            strengths=mean(self.strengths),
            loudness=np.array([max(10 * np.log10(power), QUIETEST)], np.float32),
        )
        return whole[0]

    def at(self, time: float) -> Voice | None:
        """Return the window whose middle is nearest to a time in seconds; None outside all windows."""
        inside = np.flatnonzero((self.starts <= time) & (time <= self.ends))
        if not len(inside):
            return None
        middles = (self.starts[inside] + self.ends[inside]) / 2
        return self[int(inside[np.abs(middles - time).argmin()])]

    @property
    def emotions(self) -> list[str]:
        """The emotion of each window: the most probable one; "uncertain" below `min_confidence`, or "no speech"."""
        return [self._name(best, sure) for best, sure in zip(self._columns, self.confidences, strict=True)]

    @property
    def confidences(self) -> FloatArray:
        """The calibrated probability of each window's emotion, float32 (n,), 0 to 1; NaN without speech."""
        return self.probabilities[np.arange(len(self)), self._columns]

    @property
    def _columns(self) -> npt.NDArray[np.int64]:
        return np.where(self.speech, np.nan_to_num(self.probabilities).argmax(axis=1), -1).astype(np.int64)

    def _name(self, column: int, confidence: float) -> str:
        if column < 0:
            return NO_SPEECH
        return self.labels.names[column] if confidence >= self.min_confidence else UNCERTAIN

    def _named(self, row: FloatArray) -> dict[str, float]:
        return dict(zip(self.labels.names, map(float, row), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "source": self.source,
            "duration": round(self.duration, 3),
            "labels": self.labels.name,
            "overall": None if (overall := self.overall) is None else overall.to_dict(),
            "voices": [voice.to_dict() for voice in self],
        }

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return a flat dict per window, its keys those of `columns`; None without speech."""
        empty = dict.fromkeys(self.labels.names)
        rows = []
        for values in (voice.to_dict() for voice in self):
            shares = values.pop("vote_shares") or empty
            emotions = values.pop("probabilities") or empty
            heard = {f"heard_{name}": share for name, share in shares.items()}
            rows.append({"source": self.source, **values, **emotions, **heard})
        return rows

    @staticmethod
    def columns(labels: LabelSet) -> list[str]:
        """Return the keys of `to_rows`, in order: facts, a probability and a vote share (`heard_`) per emotion."""
        fixed = ["source", "start", "end", "speech", "speech_share", "emotion", "confidence", "vote_share", "strength"]
        return [*fixed, "loudness", *labels.names, *(f"heard_{name}" for name in labels.names)]

    def to_pandas(self) -> Any:
        """Return the rows as a pandas DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError("Voices.to_pandas", "pandas") from error
        return pandas.DataFrame(self.to_rows(), columns=self.columns(self.labels))

    def __str__(self) -> str:
        lines = [self._headline(), *(f"  {number}. {voice}" for number, voice in enumerate(self, 1))]
        return "\n".join([*lines, f"  all: {self.overall}"] if len(self) > 1 else lines)

    def __repr__(self) -> str:
        return f"<Voices: {self._headline()}>"

    def _headline(self) -> str:
        count = "1 window" if len(self) == 1 else f"{len(self)} windows"
        return f"{count} of {self.duration:.1f} s, {int(self.speech.sum())} with speech, in {self.source}"

    def _repr_html_(self) -> str:
        """Return a table for notebooks: the emotion of each window and a bar of its distribution."""
        rows = []
        for voice in self:
            strip = "".join(
                f'<span title="{html.escape(name)} {value:.0%}" style="display:inline-block;height:14px;'
                f'width:{200 * value:.1f}px;background:rgb{color(name)}"></span>'
                for name, value in voice.top(len(self.labels))
            )
            sure = "" if voice.confidence is None else f"{voice.confidence:.0%}"
            heard = "" if voice.vote_share is None else f"{voice.vote_share:.0%}"
            span = f"{voice.start:.1f} to {voice.end:.1f} s"
            cells = (span, f"<b>{html.escape(voice.emotion)}</b>", sure, heard, strip, f"{voice.loudness:.0f} dB")
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        head = "".join(f"<th>{title}</th>" for title in ("", "emotion", "confidence", "heard by", "all", "loudness"))
        table = f"<table><tr>{head}</tr>{''.join(rows)}</table>" if len(self) else ""
        return f"<p>{html.escape(self._headline())}</p>{table}"


def voices_document(model: str, labels: LabelSet, results: Iterable[Voices | SoundError]) -> dict[str, Any]:
    """Return the JSON document of several sounds.

    It holds the schema version, the model, the labels, one object per sound, and the errors with their reasons.

    Args:
        model: the name of the bundle that predicted them.
        labels: its label set.
        results: results and errors, in any order.
    """
    return document_of(model, labels, "sounds", results)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _all_rounded(values: dict[str, float] | None) -> dict[str, float] | None:
    return values and {name: round(value, 4) for name, value in values.items()}
