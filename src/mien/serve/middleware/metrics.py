"""Metrics for Prometheus and the log of requests: numbers and routes, never pictures, names or queries.

With several processes the Prometheus client adds their numbers up through files in the folder of the environment
variable PROMETHEUS_MULTIPROC_DIR, which `mien serve` sets.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.process_collector import ProcessCollector
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.serve.folders import is_alive
from mien.serve.problems import ProblemError

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STATIC_FOLDER = "/static/"
CLIENT_GONE = 499
"""Status that is logged and counted when a client disconnects before the response, as in nginx."""

log = logging.getLogger("mien.serve")


class ServiceMetrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        if not several_processes():
            ProcessCollector(registry=registry)
        labels = ("method", "route", "status")
        self.requests = Counter("mien_requests", "Requests", labels, registry=registry)
        self.seconds = Histogram(
            "mien_request_seconds",
            "Seconds from the head of a request to its response",
            ("method", "route"),
            registry=registry,
            buckets=SECONDS,
        )
        self.open = _gauge("mien_requests_open", "Requests that are being answered", registry)
        self.pictures = Counter("mien_pictures", "Pictures that were predicted", registry=registry)
        self.unread = Counter("mien_pictures_unread", "Pictures that could not be decoded", registry=registry)
        self.faces = Counter("mien_faces", "Faces that were detected", registry=registry)
        self.queue = _gauge("mien_queue", "Pictures that wait or are processed", registry)
        self.batches = Histogram(
            "mien_batch_pictures", "Pictures in a batch", registry=registry, buckets=(1, 2, 4, 8, 16, 32)
        )
        self.refused = Counter("mien_refused", "Requests refused, by limit", ("limit",), registry=registry)
        self.failures = Counter("mien_failures", "Errors of the service itself", registry=registry)
        self.streams = _gauge("mien_streams", "Live streams that are open", registry)
        self.frames = Counter("mien_stream_frames", "Frames of live streams", ("answer",), registry=registry)
        self.jobs = Counter("mien_jobs", "Videos, by how their job ended", ("status",), registry=registry)
        self.jobs_open = _gauge("mien_jobs_open", "Videos that wait or are analyzed", registry)

    def text(self) -> bytes:
        """Return the metrics of all processes in the text format of Prometheus."""
        if not several_processes():
            return generate_latest(self.registry)
        forget_ended_processes()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def forget_ended_processes() -> None:
    """Remove the gauges of processes that were killed, which could not do so themselves."""
    for path in Path(os.environ[FOLDER_VARIABLE]).glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        if not is_alive(process):
            mark_process_dead(process)  # type: ignore[no-untyped-call]


def several_processes() -> bool:
    """Return whether this is one of several processes of the service."""
    return FOLDER_VARIABLE in os.environ


def _gauge(name: str, meaning: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, meaning, registry=registry, multiprocess_mode="livesum")


class RequestMetrics:
    """Count, time and log every request, and answer 500 for an unexpected exception."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.metrics.open.inc()
        try:
            await self.app(scope, receive, noted)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception as error:
            self._note(scope, error)
            if not status:
                status = 500
                failed = ProblemError(500, "the service failed at this request; its log says where", "failure")
                await failed.response()(scope, receive, send)
        finally:
            self.metrics.open.dec()
            passed = time.perf_counter() - began
            method, route = _method(scope), _route(scope)
            self.metrics.requests.labels(method, route, str(status or CLIENT_GONE)).inc()
            self.metrics.seconds.labels(method, route).observe(passed)
            log.info("%s %s %d %.1f ms", method, route, status or CLIENT_GONE, passed * 1e3)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            self._note(scope, error)
            with suppress(Exception):  # it may be closed already
                await send({"type": "websocket.close", "code": 1011, "reason": "the service failed"})
        finally:
            log.info("WebSocket %s %.1f s", _route(scope), time.perf_counter() - began)

    def _note(self, scope: Scope, error: Exception) -> None:
        self.metrics.failures.inc()
        log.error("%s failed: %s", _route(scope), _where(error))


def _method(scope: Scope) -> str:
    method = scope["method"]
    return method if method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH") else "other"


def _route(scope: Scope) -> str:
    """Return the route's template, since paths themselves are unlimited in number and may hold private data."""
    if scope["path"].startswith(STATIC_FOLDER):
        return STATIC_FOLDER
    return str(getattr(scope.get("route"), "path", "") or "none")


def _where(error: BaseException) -> str:
    """Return an error's type and traceback in one line, without its message, which may contain private data."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    steps = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-6:])
    return f"{type(error).__name__} at {steps}"
