"""Videos that are read as jobs: one folder each on the disk, so that any of several processes can tell of it.

A folder holds `job.json` (how far it is), the upload until it is read, and then `rows.jsonl`, `summary.json` and the
timeline. A job is cancelled by taking its folder away: who reads the video sees that at the next frame. Names that
clients give are labels; paths are made of random ids only.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mien.errors import MienError, MissingExtraError, VideoError
from mien.recognizer import EmotionRecognizer
from mien.results import SCHEMA
from mien.serve.middleware.metrics import ServiceMetrics
from mien.serve.problems import ProblemError, busy
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
"""How often a job writes how far it is."""
MOST_ENDED = 1000
"""Ended jobs that are kept; then the oldest go before their time."""
MOST_RATE = 240
"""Frames a second: a file that holds more than a camera makes is not read to its end."""

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,gif,h264,hevc,m4v,mjpeg"
"""Containers that are opened. Playlists and the like are not: they name other files and addresses."""

TIMELINES = {"html": "timeline.html", "png": "timeline.png"}
QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"


@dataclass(frozen=True)
class Job:
    """What is known of a job; the fields of its document, and who reads it."""

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
        values = asdict(self)
        for name in ("labels", "emotions", "owner"):
            del values[name]
        return {"schema": SCHEMA, **values}

    @property
    def ended(self) -> bool:
        return self.status not in (QUEUED, RUNNING)


class RemovedError(Exception):
    """The job's folder is gone: somebody has cancelled it."""


class Jobs:
    """All jobs in a folder. `close` ends what runs and removes what this process has made."""

    def __init__(self, settings: ServiceSettings, metrics: ServiceMetrics) -> None:
        self.settings = settings
        self.metrics = metrics
        shared = os.environ.get(FOLDER_VARIABLE)
        self._own = None if shared else tempfile.mkdtemp(prefix="mien-serve-", dir=settings.folder or None)  # mode 0700
        self.folder = Path(shared or self._own or "")
        self._pool = ThreadPoolExecutor(1, "mien-video")
        self._lock = threading.Lock()
        self._open = 0
        self._closing = False

    # -- making jobs

    def reserve(self) -> None:
        """Takes a place, or raises a 503; `release` gives it back."""
        with self._lock:
            if self._open >= self.settings.max_jobs:
                self.metrics.refused.labels("jobs").inc()
                raise busy(f"videos: {self._open} are waiting or read, {self.settings.max_jobs} may. Come again", 10)
            self._open += 1
        self.metrics.jobs_open.inc()

    def release(self) -> None:
        with self._lock:
            self._open -= 1
        self.metrics.jobs_open.dec()

    def new_folder(self) -> Path:
        """A folder for an upload, whose name is the id of the job to be."""
        folder = self.folder / secrets.token_urlsafe(18)
        folder.mkdir(mode=0o700)
        return folder

    def discard(self, folder: Path) -> None:
        _remove(folder)

    def submit(self, folder: Path, name: str, recognizer: EmotionRecognizer, every: int) -> Job:
        """Makes a job of the uploaded file `video` in the folder. Raises a 422 for what is no video, or too long."""
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
        self._pool.submit(self._run, folder, job, source, recognizer, every)
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

    # -- telling of jobs

    def find(self, id: str) -> tuple[Path, Job]:
        """A job by its id, with its folder. Raises a 404."""
        folder = self.folder / id if ID.fullmatch(id) else None
        job = _read(folder) if folder is not None else None
        if folder is None or job is None:
            raise ProblemError(404, "expected the id of a video that is kept here, got another. It may have expired")
        if not job.ended and not _alive(job.owner):
            job = self._end(folder, job, FAILED, _failure("the process that read it has ended"))
        return folder, job

    def remove(self, id: str) -> None:
        """Cancels a job and removes all it has. Raises a 404."""
        folder, job = self.find(id)
        if not job.ended:
            self.metrics.jobs.labels("cancelled").inc()
        _remove(folder)

    def clean(self) -> None:
        """Removes what has expired, and uploads that never became a job."""
        ended = []
        for folder in list(self.folder.iterdir()):
            job = _read(folder)
            if job is not None and job.ended and job.expires:
                ended.append((job.expires, folder))
            elif job is None and _age(folder) > self.settings.upload_seconds + 60:
                _remove(folder)
        ended.sort()
        now, surplus = _iso(time.time()), len(ended) - MOST_ENDED
        for number, (expires, folder) in enumerate(ended):
            if expires <= now or number < surplus:
                _remove(folder)

    def close(self) -> None:
        self._closing = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)

    # -- reading a video, in a thread of its own

    def _run(self, folder: Path, job: Job, source: VideoFile, recognizer: EmotionRecognizer, every: int) -> None:
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
            self.release()

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
        """The picture of the timeline, which takes longest and is seldom asked for."""
        try:
            write_timeline(summary, path)
        except (MissingExtraError, OSError) as error:  # without matplotlib, or removed meanwhile
            log.info("a timeline was not drawn: %s", type(error).__name__)

    def _end(self, folder: Path, job: Job, status: str, error: dict[str, Any] | None = None) -> Job:
        self.metrics.jobs.labels(status).inc()
        ended = replace(job, status=status, error=error, expires=_iso(time.time() + self.settings.kept_seconds))
        with suppress(RemovedError):
            _update(folder, ended)
        return ended


def rows_after(path: Path, after: int, most: int) -> Iterator[str]:
    """At most `most` whole lines of a file of rows, from line `after` on; a line that is still written is left out."""
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
    """Writes how far a job is; raises RemovedError where it was cancelled."""
    if not (folder / "job.json").exists():
        raise RemovedError
    _write(folder, job)


def _write(folder: Path, job: Job) -> None:
    """Whole or not at all; never makes the folder again that somebody has removed."""
    temporary = folder / f"job-{threading.get_ident()}.tmp"
    try:
        temporary.write_text(json.dumps(asdict(job)), encoding="utf-8")
        os.replace(temporary, folder / "job.json")
    except FileNotFoundError as error:
        raise RemovedError from error


def _remove(folder: Path) -> None:
    """At once for everybody who looks for it, whoever is writing there."""
    gone = folder.with_name(f"removed-{secrets.token_hex(8)}")
    with suppress(OSError):
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
