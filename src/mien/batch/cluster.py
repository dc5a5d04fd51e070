"""Run the workers on Ray Data, on this machine or on a cluster. Only this module knows Ray."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from mien.batch.plan import BatchPart
from mien.batch.reading import PartReport, Reader
from mien.batch.settings import ReaderConfig
from mien.errors import InputError, MissingExtraError, first_line

RETRIES = 3
"""How often a part is read again after its worker was lost; limited, since a file can make every worker crash."""

CONNECT_TIMEOUT = 10.0
"""Seconds that a cluster has to accept a connection."""

BLOCKS = 10_000
"""Most blocks that Ray Data gets; with more parts, a block holds several."""


class RayReader:
    """Adapt a `Reader` to Ray Data, which passes a part as a row and gets its report as a row."""

    def __init__(self, config: ReaderConfig, out: str, threads: int, version: str) -> None:
        self._reader = Reader(config, out, threads, version)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return asdict(self._reader.read(BatchPart(row["name"], tuple(row["sources"]))))


def check_ray() -> None:
    """Check that Ray is installed.

    Raises:
        MissingExtraError: it is not.
    """
    import_ray()


@contextmanager
def workers_ready(workers: int | None, threads: int, address: str | None) -> Iterator[int]:
    """Start Ray, or connect to it, for a `with` block, and give the number of workers.

    Ray that runs in this process already is used as it is.

    Args:
        workers: number of workers. None: as many as the cores allow.
        threads: threads per worker.
        address: address of a Ray cluster. None: this machine.

    Raises:
        InputError: no cluster answers at the address.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield workers or _room(ray, threads)
        return
    wanted = workers or max(1, _cores() // threads)
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        options |= {"num_cpus": wanted * threads, "include_dashboard": False}
    try:
        _knock(address)
        with warnings.catch_warnings(), _silent(), _kept_handler(signal.SIGTERM):
            warnings.simplefilter("ignore")
            ray.init(address or "local", **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"--address {address}: no Ray cluster answers there ({first_line(error)}). Check that it runs, that "
            "it has the same versions of Python and Ray, and, if it requires a token, set RAY_AUTH_MODE=token"
        ) from error
    try:
        yield workers or _room(ray, threads) if address else wanted
    finally:
        ray.shutdown()


@contextmanager
def _kept_handler(number: int) -> Iterator[None]:
    """Put a signal's handler back at the end: Ray puts its own there, which exits at once without a word."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(number)
    try:
        yield
    finally:
        signal.signal(number, handler)


def read_parts(
    parts: Sequence[BatchPart], config: ReaderConfig, out: str, workers: int, threads: int, version: str
) -> Iterator[PartReport]:
    """Read parts on several workers, in any order, and yield a report when a part is done.

    A worker that is lost is started again, and its unfinished part is read again. A part without a report was given up.

    Args:
        parts: the parts.
        config: the configuration of the workers.
        out: path or address of the output folder.
        workers: number of workers.
        threads: threads per worker.
        version: version of mien that all machines must have.

    Raises:
        InputError: no worker can start.
    """
    ray = import_ray()
    arguments = (list(parts), config, out, workers, threads, version)
    if not ray.util.client.ray.is_connected():
        yield from _reports(*arguments)
        return
    driver = ray.remote(num_cpus=0)(ClusterDriver).remote(*arguments)
    while (report := ray.get(driver.next.remote())) is not None:
        yield report


class ClusterDriver:
    """Drive the workers from inside the cluster, since Ray Data does not work through `ray://`."""

    def __init__(self, *arguments: Any) -> None:
        self._reports = _reports(*arguments)

    def next(self) -> PartReport | None:
        """Return the next report, or None at the end."""
        return next(self._reports, None)


def _reports(
    parts: Sequence[BatchPart], config: ReaderConfig, out: str, workers: int, threads: int, version: str
) -> Iterator[PartReport]:
    ray = import_ray()
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [{"name": part.name, "sources": list(part.sources)} for part in parts]
        dataset = ray.data.from_items(rows, override_num_blocks=min(len(rows), BLOCKS))
        context = dataset.context
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.max_errored_blocks = -1  # other parts continue; the caller finds missing reports
        context.execution_no_progress_timeout_s = -1  # a long video takes long
        reports = dataset.map(
            RayReader,
            fn_constructor_args=(config, out, threads, version),
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows)), max_tasks_in_flight_per_actor=1),
            num_cpus=threads,
            max_task_retries=RETRIES,
        )
        try:
            for batch in reports.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow"):
                yield from (PartReport(**row) for row in batch.to_pylist())
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise InputError(f"the workers cannot start, or cannot continue: {reason}") from error


@contextmanager
def _silent() -> Iterator[None]:
    """Suppress what Ray's C++ code writes to standard error during the start; errors are still raised."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _knock(address: str | None) -> None:
    """Raise an OSError if no server listens at the address; Ray itself would wait for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT).close()


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _room(ray: Any, threads: int) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)


def import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
        import ray.util.client
    except ImportError as error:
        raise MissingExtraError("mien batch", "scale") from error
    return ray
