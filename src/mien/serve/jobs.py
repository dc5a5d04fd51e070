"""Analyze videos as jobs. Each job is a folder on the disk, so that any of several processes can report on it.

A folder holds `job.json` (status and progress), the upload until it is analyzed, and then `rows.jsonl`, `summary.json`
and the timelines. A job is cancelled by removing its folder: the process that analyzes the video notices it at the next
frame. Clients' names for files are only labels; paths are made of random ids.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mien.documents import SCHEMA
from mien.errors import MienError, MissingExtraError, VideoError
from mien.recognizer import EmotionRecognizer
from mien.serve.folders import age_of, is_alive, new_folder, remove_folder
from mien.serve.middleware.metrics import ServiceMetrics
from mien.serve.problems import ProblemError, busy, retry_after
from mien.serve.settings import ServiceSettings
from mien.video.analysis import analyze
from mien.video.io.container import VideoFile
from mien.video.options import AnalysisOptions
from mien.video.rows import RowWriter
from mien.video.summary import Summary
from mien.video.timeline.writing import write_timeline

log = logging.getLogger("mien.serve")

FOLDER_VARIABLE = "MIEN_JOBS_FOLDER"
"""The environment variable that names the folder that several processes share."""

ID = re.compile(r"[A-Za-z0-9_-]{24}")
REPORT_SECONDS = 0.25
"""Seconds between two updates of a job's progress."""
MOST_ENDED = 1000
"""Most ended jobs that are kept; beyond it the oldest are removed before they expire."""
MOST_RATE = 240
"""Frames per second: a file with more frames than this is not analyzed to its end."""

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,gif,h264,hevc,m4v,mjpeg"
"""Container formats that are accepted. Playlists are not, since they refer to other files and addresses."""

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


class Jobs:
    """All jobs of the service. Videos are analyzed one at a time in a background thread.

    Args:
        settings: the settings of the service.
        metrics: counts jobs.
    """

    def __init__(self, settings: ServiceSettings, metrics: ServiceMetrics) -> None:
        self.settings = settings
        self.metrics = metrics
        shared = os.environ.get(FOLDER_VARIABLE)
        self._own = None if shared else new_folder(settings.folder)
        self.folder = Path(shared or self._own or "")
        self._pool = ThreadPoolExecutor(1, "mien-video")
        self._lock = threading.Lock()
        self._open = 0
        self._clients = Counter[str]()
        self._closing = False

    # -- creating jobs

    def reserve(self, client: str) -> None:
        """Reserve a place for a client's job, which `release` frees; raise a 503 or 429 (ProblemError) if none is."""
        with self._lock:
            if self._clients[client] >= self.settings.max_client_jobs:
                self.metrics.refused.labels("jobs").inc()
                raise ProblemError(
                    429,
                    f"videos: expected at most {self.settings.max_client_jobs} of one client that wait or are read, "
                    "got more. Try again when one is done",
                    "rate",
                    retry_after(10),
                )
            if self._open >= self.settings.max_jobs:
                self.metrics.refused.labels("jobs").inc()
                raise busy(
                    f"videos: {self._open} are waiting or read, {self.settings.max_jobs} may. Try again later", 10
                )
            self._open += 1
            self._clients[client] += 1
        self.metrics.jobs_open.inc()

    def release(self, client: str) -> None:
        """Free a place that `reserve` took."""
        with self._lock:
            self._open -= 1
            self._clients[client] -= 1
            self._clients += Counter()  # without those who have none
        self.metrics.jobs_open.dec()

    def new_folder(self) -> Path:
        """Create a folder for an upload; its name becomes the id of the job."""
        folder = self.folder / secrets.token_urlsafe(18)
        folder.mkdir(mode=0o700)
        return folder

    def discard(self, folder: Path) -> None:
        """Remove a folder that did not become a job."""
        remove_folder(folder)

    def submit(self, folder: Path, name: str, recognizer: EmotionRecognizer, every: int, client: str) -> Job:
        """Create a job of the uploaded file `video` in a folder.

        Args:
            folder: from `new_folder`.
            name: the client's name for the video.
            recognizer: analyzes it.
            every: analyze each n-th frame.
            client: whose place it is.

        Raises:
            ProblemError: 422, the file is no video or too long.
        """
        source = self._checked(folder / "video", name)
        job = Job(
            id=folder.name,
            name=name,
            labels=recognizer.labels.name,
            emotions=list(recognizer.labels.names),
            created=_iso(time.time()),
            owner=os.getpid(),
            progress=None if source.duration is None else 0.0,
            duration=None if source.duration is None else round(source.duration, 3),
        )
        _write(folder, job)
        self._pool.submit(self._run, folder, job, source, recognizer, every, client)
        return job

    def _checked(self, path: Path, name: str) -> VideoFile:
        try:
            source = VideoFile(str(path), name, formats=FORMATS, max_pixels=self.settings.max_pixels)
        except VideoError as error:
            raise ProblemError(422, f"{name}: {error.reason}", "unreadable") from error
        if source.duration is not None and source.duration > self.settings.max_video_seconds:
            raise ProblemError(
                422,
                f"{name}: expected a video of at most {self.settings.max_video_seconds:g} s, got one of "
                f"{source.duration:.1f} s. Cut it first",
                "too-long",
            )
        return source

    # -- finding and removing jobs

    def find(self, id: str) -> tuple[Path, Job]:
        """Return a job's folder and state; raise a 404 (ProblemError) for an unknown id."""
        folder = self.folder / id if ID.fullmatch(id) else None
        job = _read(folder) if folder is not None else None
        if folder is None or job is None:
            raise ProblemError(404, "expected the id of a video that is kept here, got another. It may have expired")
        if not job.ended and not is_alive(job.owner):
            job = self._end(folder, job, FAILED, _failure("the process that read it has ended"))
        return folder, job

    def remove(self, id: str) -> None:
        """Cancel a job and remove its files; raise a 404 (ProblemError) for an unknown id."""
        folder, job = self.find(id)
        if not job.ended:
            self.metrics.jobs.labels("cancelled").inc()
        remove_folder(folder)

    def clean(self) -> None:
        """Remove expired jobs, and old uploads that did not become jobs."""
        ended = []
        for folder in list(self.folder.iterdir()):
            job = _read(folder)
            if job is not None and job.ended and job.expires:
                ended.append((job.expires, folder))
            elif job is None and age_of(folder) > self.settings.upload_seconds + 60:
                remove_folder(folder)
        ended.sort()
        now, surplus = _iso(time.time()), len(ended) - MOST_ENDED
        for number, (expires, folder) in enumerate(ended):
            if expires <= now or number < surplus:
                remove_folder(folder)

    def close(self) -> None:
        """Stop the analysis that is running, and remove the folder if this process made it."""
        self._closing = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)

    # -- analyzing a video, in the background thread

    def _run(
        self, folder: Path, job: Job, source: VideoFile, recognizer: EmotionRecognizer, every: int, client: str
    ) -> None:
        try:
            self._analyze(folder, job, source, recognizer, every)
        except RemovedError:
            pass
        except MissingExtraError as error:
            self._end(folder, job, FAILED, ProblemError(501, str(error), "missing-extra").to_dict())
        except VideoError as error:
            self._end(folder, job, FAILED, ProblemError(422, f"{job.name}: {error.reason}", "unreadable").to_dict())
        except Exception as error:
            self.metrics.failures.inc()
            reason = str(error) if isinstance(error, MienError) else type(error).__name__
            self._end(folder, job, FAILED, _failure(reason))
        finally:
            (folder / "video").unlink(missing_ok=True)
            self.release(client)

    def _analyze(self, folder: Path, job: Job, source: VideoFile, recognizer: EmotionRecognizer, every: int) -> None:
        limit = self.settings.max_video_seconds
        summary = Summary(recognizer.labels, job.name)
        reported, notes = 0.0, list[str]()
        _update(folder, job := replace(job, status=RUNNING))
        with (
            analyze(recognizer, source, AnalysisOptions(every=every)) as analysis,
            RowWriter(folder / "rows.jsonl", recognizer.labels) as rows,
        ):
            for moment in analysis:
                if moment.time >= limit or moment.frame >= limit * MOST_RATE:
                    notes.append(f"is longer than {limit:g} s; what comes after that is not read")
                    break
                if self._closing:
                    raise RemovedError
                rows.write(moment)
                summary.add(moment.time, moment.faces, moment.image)
                if time.monotonic() - reported >= REPORT_SECONDS or not (folder / "job.json").exists():
                    _update(folder, job := _progress(job, moment.time, summary, rows.count))
                    reported = time.monotonic()
            notes = [*analysis.notes, *notes]
            job = _progress(job, summary.last, summary, rows.count)
        (folder / "video").unlink(missing_ok=True)
        _update(folder, job := replace(job, notes=notes))
        summary.to_json(folder / "summary.json")
        write_timeline(summary, folder / TIMELINES["html"])
        self._end(folder, replace(job, progress=1.0), DONE)
        self._draw(summary, folder / TIMELINES["png"])

    def _draw(self, summary: Summary, path: Path) -> None:
        """Draw the timeline as a picture, after the job is done, since it takes longest and is rarely requested."""
        if not path.parent.exists():  # the job was removed, and its folder must not come back
            return
        try:
            write_timeline(summary, path)
        except (MissingExtraError, OSError) as error:  # matplotlib is missing, or the job was removed
            log.info("a timeline was not drawn: %s", type(error).__name__)

    def _end(self, folder: Path, job: Job, status: str, error: dict[str, Any] | None = None) -> Job:
        self.metrics.jobs.labels(status).inc()
        ended = replace(job, status=status, error=error, expires=_iso(time.time() + self.settings.kept_seconds))
        with suppress(RemovedError):
            _update(folder, ended)
        return ended


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


def _progress(job: Job, seconds: float, summary: Summary, rows: int) -> Job:
    share = min(1.0, seconds / job.duration) if job.duration else None
    return replace(
        job,
        progress=share if share is None else round(share, 4),
        seconds=round(seconds, 3),
        frames=summary.frames,
        rows=rows,
        faces=len(summary.people),
    )


def _failure(reason: str) -> dict[str, Any]:
    return ProblemError(500, f"the video could not be read to its end: {reason}", "failure").to_dict()


def _read(folder: Path) -> Job | None:
    try:
        return Job(**json.loads((folder / "job.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _update(folder: Path, job: Job) -> None:
    """Write a job's state; raise RemovedError if the job was cancelled."""
    if not (folder / "job.json").exists():
        raise RemovedError
    _write(folder, job)


def _write(folder: Path, job: Job) -> None:
    """Write a job's state, whole or not at all; raise RemovedError if the folder was removed."""
    temporary = folder / f"job-{threading.get_ident()}.tmp"
    try:
        temporary.write_text(json.dumps(asdict(job)), encoding="utf-8")
        os.replace(temporary, folder / "job.json")
    except FileNotFoundError as error:
        raise RemovedError from error


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
