"""What the routes share, as the application keeps it: found through the request that asks."""

from __future__ import annotations

from typing import cast

from starlette.requests import HTTPConnection

from mien.serve.engine import Engine
from mien.serve.jobs import Jobs
from mien.serve.middleware.metrics import ServiceMetrics
from mien.serve.problems import busy
from mien.serve.settings import ServiceSettings
from mien.serve.uploads import UploadMemory


def settings_of(connection: HTTPConnection) -> ServiceSettings:
    return cast(ServiceSettings, connection.app.state.settings)


def metrics_of(connection: HTTPConnection) -> ServiceMetrics:
    return cast(ServiceMetrics, connection.app.state.metrics)


def memory_of(connection: HTTPConnection) -> UploadMemory:
    return cast(UploadMemory, connection.app.state.memory)


def jobs_of(connection: HTTPConnection) -> Jobs:
    return cast(Jobs, connection.app.state.jobs)


def engine_of(connection: HTTPConnection) -> Engine:
    """The engine, or a 503 while it is loading or when it has failed to."""
    engine = connection.app.state.engine
    if engine is None:
        raise busy(f"not ready: {connection.app.state.reason}")
    return cast(Engine, engine)
