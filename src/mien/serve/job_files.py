"""The files of a job: its state in `job.json`, which several processes read, and its rows. Knows nothing of analysis.

A job is cancelled by removing its folder.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mien.documents import SCHEMA
from mien.serve.problems import ProblemError

TIMELINES = {"html": "timeline.html", "png": "timeline.png"}
QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"


@dataclass(frozen=True)
class Job:
    """The state of a job: the fields of its document, its label set, and the process that analyzes it.

    Attributes:
        id: the random id, also the folder's name.
        name: the client's name for the video.
        labels: name of the head.
        emotions: its labels, in order.
        created: when it was submitted, ISO 8601.
        owner: id of the process that analyzes it.
        status: "queued", "running", "done" or "failed".
        progress: 0 to 1; None if the duration is unknown.
        seconds: seconds of the video that were analyzed.
        duration: seconds of the video; None if unknown.
        frames: frames that were analyzed.
        rows: rows that are written.
        faces: persons that were seen.
        notes: what was wrong with the video.
        error: problem details, if it failed.
        expires: when it is removed, ISO 8601; None until it has ended.
    """

    id: str
    name: str
    labels: str
    emotions: list[str]
    created: str
    owner: int
    status: str = QUEUED
    progress: float | None = None
    seconds: float = 0.0
    duration: float | None = None
    frames: int = 0
    rows: int = 0
    faces: int = 0
    notes: list[str] = field(default_factory=list)
    error: dict[str, Any] | None = None
    expires: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the document of the API."""
        values = asdict(self)
        for name in ("labels", "emotions", "owner"):
            del values[name]
        return {"schema": SCHEMA, **values}

    @property
    def ended(self) -> bool:
        """Whether it is done or has failed."""
        return self.status not in (QUEUED, RUNNING)


class RemovedError(Exception):
    """The job's folder no longer exists: the job was cancelled."""


def ended(job: Job, status: str, expires: float, error: dict[str, Any] | None = None) -> Job:
    """Return the job as one that is done or has failed.

    Args:
        job: the job.
        status: "done" or "failed".
        expires: when it is removed, in seconds since 1970.
        error: problem details, if it failed.
    """
    return replace(job, status=status, error=error, expires=iso(expires))


def failure(reason: str) -> dict[str, Any]:
    """Return the problem details of a job that failed."""
    return ProblemError(500, f"the video could not be read to its end: {reason}", "failure").to_dict()


def rows_after(path: Path, after: int, most: int) -> Iterator[str]:
    """Yield lines of a file of rows; a line that is not complete yet is left out.

    Args:
        path: the file.
        after: lines to skip.
        most: most lines to yield.
    """
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number >= after + most or not line.endswith("\n"):
                return
            if number >= after:
                yield line


def read_job(folder: Path) -> Job | None:
    """Return the state of a job, or None if there is none."""
    try:
        return Job(**json.loads((folder / "job.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def update_job(folder: Path, job: Job) -> None:
    """Write a job's state; raise RemovedError if the job was cancelled."""
    if not (folder / "job.json").exists():
        raise RemovedError
    write_job(folder, job)


def write_job(folder: Path, job: Job) -> None:
    """Write a job's state, whole or not at all; raise RemovedError if the folder was removed."""
    temporary = folder / f"job-{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        temporary.write_text(json.dumps(asdict(job)), encoding="utf-8")
        os.replace(temporary, folder / "job.json")
    except FileNotFoundError as error:
        raise RemovedError from error


def iso(seconds: float) -> str:
    """Return a time, in seconds since 1970, as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
