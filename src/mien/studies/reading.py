"""Read rows of videos as pandas' frames: one sighting a row, with the seconds that it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mien.errors import DataError, InputError
from mien.labels import LABEL_SETS, LabelSet
from mien.video.rows import SUFFIXES, are_columns

Frame = Any
"""A pandas DataFrame; pandas has no types."""

LARGEST = "largest"
"""Of the faces of a frame the one with the largest box; the other choice is a track's number, or several."""

MOST_STEPS = 2.1
"""A sighting lasts to the next one, if that is at most this many steps away; otherwise it lasts one step.

Videos that are sampled at a rate (`--fps`) have steps of k and of k + 1 frames, so up to twice the median."""

_OLD_NAMES = {"intensity": "vote_share"}


@dataclass(frozen=True, eq=False)
class VideoRows:
    """Hold the rows of one video.

    Attributes:
        table: the columns of `mien.video.rows.columns`, in order of time, and `seconds`: how long each sighting lasted.
        labels: the label set of the rows.
        step: seconds between two analyzed frames, the median.
    """

    table: Frame
    labels: LabelSet
    step: float


def read_table(path: str | Path) -> VideoRows:
    """Read the rows of a video, of .csv, .jsonl or .parquet and of any version and label set.

    Args:
        path: a file that `mien video --out` has written.

    Returns:
        The rows; a file without rows gives an empty table.

    Raises:
        DataError: the file does not hold rows of `mien video`.
        InputError: the name ends in something else.
    """
    path = Path(path)
    readers = {
        ".csv": lambda: pd.read_csv(path, encoding="utf-8-sig", keep_default_na=False, na_values=[""]),
        ".jsonl": lambda: pd.read_json(path, lines=True),
        ".parquet": lambda: pd.read_parquet(path),
    }
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: expected rows of `mien video`, a name that ends in {', '.join(SUFFIXES)}")
    try:
        table = readers[path.suffix.lower()]()
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path}: expected rows of `mien video`, got a file that cannot be read ({error})") from error
    return from_table(table, str(path))


def from_table(table: Frame, name: str = "the table") -> VideoRows:
    """Check a pandas frame with the columns of rows, sort it by time and add how long each sighting lasted.

    Args:
        table: rows of one video.
        name: what messages call it.

    Raises:
        DataError: the columns are not those of rows of a known label set.
    """
    found = [labels for labels in LABEL_SETS.values() if are_columns(list(table.columns), labels)]
    if not found:
        raise DataError(
            f"{name}: expected the columns of rows of `mien video`, got {list(table.columns)}. Read the video anew"
        )
    table = table.rename(columns=_OLD_NAMES).sort_values(["time", "track"], kind="stable").reset_index(drop=True)
    table["emotion"] = table["emotion"].astype(str)
    times = table["time"].to_numpy(np.float64)
    if np.isnan(times).any():
        raise DataError(f"{name}: expected a time in every row. Read the video anew")
    step = _step(times)
    table["seconds"] = _durations(times, step)
    return VideoRows(table, found[0], step)


def one_person(rows: VideoRows, face: str = LARGEST) -> Frame:
    """Keep at most one face of each frame: those of a participant.

    Args:
        rows: the rows of a video.
        face: "largest", or the number of a track, or several as "1+4".

    Returns:
        The table, one row for each frame in which the participant was seen.

    Raises:
        InputError: the word is none of these, or no row has one of the tracks.
    """
    table = rows.table
    if face == LARGEST:
        size = (table["right"] - table["left"]) * (table["bottom"] - table["top"])
        chosen = table.assign(_size=size).sort_values(["time", "_size"], ascending=[True, False], kind="stable")
    else:
        words = face.split("+")
        if not all(word.strip().isdecimal() for word in words):
            raise InputError(f"face: expected {LARGEST!r}, a track's number, or several as '1+4', got {face!r}")
        tracks = [int(word) for word in words]
        absent = sorted(set(tracks) - set(table["track"]))
        if absent:
            known = ", ".join(map(str, sorted(table["track"].unique()))) or "none"
            raise InputError(f"face: expected tracks of the video ({known}), got {absent[0]}")
        chosen = table[table["track"].isin(tracks)].assign(_size=0)
    return chosen.drop_duplicates("time").drop(columns="_size").reset_index(drop=True)


def _step(times: npt.NDArray[np.float64]) -> float:
    steps = np.diff(np.unique(times))
    return float(np.median(steps)) if len(steps) else 0.0


def _durations(times: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    """Return how long each sighting lasted: to the next frame with a face, or one step if that is far away."""
    moments, place = np.unique(times, return_inverse=True)
    lasting = np.append(np.diff(moments), step)
    lasting[lasting > MOST_STEPS * step] = step
    return np.asarray(lasting[place], np.float64) if len(times) else np.zeros(0)
