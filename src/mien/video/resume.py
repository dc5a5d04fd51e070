"""Resume an interrupted recording where its rows equal those of one run.

Beside the rows, NAME.resume.json holds the state of the analysis (tracks, averages) before one of the last frames. This
module knows files and plain values, nothing of video or networks.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.errors import InputError
from mien.files import write_atomically
from mien.labels import LabelSet
from mien.video.moment import Moment
from mien.video.rows import journal_of, row_frames

log = logging.getLogger("mien")

SAVE_SECONDS = 1.0
"""Least seconds between two savings of the state."""


class ResumeFile:
    """The state of an analysis, saved beside its rows.

    Args:
        rows: the file that rows are appended to.
    """

    def __init__(self, rows: Path) -> None:
        self.path = rows.with_name(rows.name + ".resume.json")
        self._saved = float("-inf")

    def save(self, state: dict[str, Any], size: int) -> None:
        """Save the state of a moment, if the last saving is SAVE_SECONDS ago; `size`: bytes of the rows before it."""
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            write_atomically(self.path, json.dumps({"size": size, "state": state}))
            self._saved = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """Return what was saved: "size" and "state"; None if there is nothing that can be read."""
        try:
            saved = json.loads(self.path.read_bytes())
            return {"size": int(saved["size"]), "state": {**saved["state"], "time": float(saved["state"]["time"])}}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self) -> None:
        """Remove the file, if there is one."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class ResumePoint:
    """The point at which an interrupted recording is resumed.

    Attributes:
        size: bytes of the file that are kept.
        resume: time, in seconds, of the first frame that is analyzed again.
        last: the frame before it, or None.
        next_track: the first unused track number.
        columns: names of the columns in the file; new rows have the same ones.
        state: the state of the analysis before that frame, with which the rows equal those of one run; None: unknown.
    """

    size: int
    resume: float
    last: Moment | None
    next_track: int
    columns: tuple[str, ...]
    state: dict[str, Any] | None = None


def find_resume_point(path: str | Path, labels: LabelSet) -> ResumePoint | None:
    """Return where to resume the recording in a file of rows; None if the file has no whole frame.

    It is the last state that was saved, or, without one, the frame that was written last, whose rows may be incomplete.

    Raises:
        InputError: the rows went to standard output, or the Parquet file is complete.
        DataError: the file does not hold rows of these labels.
    """
    target = Path(path)
    journal = journal_of(target)
    if journal is None:
        raise InputError("resume: expected the rows in a file, got standard output. Name a file")
    if not journal.exists() and target.exists():
        raise InputError(f"{target} is finished: a Parquet file that is cut short has its rows in {journal.name}")
    if not journal.exists():
        return None
    names: tuple[str, ...] = ()
    size, before, last, most = 0, None, None, 0
    for offset, found, moment in row_frames(journal, labels):
        size, names, before, last = offset, found, last, moment
        most = max(most, *moment.faces.track_ids.tolist()) if moment.faces.track_ids is not None else most
    if last is None:
        return None
    kept = ResumeFile(journal).load()
    if kept is not None and kept["size"] <= journal.stat().st_size:
        return ResumePoint(kept["size"], kept["state"]["time"], None, most + 1, names, kept["state"])
    log.warning(
        "%s: not found, or not of these rows: averages begin anew at %.3f s, and rows after it may differ slightly "
        "from those of one run",
        ResumeFile(journal).path,
        last.time,
    )
    return ResumePoint(size, last.time, before, most + 1, names)
