"""Run a batch from its sources to the finished folder. Knows no terminal, and Ray only through `cluster`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mien.batch import cluster, plan
from mien.batch.reading import FEW_UNREAD, PartReport
from mien.batch.settings import ReaderConfig, ReadSettings
from mien.batch.sources import find_files, is_video
from mien.batch.store import Store
from mien.version import __version__
from mien.video.io.container import pyav


@dataclass
class BatchProgress:
    """Count the progress of a batch.

    Attributes:
        files: number of files that this run has to read.
        parts: number of parts that these files are in.
        before: number of files that earlier runs have read.
        workers: number of workers.
        done: number of files that are done.
        faces: number of rows with a face.
        errors: number of rows with an error.
        seconds: time in seconds since Ray was ready, with the start of the workers.
        failed: part that is left for another run -> reason.
        unread: the first files that could not be read, with the reason.
    """

    files: int
    parts: int
    before: int = 0
    workers: int = 0
    done: int = 0
    faces: int = 0
    errors: int = 0
    seconds: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def add(self, report: PartReport) -> None:
        """Add the report of a part."""
        if report.failed:
            self.failed[report.part] = report.failed
            return
        self.done += report.files
        self.faces += report.faces
        self.errors += report.errors
        self.unread += report.unread[: FEW_UNREAD - len(self.unread)]

    @property
    def complete(self) -> bool:
        """Return whether every file has its rows."""
        return not self.failed


def run_batch(
    sources: Sequence[str],
    out: str,
    settings: ReadSettings | None = None,
    *,
    workers: int | None = None,
    threads: int = 1,
    address: str | None = None,
    progress: Callable[[BatchProgress, PartReport | None], None] = lambda tally, report: None,
) -> BatchProgress:
    """Read files into Parquet files in the folder `out`; files that are there already are not read again.

    `docs/scale.md` describes the folder. A file that cannot be read is a row with an error.

    Args:
        sources: paths, folders, globs, addresses (s3://...), or lists of them as "@FILE".
        out: a folder or an address.
        settings: how files are read. None: the defaults.
        workers: number of recognizers that run in parallel. None: as many as the cores allow.
        threads: threads per recognizer.
        address: a Ray cluster ("auto", "host:port", "ray://host:port"). None: this machine.
        progress: called with None when the work begins, and with the report of each part.

    Raises:
        InputError: no files are found, `out` has other settings, or no worker can start.
        BundleError: the model cannot be loaded.
        DetectorError: the detector cannot be used.
        MissingExtraError: Ray, or the client of a store, is not installed.
    """
    cluster.check_ray()
    config = ReaderConfig.of(settings or ReadSettings())
    labels = config.recognizer(threads).labels
    store = Store(out)
    files = find_files(sources)
    if any(map(is_video, files)):
        pyav()
    manifest = plan.open_manifest(store, config, labels.names)
    store.delete_hidden()
    parts = plan.plan_parts(store, files, config)
    left = plan.unfinished_parts(store, parts)
    count = sum(len(part.sources) for part in left)
    tally = BatchProgress(count, len(left), before=sum(len(part.sources) for part in parts) - count)
    if left:
        plan.mark_incomplete(store, manifest)
        with cluster.workers_ready(workers, threads, address) as tally.workers:
            began = time.monotonic()
            progress(tally, None)
            for report in cluster.read_parts(left, config, store.url, tally.workers, threads, __version__):
                tally.add(report)
                tally.seconds = time.monotonic() - began
                progress(tally, report)
        for part in plan.unfinished_parts(store, left):
            tally.failed.setdefault(part.name, f"given up after its worker was lost {cluster.RETRIES + 1} times")
    if tally.complete:
        plan.mark_complete(store, manifest, parts)
    return tally
