"""What happened to whom in a video, gathered as it goes: time seen, shares of emotions, strong moments, transitions.

Memory does not grow with time: distributions are kept in at most MOST_BINS steps of time, whose width doubles when the
video outgrows them, and pictures as small JPEGs of the strongest moments.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.face import Face
from mien.files import write_atomically
from mien.labels import UNCERTAIN, LabelSet
from mien.results import Faces
from mien.tables import align

MOST_BINS = 600
FIRST_BIN = 0.05
"""Seconds that a step of the timeline takes at first."""

MOST_STEPS = 3
"""Two sightings that are at most so many frames apart have the time between them counted as seen."""

THUMBNAIL = 96
"""Pixels of a thumbnail's side."""

MOMENTS = 3
"""Strongest moments per emotion that are kept, ..."""
APART = 1.0
"""... so many seconds apart."""

BRIEF = 0.5
"""Seconds; who is seen for less counts as a passer-by in what is printed and drawn."""


@dataclass(frozen=True)
class EmotionPeak:
    """A moment in which somebody's emotion was strong: `strength` is its probability."""

    time: float
    emotion: str
    strength: float
    picture: bytes = b""  # JPEG of the face, or nothing


@dataclass(eq=False)
class Person:
    """One track: what is known of it so far.

    `bins` maps a step of time to float32 (2 K + 1,): sums of probabilities, how often each emotion was reported, and
    the number of sightings.
    """

    number: int
    first: float
    last: float
    seen: float = 0.0
    frames: int = 0
    emotion: str = ""
    times: dict[str, float] = field(default_factory=dict)
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    peaks: dict[str, list[EmotionPeak]] = field(default_factory=dict)
    bins: dict[int, npt.NDArray[np.float32]] = field(default_factory=dict)

    @property
    def shares(self) -> dict[str, float]:
        """Share of the time seen per reported emotion, largest first."""
        total = sum(self.times.values())
        order = sorted(self.times.items(), key=lambda item: -item[1])
        return {name: seconds / total for name, seconds in order if total}

    def strongest(self, count: int) -> list[EmotionPeak]:
        """The strongest moments: the best one of each emotion first, strongest first, then others; in all `count`."""
        ranks = [(rank, -peak.strength, peak) for peaks in self.peaks.values() for rank, peak in enumerate(peaks)]
        return [peak for *_, peak in sorted(ranks, key=lambda item: item[:2])[:count]]


@dataclass(frozen=True, eq=False)
class TrackSegment:
    """Somebody without a break: from `start` on, in steps of `width` seconds, the mean probabilities float32 (n, K) and
    the columns int64 (n,) of the emotion that was reported most, -1 where none was certain."""

    start: float
    width: float
    probabilities: npt.NDArray[np.float32]
    reported: npt.NDArray[np.int64]

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Times (n + 1,) at which the steps begin and the last one ends."""
        return np.asarray(self.start + np.arange(len(self.reported) + 1) * self.width, np.float64)

    def spans(self) -> list[tuple[float, float, int]]:
        """From, to and column of every time that one emotion was reported throughout."""
        changes = [0, *(np.flatnonzero(np.diff(self.reported)) + 1), len(self.reported)]
        edges = self.edges
        return [(float(edges[low]), float(edges[high]), int(self.reported[low])) for low, high in pairwise(changes)]


class Summary:
    """Gathers the moments of one video; `table()` and `to_dict()` tell what was gathered at any time."""

    def __init__(self, labels: LabelSet, source: str = "") -> None:
        self.labels = labels
        self.source = source
        self.people: dict[int, Person] = {}
        self.width = FIRST_BIN
        self.first: float | None = None
        self.last = 0.0
        self.frames = 0
        self._step = 0.0  # seconds from frame to frame, a running mean: what a single sighting counts for

    def add(self, time: float, faces: Faces, image: npt.NDArray[np.uint8] | None = None) -> None:
        """A moment's faces, with their picture RGB uint8 (H, W, 3) where thumbnails are wanted."""
        if self.first is None:
            self.first = time
        elif time > self.last:
            passed = time - self.last
            self._step += 0.1 * (passed - self._step) if self._step else passed
        self.last, self.frames = time, self.frames + 1
        while (time - self.first) / self.width >= MOST_BINS:
            self._coarsen()
        for row, face in enumerate(faces):
            assert face.track is not None
            person = self.people.setdefault(face.track, Person(face.track, time, time))
            self._count(person, time, face)
            self._keep_peak(person, time, face, image)
            step = int((time - self.first) / self.width)
            count = len(self.labels)
            sums = person.bins.setdefault(step, np.zeros(2 * count + 1, np.float32))
            sums[:count] += faces.probabilities[row]
            if face.emotion != UNCERTAIN:
                sums[count + self.labels.index(face.emotion)] += 1
            sums[-1] += 1

    def stretches(self, person: Person) -> list[TrackSegment]:
        """The times in which somebody was seen without a break; gaps of a few looked-at frames are filled."""
        count, found = len(self.labels), list[list[int]]()
        bridged = max(1.0, MOST_STEPS * self._step / self.width)
        for step in sorted(person.bins):
            if found and step - found[-1][-1] <= bridged:
                found[-1].append(step)
            else:
                found.append([step])
        stretches = []
        for steps in found:
            sums = np.stack([person.bins[step] for step in steps])
            every = np.arange(steps[0], steps[-1] + 1)
            means = sums[:, :count] / sums[:, -1:]
            between = np.stack([np.interp(every, steps, column) for column in means.T], axis=1)
            nearest = np.clip(np.searchsorted(steps, every, side="right") - 1, 0, None)
            told = sums[nearest, count : 2 * count]
            reported = np.where(told.any(axis=1), told.argmax(axis=1), -1)
            start = (self.first or 0.0) + steps[0] * self.width
            stretches.append(TrackSegment(start, self.width, between.astype(np.float32), reported))
        return stretches

    def present(self) -> list[Person]:
        """Everybody who was seen for longer than a glimpse, in order of appearance; all, if nobody was."""
        people = sorted(self.people.values(), key=lambda person: (person.first, person.number))
        return [person for person in people if person.seen >= BRIEF] or people

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; times in seconds, shares from 0 to 1."""
        return {
            "source": self.source,
            "labels": list(self.labels.names),
            "start": None if self.first is None else round(self.first, 3),
            "end": round(self.last, 3),
            "frames": self.frames,
            "people": [
                {
                    "track": person.number,
                    "first": round(person.first, 3),
                    "last": round(person.last, 3),
                    "seen": round(person.seen, 3),
                    "frames": person.frames,
                    "shares": {name: round(share, 4) for name, share in person.shares.items()},
                    "strongest": [
                        {"time": round(peak.time, 3), "emotion": peak.emotion, "probability": round(peak.strength, 4)}
                        for peak in person.strongest(MOMENTS * 2)
                    ],
                    "transitions": [
                        {"from": before, "to": after, "count": count}
                        for (before, after), count in person.transitions.most_common()
                    ],
                }
                for person in sorted(self.people.values(), key=lambda person: person.number)
            ],
        }

    def to_json(self, path: str | Path) -> Path:
        return write_atomically(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")

    def table(self) -> str:
        """For terminals: a line per person, and under it the strongest moments and the transitions."""
        if not self.people:
            return "nobody was seen"
        rows = [["person", "first", "last", "seen", "emotions, share of the time seen"]]
        present = self.present()
        for person in present:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in person.shares.items() if share >= 0.005)
            rows.append([f"#{person.number}", clock(person.first), clock(person.last), f"{person.seen:.1f} s", shares])
        text = [_left_last(rows)]
        for person in present:
            peaks = ", ".join(
                f"{peak.emotion} {peak.strength:.0%} at {clock(peak.time)}" for peak in person.strongest(4)
            )
            text.append(f"#{person.number} strongest: {peaks}")
            if person.transitions:
                changes = ", ".join(
                    f"{before} to {after}{f' {count} times' if count > 1 else ''}"
                    for (before, after), count in person.transitions.most_common(6)
                )
                text.append(f"#{person.number} changes: {changes}")
        brief = len(self.people) - len(present)
        if brief:
            text.append(f"and {brief} seen for less than {BRIEF} s")
        return "\n".join(text)

    def _count(self, person: Person, time: float, face: Face) -> None:
        passed = time - person.last
        spent = passed if person.frames and passed <= MOST_STEPS * self._step else self._step
        person.seen += spent
        before = person.emotion or face.emotion
        person.times[before] = person.times.get(before, 0.0) + spent
        if person.emotion and person.emotion != face.emotion:
            person.transitions[person.emotion, face.emotion] += 1
        person.emotion, person.last = face.emotion, time
        person.frames += 1

    def _keep_peak(self, person: Person, time: float, face: Face, image: npt.NDArray[np.uint8] | None) -> None:
        """Among the strongest moments of the emotion, each APART from a stronger one."""
        peaks = person.peaks.setdefault(face.emotion, [])
        near = next((peak for peak in peaks if abs(peak.time - time) < APART), None)
        rival = near or (peaks[-1] if len(peaks) == MOMENTS else None)
        if rival is not None and rival.strength >= face.confidence:
            return
        if rival is not None:
            peaks.remove(rival)
        picture = b"" if image is None else thumbnail(image, face.box)
        peaks.append(EmotionPeak(time, face.emotion, face.confidence, picture))
        peaks.sort(key=lambda peak: -peak.strength)

    def _coarsen(self) -> None:
        """Twice as long steps, half as many."""
        self.width *= 2
        for person in self.people.values():
            merged: dict[int, npt.NDArray[np.float32]] = {}
            for step, sums in person.bins.items():
                merged[step // 2] = merged[step // 2] + sums if step // 2 in merged else sums
            person.bins = merged


def thumbnail(image: npt.NDArray[np.uint8], box: tuple[float, float, float, float]) -> bytes:
    """A square around a face as a JPEG of a few kilobytes."""
    left, top, right, bottom = box
    half = 0.65 * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    height, width = image.shape[:2]
    low_x, low_y = int(np.clip(x - half, 0, width - 1)), int(np.clip(y - half, 0, height - 1))
    patch = image[low_y : max(low_y + 1, int(y + half)), low_x : max(low_x + 1, int(x + half))]
    scale = THUMBNAIL / max(patch.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in patch.shape[1::-1])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(cv2.cvtColor(patch, cv2.COLOR_RGB2BGR), size, interpolation=method)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def clock(seconds: float) -> str:
    """mm:ss.t, with hours where there are any: 1:02:03.4."""
    tenths = round(max(0.0, seconds) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{tail}" if hours else tail


def _left_last(rows: list[list[str]]) -> str:
    """Aligned, the last column, which is prose, to the left."""
    heads = align([row[:-1] for row in rows]).splitlines()
    lines = [heads[0], *heads[2:]]
    return "\n".join(f"{line}  {row[-1]}" for line, row in zip(lines, rows, strict=True))
