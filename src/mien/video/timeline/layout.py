"""Choose what a timeline shows: persons, time ticks and pictures. Shared by the HTML page and the figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mien.video.summary import EmotionPeak, Person, Summary, TrackSegment, clock

MOST_PEOPLE = 24
"""Most persons that are drawn: those seen longest. The summary lists all."""


PICTURES = 7
"""Most pictures on the timeline of a person."""


_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def drawn_people(summary: Summary) -> list[Person]:
    """Return the persons who were seen longest, at most MOST_PEOPLE, in order of appearance."""
    listed = summary.listed_people()
    longest = sorted(listed, key=lambda person: -person.seen)[:MOST_PEOPLE]
    return [person for person in listed if person in longest]


def ticks(first: float, last: float, most: int = 10) -> list[tuple[float, str]]:
    """Return round times (seconds) from first to last with their labels, mm:ss; at most `most` + 1."""
    span = max(last - first, 0.1)
    step = next((step for step in _STEPS if span / step <= most), _STEPS[-1])
    times = np.arange(np.ceil(first / step - 1e-9), last / step + 1e-9) * step
    return [(float(time), clock(float(time)) if step < 1 else clock(float(time))[:-2]) for time in times]


def headline(person: Person) -> str:
    """Return one line on a person: "seen 19.6 s: happy 52%, sad 30%"."""
    shares = ", ".join(f"{name} {share:.0%}" for name, share in person.shares.items() if share >= 0.005)
    return f"seen {person.seen:.1f} s: {shares}"


def spread(places: Sequence[float], width: float, low: float, high: float) -> list[float]:
    """Move positions apart: at least `width` between two, in their order, from `low` to `high`."""
    moved = list(places)
    for index in range(len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + width if index else low)
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], moved[index + 1] - width if index + 1 < len(moved) else high)
    return moved


def pictures_of(person: Person) -> list[EmotionPeak]:
    """Return the strongest moments that have a picture, in order of time."""
    return sorted((peak for peak in person.strongest(PICTURES) if peak.picture), key=lambda peak: peak.time)


def points_of(segment: TrackSegment, last: float) -> tuple[Any, Any, Any]:
    """Return times (n + 2,), probabilities (n + 2, K) and expressiveness (n + 2,), at both ends too.

    Args:
        segment: the segment, of n steps.
        last: time in seconds after which nothing is drawn.
    """
    middles = segment.start + (np.arange(len(segment.reported)) + 0.5) * segment.width
    end = max(min(segment.edges[-1], last), middles[-1])
    times = np.concatenate([[segment.start], middles, [end]])
    values, curve = (
        np.concatenate([each[:1], each, each[-1:]]) for each in (segment.probabilities, segment.expressiveness)
    )
    return times, values, curve
