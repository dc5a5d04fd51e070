"""Measure emotions in windows of time: bins, stretches around events, whole presentations; and find episodes.

Times in which the participant was not seen are missing: they count in no mean and no proportion, and are listed as
`missing`. No row says "neutral" because a face was lost.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from mien.errors import InputError
from mien.face import VOTE_NUMBERS
from mien.labels import UNCERTAIN, LabelSet
from mien.studies.reading import Frame

KEYS = ("participant", "condition", "film")
"""Columns that tell presentations apart."""

PHASES = ("before", "during", "after")
MEASURES = ("proportion", "mean", "peak", "peak_time", "time_to_first", "episodes", "episode_seconds")
"""Columns of values in a table of measures."""

OF_REPORTS = ("proportion", "time_to_first", "episodes", "episode_seconds")
"""Those of reported emotions, which numbers such as valence do not have."""

MAX_GAP = 0.25
"""Seconds; a shorter time without the face does not end an episode."""

Floats = npt.NDArray[np.float64]


def bin_windows(start: float, end: float, length: float) -> Frame:
    """Divide a stretch of time into bins.

    Args:
        start: seconds.
        end: seconds; the last bin is shorter if the length does not divide the stretch.
        length: seconds of a bin.

    Returns:
        The columns bin (from 0), start and end in seconds.

    Raises:
        InputError: the length is not above 0, or the end is before the start.
    """
    if not length > 0 or not end >= start:
        raise InputError(f"expected a length above 0 and an end from {start} on, got {length} and {end}")
    count = int(np.ceil(np.round((end - start) / length, 9)))
    starts = start + length * np.arange(count)
    return pd.DataFrame({"bin": np.arange(count), "start": starts, "end": np.minimum(starts + length, end)})


def event_windows(events: Frame, before: float, after: float) -> Frame:
    """Make the windows before, during and after each event.

    Args:
        events: the columns onset and duration in seconds, and event, its name.
        before: seconds of the window before the onset.
        after: seconds of the window after the end.

    Returns:
        The columns event, number (of the event in the table, from 0), phase, start and end; windows without a length
        are left out: an event of duration 0 has no "during".

    Raises:
        InputError: a length is below 0, or an event has no onset.
    """
    if before < 0 or after < 0 or (events["duration"] < 0).any() or events["onset"].isna().any():
        raise InputError("events: expected an onset for each, and durations, before and after from 0 on")
    onset, end = events["onset"].to_numpy(float), (events["onset"] + events["duration"].fillna(0)).to_numpy(float)
    parts = []
    for phase, start, stop in zip(PHASES, (onset - before, onset, end), (onset, end, end + after), strict=True):
        part = {"event": events["event"].to_numpy(), "number": np.arange(len(events)), "phase": phase}
        parts.append(pd.DataFrame({**part, "start": start, "end": stop}))
    windows = pd.concat(parts, ignore_index=True)
    windows = windows[windows["end"] > windows["start"]]
    return windows.sort_values(["number", "start"], kind="stable").reset_index(drop=True)


def measure(sightings: Frame, windows: Frame, emotions: LabelSet | Sequence[str], *, max_gap: float = MAX_GAP) -> Frame:
    """Measure every emotion of one participant in each window.

    Args:
        sightings: rows of one participant in order of time, as `mien.studies.reading.one_person` gives them.
        windows: the columns start and end in seconds, and any others, which are kept.
        emotions: the emotions that are measured; columns of `sightings`.
        max_gap: seconds; a shorter time without the face does not end an episode.

    Returns:
        One row for each window and outcome: the columns of `windows`, and

        - seen, missing: seconds with and without the participant's face;
        - outcome: an emotion, "uncertain", "expressiveness", "valence" or "arousal" (those that the rows have);
        - proportion: share of the time seen in which the emotion was reported, 0 to 1;
        - mean: mean probability, or mean of the number, weighted with the seconds of each sighting;
        - peak, peak_time: the largest, and its seconds from the window's start;
        - time_to_first: seconds from the window's start to the first report of the emotion;
        - episodes, episode_seconds: number of episodes that overlap the window, and their mean length inside it.

        NaN is what cannot be known: everything in a window without the face, the time to an emotion that was not
        reported, and reports of numbers.
    """
    emotions = emotions.names if isinstance(emotions, LabelSet) else tuple(emotions)
    numbers = [name for name in VOTE_NUMBERS if name in sightings and sightings[name].notna().any()]
    uncertain = bool((sightings["emotion"] == UNCERTAIN).any())
    outcomes = [*emotions, *([UNCERTAIN] if uncertain else []), *numbers]
    times, lasting = sightings["time"].to_numpy(np.float64), sightings["seconds"].to_numpy(np.float64)
    values = np.stack(
        [
            sightings[name].to_numpy(np.float64) if name in sightings else np.full(len(times), np.nan)
            for name in outcomes
        ]
        or [np.zeros(0)],
        axis=1,
    )
    names = sightings["emotion"].to_numpy(object)
    reported = np.stack([names == name for name in outcomes], axis=1)
    starts, ends = windows["start"].to_numpy(np.float64), windows["end"].to_numpy(np.float64)
    firsts = np.searchsorted(times + lasting, starts + 1e-9, side="left")  # a sighting reaches into the window
    lasts = np.searchsorted(times, ends - 1e-9, side="left")
    found = np.full((len(windows), len(outcomes), len(MEASURES)), np.nan)
    seen = np.zeros(len(windows))
    for k, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        if first < last:
            part = slice(first, last)
            begin = np.maximum(times[part], starts[k])
            weights = np.minimum(times[part] + lasting[part], ends[k]) - begin
            seen[k] = weights.sum()
            found[k] = _measures(begin - starts[k], weights, values[part], reported[part], max_gap)
    found[:, len(outcomes) - len(numbers) :, [MEASURES.index(name) for name in OF_REPORTS]] = np.nan
    table = windows.loc[windows.index.repeat(len(outcomes))].reset_index(drop=True)
    table["seen"] = np.repeat(seen, len(outcomes))
    table["missing"] = np.maximum(0.0, np.repeat(ends - starts - seen, len(outcomes)))
    table["outcome"] = np.tile(np.array(outcomes, object), len(windows))
    table[list(MEASURES)] = found.reshape(-1, len(MEASURES))
    return table


def _measures(
    times: Floats, weights: Floats, values: Floats, reported: npt.NDArray[np.bool_], max_gap: float
) -> Floats:
    """Return MEASURES of each outcome, (outcomes, MEASURES), in one window whose times start at 0."""
    found = np.full((values.shape[1], len(MEASURES)), np.nan)
    total = weights.sum()
    if total <= 0:
        return found
    shares = weights / total
    found[:, 0] = shares @ reported
    with np.errstate(invalid="ignore"):  # a number that no sighting has: 0 / 0
        found[:, 1] = shares @ np.nan_to_num(values) / (shares @ ~np.isnan(values))
    known = ~np.isnan(values).all(axis=0)
    highest = np.nanargmax(values[:, known], axis=0)
    found[known, 2], found[known, 3] = values[highest, np.flatnonzero(known)], times[highest]
    some = reported.any(axis=0)
    found[some, 4] = times[reported[:, some].argmax(axis=0)]
    begins = _beginnings(times, weights, reported, max_gap)
    found[:, 5] = begins.sum(axis=0)
    found[some, 6] = (weights @ reported)[some] / found[some, 5]
    return found


def _beginnings(
    times: Floats, weights: Floats, reported: npt.NDArray[np.bool_], max_gap: float
) -> npt.NDArray[np.bool_]:
    """Tell for each sighting and outcome whether an episode begins with it, bool (N, outcomes)."""
    apart = np.append(True, times[1:] - (times + weights)[:-1] > max_gap)
    before = np.vstack([np.zeros((1, reported.shape[1]), bool), reported[:-1]])
    return np.asarray(reported & (apart[:, None] | ~before))


def episodes(sightings: Frame, *, max_gap: float = MAX_GAP) -> Frame:
    """Find the episodes: stretches of time in which one emotion was reported of a track without a break.

    Args:
        sightings: rows of a video, with `seconds`; of one participant or of many tracks.
        max_gap: seconds; a shorter time without the face does not end an episode.

    Returns:
        One row for each episode in order of time: track, emotion, start and end in seconds, seconds (of the sightings,
        without gaps), mean and peak (of the confidence), frames.
    """
    table = sightings.sort_values(["track", "time"], kind="stable")
    times, lasting = table["time"].to_numpy(np.float64), table["seconds"].to_numpy(np.float64)
    names, tracks = table["emotion"].to_numpy(object), table["track"].to_numpy()
    new = np.ones(len(table), bool)
    if len(table):
        new[1:] = (names[1:] != names[:-1]) | (tracks[1:] != tracks[:-1])
        new[1:] |= times[1:] - (times + lasting)[:-1] > max_gap
    table = table.assign(_episode=np.cumsum(new), _end=times + lasting, _weighed=table["confidence"] * lasting)
    found = table.groupby("_episode", sort=True).agg(
        track=("track", "first"),
        emotion=("emotion", "first"),
        start=("time", "first"),
        end=("_end", "last"),
        seconds=("seconds", "sum"),
        mean=("_weighed", "sum"),
        peak=("confidence", "max"),
        frames=("time", "size"),
    )
    found["mean"] = found["mean"] / found["seconds"].where(found["seconds"] > 0)
    return found.sort_values(["start", "track"], kind="stable").reset_index(drop=True)


def average(table: Frame, by: Sequence[str], values: Sequence[str] = MEASURES) -> Frame:
    """Average measures over everything else, weighting every row equally; missing values are left out.

    Args:
        table: measures.
        by: columns that stay, such as participant, condition and outcome.
        values: columns that are averaged.

    Returns:
        The columns `by`, the means, seen and missing (sums of seconds), in the order of first appearance.
    """
    how = {**dict.fromkeys(values, "mean"), **{name: "sum" for name in ("seen", "missing") if name in table}}
    return table.groupby(list(by), sort=False, dropna=False).agg(how).reset_index()
