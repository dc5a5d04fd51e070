"""A batch from its sources to its finished folder. Knows no terminal and no Ray but through `cluster`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mien.batch import cluster, plan
from mien.batch.reading import PartReport
from mien.batch.settings import ReaderConfig, ReadSettings
from mien.batch.sources import find_files, is_video
from mien.batch.store import Store
from mien.version import __version__
from mien.video.io.container import pyav


@dataclass
class BatchProgress:
    """How far a batch is.

    files    files that this run is to read, in `parts` parts on `workers` workers; `before`: those done by earlier runs
    done     files that are through, `faces` and `errors` their rows with a face and with an error
    failed   parts that are left for another run, with the reason
    seconds  since Ray was ready; the first of them are the workers' start
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

    def add(self, report: PartReport) -> None:
        if report.failed:
            self.failed[report.part] = report.failed
            return
        self.done += report.files
        self.faces += report.faces
        self.errors += report.errors

    @property
    def complete(self) -> bool:
        """Every file has its rows."""
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
    """Reads files into Parquet files in the folder `out`; what is there already is not read again.

    sources   paths, folders, globs, addresses (s3://...), or lists of such as "@FILE"
    out       a folder or an address; one that was begun with other settings is refused
    workers   recognizers that work side by side, each with so many `threads`; None: as many as there are cores
    address   a Ray cluster ("auto", "host:port", "ray://host:port"); None: this machine
    progress  is called when the work begins, with None, and after each part

    Raises InputError, BundleError, DetectorError or MissingExtraError before anything is read. A file that cannot be
    read is a row. `docs/scale.md` describes the folder.
    """
    cluster.check_ray()
    order = ReaderConfig.of(settings or ReadSettings())
    labels = order.recognizer(threads).labels
    store = Store(out)
    files = find_files(sources)
    if any(map(is_video, files)):
        pyav()
    manifest = plan.begin(store, order, labels.names)
    store.sweep()
    parts = plan.parts_of(store, files, order)
    left = plan.left_of(store, parts)
    count = sum(len(part.sources) for part in left)
    tally = BatchProgress(count, len(left), before=sum(len(part.sources) for part in parts) - count)
    if left:
        plan.reopen(store, manifest)
        with cluster.workers_ready(workers, threads, address) as tally.workers:
            began = time.monotonic()
            progress(tally, None)
            for report in cluster.read_parts(left, order, store.url, tally.workers, threads, __version__):
                tally.add(report)
                tally.seconds = time.monotonic() - began
                progress(tally, report)
        for part in plan.left_of(store, left):
            tally.failed.setdefault(part.name, f"given up after its worker was lost {cluster.RETRIES + 1} times")
    if tally.complete:
        plan.finish(store, manifest, parts)
    return tally
