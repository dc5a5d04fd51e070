"""Read FER+, the votes of ten people on each face of FER2013, and build the usual test sets from it.

The file is `fer2013new.csv` of https://github.com/microsoft/FERPlus. This module knows votes, not faces.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.errors import DataError, InputError, describe_value
from mien.labels import FERPLUS, PLURALITY

VOTE_COLUMNS = (*FERPLUS.names, "unknown", "NF")
"""The columns of every vote array; NF means "not a face"."""

_NAME = re.compile(r"fer(\d{7})\.png")

Votes = npt.NDArray[np.uint8]
Subset = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def read_votes(path: str | Path, splits: npt.NDArray[np.str_]) -> Votes:
    """Read the votes of a `fer2013new.csv`.

    Args:
        path: the csv.
        splits: the split of each face, str (N,); the rows of the csv must match it one by one.

    Returns:
        Votes, uint8 (N, 10), columns as in `VOTE_COLUMNS`.

    Raises:
        DataError: the file cannot be read, or its rows do not match the faces.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except OSError as error:
        raise DataError(f"{path}: expected a FER+ csv, got {error.strerror or error}. Check the path.") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a FER+ csv as text, got {error}. Download it again.") from error
    if not rows:
        raise DataError(f"{path}: expected a header and a row for each face, got an empty file. Download it again.")
    header, rows = rows[0], rows[1:]
    usage, name, columns = _vote_columns(path, header)
    if len(rows) != len(splits):
        raise DataError(
            f"{path}: expected {len(splits)} rows, one for each face, got {len(rows)}. "
            "FER+ is aligned with FER2013 row by row: leave out the same rows in both files, or in neither."
        )
    votes = np.zeros((len(rows), len(VOTE_COLUMNS)), np.uint8)
    numbers = []
    for i, row in enumerate(rows):
        where = f"{path}, data row {i + 1} (row 1 is the first after the header)"
        if len(row) != len(header):
            raise DataError(f"{where}: expected {len(header)} columns, got {len(row)}. Download the file again.")
        if row[usage].strip() != splits[i]:
            raise DataError(
                f"{where}: expected Usage {str(splits[i])!r}, as in the faces' row, got {row[usage]!r}. "
                "The two files are not aligned: use fer2013.csv and fer2013new.csv in their original order."
            )
        if name is not None and row[name].strip():
            numbers.append(_image_number(where, row[name].strip()))
        votes[i] = [_count(where, VOTE_COLUMNS[k], row[column]) for k, column in enumerate(columns)]
    _check_order(path, numbers)
    return votes


def _vote_columns(path: Path, header: list[str]) -> tuple[int, int | None, list[int]]:
    """Return the column indices of Usage, Image name (None if absent) and the ten votes."""
    places: dict[str, int] = {}
    for place, title in enumerate(header):
        spelling = title.strip().lower()
        if spelling in ("usage", "image name", "unknown", "nf"):
            column = {"nf": "NF"}.get(spelling, spelling)
        else:
            try:
                column = FERPLUS.names[FERPLUS.index(spelling)]
            except InputError:
                continue  # An extra column does no harm.
        if column in places:
            raise DataError(f"{path}: expected one column for {column!r}, got two in {header}. Remove one.")
        places[column] = place
    missing = [column for column in ("usage", *VOTE_COLUMNS) if column not in places]
    if missing:
        raise DataError(f"{path}: the header lacks {missing}, got {header}. Use fer2013new.csv as Microsoft ships it.")
    return places["usage"], places.get("image name"), [places[column] for column in VOTE_COLUMNS]


def _count(where: str, column: str, text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
        raise DataError(f"{where}: expected votes for {column!r} as a whole number from 0 to 255, got {text!r}.")
    return int(text)


def _image_number(where: str, name: str) -> int:
    match = _NAME.fullmatch(name)
    if not match:
        raise DataError(f"{where}: expected an image name like fer0000123.png, or none, got {name!r}.")
    return int(match[1])


def _check_order(path: Path, numbers: list[int]) -> None:
    # The numbers skip some rows that are no faces, and Microsoft's file has a few wrong names, so the row cannot be
    # computed from the name. But in a sorted or shuffled file about every second name is out of order.
    slips = int((np.diff(numbers) <= 0).sum()) if numbers else 0
    if slips > 0.01 * len(numbers):
        raise DataError(
            f"{path}: expected image names in ascending order, got {slips} of {len(numbers)} that are not. "
            "The file was sorted or shuffled, so its rows are not those of the faces: use the original."
        )


def vote_shares(votes: Votes) -> npt.NDArray[np.float32]:
    """Return the share of the votes that each emotion got.

    Args:
        votes: uint8 (N, 10). Votes for unknown and NF are ignored.

    Returns:
        Shares, float32 (N, 8), columns in FER+'s order. Rows sum to 1; a row without votes for an emotion is all 0.

    Raises:
        InputError: `votes` has another dtype or shape.
    """
    emotions = _check(votes)[:, : len(FERPLUS)].astype(np.float32)
    return np.asarray(emotions / np.maximum(emotions.sum(axis=1, keepdims=True), 1), np.float32)


def majority(votes: Votes) -> Subset:
    """Select the faces on which more than half of the votes agree, by Microsoft's rule.

    A column with a single vote counts as having none. Then one of the eight emotions needs more than half of the
    remaining votes of all ten columns. Microsoft's `label.csv` lists only faces with an image name; leaving out the
    others here would change nothing, since each of them has ten votes for NF.

    On PublicTest this keeps 3,199 of 3,589 faces. On PrivateTest 3,137 (from `label.csv`) and 3,153 (from the
    full csv) are reported.

    Args:
        votes: uint8 (N, 10).

    Returns:
        indices: the faces that are kept, int64 (M,).
        labels: their FER+ labels, int64 (M,).
    """
    counts = np.where(_check(votes) <= 1, 0, votes).astype(np.int64)
    winners = counts.argmax(axis=1)
    clear = (2 * counts.max(axis=1) > counts.sum(axis=1)) & (winners < len(FERPLUS))
    indices = np.flatnonzero(clear).astype(np.int64)
    return indices, winners[indices].astype(np.int64)


def plurality(votes: Votes) -> Subset:
    """Select the faces with any vote for an emotion, and label each with the emotion that has the most votes.

    Of equals the first in FER+'s order wins (143 faces of PublicTest). On PublicTest this keeps 3,579 faces; on
    PrivateTest 3,573 are reported.

    Args:
        votes: uint8 (N, 10).

    Returns:
        indices: the faces that are kept, int64 (M,).
        labels: their FER+ labels, int64 (M,).
    """
    emotions = _check(votes)[:, : len(FERPLUS)]
    indices = np.flatnonzero(emotions.any(axis=1)).astype(np.int64)
    return indices, emotions[indices].argmax(axis=1).astype(np.int64)


FERPLUS_TEST_SETS: dict[str, Callable[[Votes], Subset]] = {
    PLURALITY: plurality,
    "majority (Microsoft's rule)": majority,
}
"""The usual rules that make a test set from votes; a score on FER+ means nothing without the name of its rule."""


def _check(votes: Votes) -> Votes:
    if not isinstance(votes, np.ndarray) or votes.dtype != np.uint8 or votes.shape[1:] != (len(VOTE_COLUMNS),):
        raise InputError(
            f"votes: expected a uint8 array (N, {len(VOTE_COLUMNS)}), columns {VOTE_COLUMNS}, "
            f"got {describe_value(votes)}"
        )
    return votes
