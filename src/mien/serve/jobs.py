"""Analyze videos as jobs. Each job is a folder on the disk, so that any of several processes can report on it.

A folder holds `job.json` (status and progress), the upload until it is analyzed, and then `rows.jsonl`, `summary.json`
and the timelines; a process of its own (`video_worker`) writes them. A job is cancelled by removing its folder.
Clients' names for files are only labels; paths are made of random ids.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mien.labels import LabelSet
from mien.serve.children import WATCH_SECONDS, Limits, start_child
from mien.serve.engine import RequestOptions
from mien.serve.folders import age_of, is_alive, new_folder, remove_folder
from mien.serve.job_files import FAILED, Job, RemovedError, ended, failure, iso, read_job, update_job, write_job
from mien.serve.messages import receive, send
from mien.serve.middleware.metrics import ServiceMetrics
from mien.serve.problems import ProblemError, busy, retry_after
from mien.serve.settings import ServiceSettings

log = logging.getLogger("mien.serve")

FOLDER_VARIABLE = "MIEN_JOBS_FOLDER"
"""The environment variable that names the folder that several processes share."""

ID = re.compile(r"[A-Za-z0-9_-]{24}")
MOST_ENDED = 1000
"""Most ended jobs that are kept; beyond it the oldest are removed before they expire."""

PROBE_SECONDS = 30.0
"""Most seconds until it is known whether an upload is a video."""

OWNER = "owner"
"""The file of an upload that names the process that receives it."""


class Jobs:
    """All jobs of the service. Videos are analyzed one at a time in a background thread.

    Args:
        settings: the settings of the service.
        metrics: counts jobs.
        worker: the module that a process runs to analyze a video.
    """

    def __init__(
        self, settings: ServiceSettings, metrics: ServiceMetrics, worker: str = "mien.serve.video_worker"
    ) -> None:
        self.settings = settings
        self.worker = worker
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
        (folder / OWNER).write_text(str(os.getpid()), encoding="ascii")
        return folder

    def discard(self, folder: Path) -> None:
        """Remove a folder that did not become a job."""
        remove_folder(folder)

    def submit(
        self, folder: Path, name: str, labels: LabelSet, options: RequestOptions, every: int, client: str
    ) -> Job:
        """Create a job of the uploaded file `video` in a folder.

        Args:
            folder: from `new_folder`.
            name: the client's name for the video.
            labels: the labels of its rows.
            options: the options of the request.
            every: analyze each n-th frame.
            client: whose place it is.

        Raises:
            ProblemError: 422, the file is no video or too long.
        """
        duration = self._checked(folder / "video", name)
        job = Job(
            id=folder.name,
            name=name,
            labels=labels.name,
            emotions=list(labels.names),
            created=iso(time.time()),
            owner=os.getpid(),
            progress=None if duration is None else 0.0,
            duration=None if duration is None else round(duration, 3),
        )
        write_job(folder, job)
        request = {"settings": self.settings.to_environment(), "options": asdict(options), "every": every}
        self._pool.submit(self._run, folder, {**request, "job": asdict(job)}, client)
        return job

    def _checked(self, path: Path, name: str) -> float | None:
        """Return a video's seconds, None if unknown, as a process of its own says."""
        settings = self.settings
        request = {"name": name, "max_pixels": settings.max_pixels, "memory": settings.analysis_memory}
        process = start_child("mien.serve.video_probe", str(path), output=True)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with process, Limits(process, PROBE_SECONDS, settings.analysis_memory):
                send(process.stdin, request)
                answer, _ = receive(process.stdout)
        except (EOFError, OSError):
            answer = {"unread": "the process that opened it ended. It is damaged"}
        if "missing" in answer:
            raise ProblemError(501, answer["missing"], "missing-extra")
        if "unread" in answer:
            raise ProblemError(422, f"{name}: {answer['unread']}", "unreadable")
        duration: float | None = answer["duration"]
        if duration is not None and duration > settings.max_video_seconds:
            raise ProblemError(
                422,
                f"{name}: expected a video of at most {settings.max_video_seconds:g} s, got one of "
                f"{duration:.1f} s. Cut it first",
                "too-long",
            )
        return duration

    # -- finding and removing jobs

    def find(self, id: str) -> tuple[Path, Job]:
        """Return a job's folder and state; raise a 404 (ProblemError) for an unknown id."""
        folder = self.folder / id if ID.fullmatch(id) else None
        job = read_job(folder) if folder is not None else None
        if folder is None or job is None:
            raise ProblemError(404, "expected the id of a video that is kept here, got another. It may have expired")
        if not job.ended and not is_alive(job.owner):
            job = self._abandoned(folder, job)
        return folder, job

    def remove(self, id: str) -> None:
        """Cancel a job and remove its files; raise a 404 (ProblemError) for an unknown id."""
        folder, job = self.find(id)
        if not job.ended:
            self.metrics.jobs.labels("cancelled").inc()
        remove_folder(folder)

    def clean(self) -> None:
        """Remove expired jobs, uploads that did not become jobs, and what processes that were killed have left."""
        done = []
        for folder in list(self.folder.iterdir()):
            job = read_job(folder)
            if job is None:
                if not _is_received(folder) or age_of(folder) > self.settings.upload_seconds + 60:
                    remove_folder(folder)
                continue
            if not job.ended and not is_alive(job.owner):
                job = self._abandoned(folder, job)
            if job.ended and job.expires:
                done.append((job.expires, folder))
        done.sort()
        now, surplus = iso(time.time()), len(done) - MOST_ENDED
        for number, (expires, folder) in enumerate(done):
            if expires <= now or number < surplus:
                remove_folder(folder)

    def close(self) -> None:
        """Stop the analysis that is running, and remove the folder if this process made it."""
        self._closing = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)

    # -- analyzing a video, in a background thread that watches a process

    def _run(self, folder: Path, request: dict[str, Any], client: str) -> None:
        try:
            reason = self._watch(folder, request)
            job = read_job(folder)
            if job is not None and not job.ended:
                job = self._fail(folder, job, reason)
            if job is not None:
                self.metrics.jobs.labels(job.status).inc()
                if job.error is not None and job.error["status"] == 500:
                    self.metrics.failures.inc()
        except RemovedError:
            pass
        except Exception as error:  # the system cannot start a process, ...
            self.metrics.failures.inc()
            log.error("a video could not be analyzed: %s", type(error).__name__)
            if (job := read_job(folder)) is not None:
                self._fail(folder, job, type(error).__name__)
        finally:
            (folder / "video").unlink(missing_ok=True)
            self.release(client)

    def _watch(self, folder: Path, request: dict[str, Any]) -> str:
        """Analyze a video in a process of its own within its limits; return why the process ended, for its error."""
        most, seconds = self.settings.analysis_memory, self.settings.analysis_seconds
        if self._closing or not (folder / "job.json").exists():
            raise RemovedError
        process = start_child(self.worker, str(folder))
        assert process.stdin is not None
        try:
            with Limits(process, seconds, most) as limits:
                with suppress(OSError):  # it has ended already
                    send(process.stdin, request)
                code = None
                while code is None:
                    with suppress(subprocess.TimeoutExpired):
                        code = process.wait(WATCH_SECONDS)
                    if self._closing or not (folder / "job.json").exists():
                        raise RemovedError
            reasons = {
                "seconds": f"it took longer than the {seconds:g} s of --analysis-seconds",
                "memory": f"it needs more than the {most:,} bytes of memory of --analysis-memory",
            }
            return reasons.get(limits.exceeded, f"the process that read it has ended (code {code})")
        finally:
            process.kill()
            process.wait()
            with suppress(OSError):
                process.stdin.close()

    def _abandoned(self, folder: Path, job: Job) -> Job:
        """End a job whose process was killed, and remove its upload."""
        self.metrics.jobs.labels(FAILED).inc()
        (folder / "video").unlink(missing_ok=True)
        return self._fail(folder, job, "the process that read it has ended")

    def _fail(self, folder: Path, job: Job, reason: str) -> Job:
        failed = ended(job, FAILED, time.time() + self.settings.kept_seconds, failure(reason))
        with suppress(RemovedError):
            update_job(folder, failed)
        return failed


def _is_received(folder: Path) -> bool:
    """Return whether the process that receives an upload runs."""
    try:
        return is_alive(int((folder / OWNER).read_text(encoding="ascii")))
    except (OSError, ValueError):  # it is being made or removed
        return True
