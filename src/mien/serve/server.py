"""Run the application with uvicorn, in one process or in several, until SIGINT or SIGTERM."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from mien.errors import InputError
from mien.recognizer import EmotionRecognizer
from mien.serve.app import create_app
from mien.serve.folders import new_folder
from mien.serve.jobs import FOLDER_VARIABLE
from mien.serve.logs import log_to_stderr
from mien.serve.middleware.keys import hashes_of
from mien.serve.protocol import HeadTimeoutProtocol
from mien.serve.settings import ServiceSettings

BACKLOG = 2048


def serve(settings: ServiceSettings) -> int:
    """Run the service until SIGINT or SIGTERM, finish the open requests, and return the exit code.

    Args:
        settings: the settings of the service.

    Raises:
        InputError: the address cannot be used, or a setting names something unknown.
        BundleError: the model cannot be loaded.
        DetectorError: the detector cannot be loaded.
    """
    log_to_stderr()
    check(settings)
    _raise_file_limit()
    with _listen(settings) as listener:
        _print_address(settings, listener)
        if settings.workers == 1:
            server = uvicorn.Server(config_of(settings, create_app(settings)))
            with _stoppable(server):
                server.run(sockets=[listener])
        else:
            with _shared_folder(settings):
                Multiprocess(config_of(settings, "mien.serve.app:app_of_environment"), sockets=[listener]).run()
    return 0


def check(settings: ServiceSettings) -> None:
    """Check, before the socket is opened, that the keys, the model and the detector can be loaded.

    Raises:
        MienError: one of them cannot.
    """
    hashes_of(settings)
    EmotionRecognizer(
        settings.model,
        detector=settings.detector,
        labels=settings.labels,
        size=settings.size,
        threads=1,
        providers=settings.provider,
    )


def config_of(settings: ServiceSettings, app: Any) -> uvicorn.Config:
    """Return uvicorn's configuration.

    Args:
        settings: the settings of the service.
        app: the application, or the import path of a function that makes it.
    """
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        factory=isinstance(app, str),
        workers=settings.workers,
        http=partial(HeadTimeoutProtocol, head_seconds=settings.head_seconds),  # type: ignore[arg-type]
        ws="websockets-sansio",
        ws_max_size=settings.max_frame,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxy),
        forwarded_allow_ips=list(settings.proxy),
        timeout_keep_alive=max(1, round(settings.idle_seconds)),
        timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
        backlog=BACKLOG,
    )


def _listen(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host.strip("[]"), settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise InputError(
            f"{settings.host}:{settings.port}: cannot be listened on ({error.strerror or error}). Choose another "
            "--port, or 0 for any free one"
        ) from error


def _print_address(settings: ServiceSettings, listener: socket.socket) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"mien serves on http://{host}:{listener.getsockname()[1]}")
    who = "Pictures stay on this machine" if settings.is_local else "Pictures stay on this machine once they are here"
    print(f"{who}: they are read in memory, and nothing about them is logged. Ctrl-C ends it.")
    sys.stdout.flush()


@contextmanager
def _stoppable(server: uvicorn.Server) -> Iterator[None]:
    """Exit with code 0 on a signal, which uvicorn raises again after it has shut down."""

    def stop(*_: object) -> None:
        if not server.started:  # before uvicorn handles signals
            sys.exit(0)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shared_folder(settings: ServiceSettings) -> Iterator[None]:
    """Create what several processes share, and set it in the environment: settings, job folder, Prometheus folder."""
    folder = new_folder(settings.folder)
    (folder / "jobs").mkdir(mode=0o700)
    (folder / "metrics").mkdir(mode=0o700)
    os.environ |= settings.to_environment()
    os.environ[FOLDER_VARIABLE] = str(folder / "jobs")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "metrics")
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _raise_file_limit() -> None:
    """Raise this process's limit of open files, and so of connections, to the system's maximum."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
