"""Summarize a video per person while it is analyzed: time seen, shares of emotions, strongest moments, transitions.

Memory does not grow with the video's length: distributions are kept in at most MOST_BINS time steps, whose width
doubles when the video is longer, and pictures as small JPEGs of the strongest moments. This module knows `Faces` and
times, not sources of frames.
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

from mien.face import VOTE_NUMBERS, Face
from mien.files import write_atomically
from mien.labels import UNCERTAIN, LabelSet
from mien.results import Faces
from mien.tables import align

MOST_BINS = 600
FIRST_BIN = 0.05
"""Seconds of a time step at the beginning of a video."""

MAX_GAP_FRAMES = 3
"""A person counts as seen between two sightings that are at most this number of analyzed frames apart."""

THUMBNAIL = 96
"""Pixels of a thumbnail's side."""

PEAKS_PER_EMOTION = 3
"""Strongest moments that are kept per emotion."""
MIN_PEAK_DISTANCE = 1.0
"""Least seconds between two strongest moments of the same emotion."""

MIN_SECONDS_SEEN = 0.5
"""Seconds; persons who are seen for less are counted, but not listed or drawn."""


@dataclass(frozen=True)
class EmotionPeak:
    """A moment in which an emotion of a person was strongest.

    Attributes:
        time: seconds from the video's start.
        emotion: the reported emotion.
        probability: its probability, 0 to 1.
        picture: the face as a JPEG, or empty.
    """

    time: float
    emotion: str
    probability: float
    picture: bytes = b""


@dataclass(eq=False)
class Person:
    """Statistics of one track.

    Attributes:
        number: the track's number.
        first: time of the first sighting, in seconds.
        last: time of the last sighting, in seconds.
        seen: seconds that the person was visible.
        frames: number of sightings.
        emotion: the emotion reported last.
        times: seconds per reported emotion.
        transitions: how often the reported emotion changed from one to another.
        peaks: the strongest moments per emotion, strongest first.
        bins: per time step float32 (2 K + 4,): sums of probabilities, how often each emotion was reported, sums of
            VOTE_NUMBERS (NaN where unknown), and the number of sightings.
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
    def numbers(self) -> dict[str, float]:
        """The mean of each of VOTE_NUMBERS over the sightings; empty where they are unknown."""
        sums = np.stack([*self.bins.values()]).sum(axis=0, dtype=np.float64)[-1 - len(VOTE_NUMBERS) :]
        means = (sums[:-1] / sums[-1]).tolist()
        return {} if np.isnan(means).any() else dict(zip(VOTE_NUMBERS, means, strict=True))

    @property
    def shares(self) -> dict[str, float]:
        """Share of the time seen per reported emotion, 0 to 1, largest first."""
        total = sum(self.times.values())
        order = sorted(self.times.items(), key=lambda item: -item[1])
        return {name: seconds / total for name, seconds in order if total}

    def strongest(self, count: int) -> list[EmotionPeak]:
        """Return at most `count` of the strongest moments: first the strongest of each emotion, then the others."""
        ranks = [(rank, -peak.probability, peak) for peaks in self.peaks.values() for rank, peak in enumerate(peaks)]
        return [peak for *_, peak in sorted(ranks, key=lambda item: item[:2])[:count]]


@dataclass(frozen=True, eq=False)
class TrackSegment:
    """A part of a track without a gap, in time steps of equal width.

    Attributes:
        start: seconds at which the first step begins.
        width: seconds of a step.
        probabilities: mean probabilities of each step, float32 (n, K).
        reported: column of the emotion that was reported most in each step, int64 (n,); -1 where none was certain.
        expressiveness: its mean in each step, float32 (n,); NaN where unknown.
    """

    start: float
    width: float
    probabilities: npt.NDArray[np.float32]
    reported: npt.NDArray[np.int64]
    expressiveness: npt.NDArray[np.float32]

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Times float64 (n + 1,), in seconds, at which the steps begin and the last one ends."""
        return np.asarray(self.start + np.arange(len(self.reported) + 1) * self.width, np.float64)

    def spans(self) -> list[tuple[float, float, int]]:
        """Return start, end (seconds) and column of every span in which the reported emotion does not change."""
        changes = [0, *(np.flatnonzero(np.diff(self.reported)) + 1), len(self.reported)]
        edges = self.edges
        return [(float(edges[low]), float(edges[high]), int(self.reported[low])) for low, high in pairwise(changes)]


class Summary:
    """Collect the statistics of one video, moment by moment; they can be read at any time.

    Args:
        labels: the label set of the moments.
        source: the name of the video.
    """

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
        """Add the faces of a moment.

        Args:
            time: seconds from the video's start; it must not decrease.
            faces: the faces, with track_ids.
            image: the frame, RGB uint8 (H, W, 3); needed only for thumbnails.
        """
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
            sums = person.bins.setdefault(step, np.zeros(2 * count + len(VOTE_NUMBERS) + 1, np.float32))
            sums[:count] += faces.probabilities[row]
            if face.emotion != UNCERTAIN:
                sums[count + self.labels.index(face.emotion)] += 1
            estimates = (getattr(face, name) for name in VOTE_NUMBERS)
            sums[2 * count : -1] += [np.nan if each is None else each.value for each in estimates]
            sums[-1] += 1

    def segments(self, person: Person) -> list[TrackSegment]:
        """Return the parts of a track without gaps; gaps of up to MAX_GAP_FRAMES analyzed frames are interpolated."""
        count, found = len(self.labels), list[list[int]]()
        bridged = max(1.0, MAX_GAP_FRAMES * self._step / self.width)
        for step in sorted(person.bins):
            if found and step - found[-1][-1] <= bridged:
                found[-1].append(step)
            else:
                found.append([step])
        segments = []
        for steps in found:
            sums = np.stack([person.bins[step] for step in steps])
            every = np.arange(steps[0], steps[-1] + 1)
            means = sums[:, :count] / sums[:, -1:]
            between = np.stack([np.interp(every, steps, column) for column in means.T], axis=1)
            expressiveness = np.interp(every, steps, sums[:, 2 * count] / sums[:, -1])
            nearest = np.clip(np.searchsorted(steps, every, side="right") - 1, 0, None)
            counts = sums[nearest, count : 2 * count]
            reported = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
            start = (self.first or 0.0) + steps[0] * self.width
            probabilities = between.astype(np.float32)
            segments.append(TrackSegment(start, self.width, probabilities, reported, expressiveness.astype(np.float32)))
        return segments

    def listed_people(self) -> list[Person]:
        """Return the persons seen for at least MIN_SECONDS_SEEN, in order of appearance; all if there is none."""
        people = sorted(self.people.values(), key=lambda person: (person.first, person.number))
        return [person for person in people if person.seen >= MIN_SECONDS_SEEN] or people

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON; times in seconds, shares from 0 to 1."""
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
                    **{name: round(value, 4) for name, value in person.numbers.items()},
                    "strongest": [
                        {
                            "time": round(peak.time, 3),
                            "emotion": peak.emotion,
                            "probability": round(peak.probability, 4),
                        }
                        for peak in person.strongest(PEAKS_PER_EMOTION * 2)
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
        """Write `to_dict` as JSON, whole or not at all, and return the path."""
        return write_atomically(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")

    def table(self) -> str:
        """Return a text for terminals: a line per person, then their strongest moments and transitions."""
        if not self.people:
            return "nobody was seen"
        rows = [["person", "first", "last", "seen", "emotions, share of the time seen"]]
        listed = self.listed_people()
        for person in listed:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in person.shares.items() if share >= 0.005)
            rows.append([f"#{person.number}", clock(person.first), clock(person.last), f"{person.seen:.1f} s", shares])
        text = [_left_last(rows)]
        for person in listed:
            if person.numbers:
                means = ", ".join(f"{name} {value:.2f}" for name, value in person.numbers.items())
                text.append(f"#{person.number} on average: {means}")
            peaks = ", ".join(
                f"{peak.emotion} {peak.probability:.0%} at {clock(peak.time)}" for peak in person.strongest(4)
            )
            text.append(f"#{person.number} strongest: {peaks}")
            if person.transitions:
                changes = ", ".join(
                    f"{before} to {after}{f' {count} times' if count > 1 else ''}"
                    for (before, after), count in person.transitions.most_common(6)
                )
                text.append(f"#{person.number} changes: {changes}")
        brief = len(self.people) - len(listed)
        if brief:
            text.append(f"and {brief} seen for less than {MIN_SECONDS_SEEN} s")
        return "\n".join(text)

    def _count(self, person: Person, time: float, face: Face) -> None:
        passed = time - person.last
        spent = passed if person.frames and passed <= MAX_GAP_FRAMES * self._step else self._step
        person.seen += spent
        before = person.emotion or face.emotion
        person.times[before] = person.times.get(before, 0.0) + spent
        if person.emotion and person.emotion != face.emotion:
            person.transitions[person.emotion, face.emotion] += 1
        person.emotion, person.last = face.emotion, time
        person.frames += 1

    def _keep_peak(self, person: Person, time: float, face: Face, image: npt.NDArray[np.uint8] | None) -> None:
        """Add the face to the strongest moments of its emotion if it is one of them."""
        peaks = person.peaks.setdefault(face.emotion, [])
        near = next((peak for peak in peaks if abs(peak.time - time) < MIN_PEAK_DISTANCE), None)
        rival = near or (peaks[-1] if len(peaks) == PEAKS_PER_EMOTION else None)
        if rival is not None and rival.probability >= face.confidence:
            return
        if rival is not None:
            peaks.remove(rival)
        picture = b"" if image is None else thumbnail(image, face.box)
        peaks.append(EmotionPeak(time, face.emotion, face.confidence, picture))
        peaks.sort(key=lambda peak: -peak.probability)

    def _coarsen(self) -> None:
        """Double the width of the time steps and merge them in pairs."""
        self.width *= 2
        for person in self.people.values():
            merged: dict[int, npt.NDArray[np.float32]] = {}
            for step, sums in person.bins.items():
                merged[step // 2] = merged[step // 2] + sums if step // 2 in merged else sums
            person.bins = merged


def thumbnail(image: npt.NDArray[np.uint8], box: tuple[float, float, float, float]) -> bytes:
    """Return a square crop around a face as a JPEG whose longer side is THUMBNAIL pixels.

    Args:
        image: the frame, RGB uint8 (H, W, 3).
        box: left, top, right and bottom in pixels.
    """
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
    """Return a time as mm:ss.t, or h:mm:ss.t from one hour on: 1:02:03.4."""
    tenths = round(max(0.0, seconds) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{tail}" if hours else tail


def _left_last(rows: list[list[str]]) -> str:
    """Align the rows as a table whose last column, which is prose, is aligned to the left."""
    heads = align([row[:-1] for row in rows]).splitlines()
    lines = [heads[0], *heads[2:]]
    return "\n".join(f"{line}  {row[-1]}" for line, row in zip(lines, rows, strict=True))
