"""Access to the application's shared objects from a request."""

from __future__ import annotations

from typing import cast

from starlette.requests import HTTPConnection

from mien.serve.engine import Engine
from mien.serve.jobs import Jobs
from mien.serve.middleware import rates
from mien.serve.middleware.metrics import ServiceMetrics
from mien.serve.problems import busy
from mien.serve.settings import ServiceSettings
from mien.serve.uploads import UploadMemory


def settings_of(connection: HTTPConnection) -> ServiceSettings:
    """Return the settings of the service."""
    return cast(ServiceSettings, connection.app.state.settings)


def metrics_of(connection: HTTPConnection) -> ServiceMetrics:
    """Return the metrics of the service."""
    return cast(ServiceMetrics, connection.app.state.metrics)


def memory_of(connection: HTTPConnection) -> UploadMemory:
    """Return the memory budget of uploads."""
    return cast(UploadMemory, connection.app.state.memory)


def jobs_of(connection: HTTPConnection) -> Jobs:
    """Return the jobs of the service."""
    return cast(Jobs, connection.app.state.jobs)


def client_of(connection: HTTPConnection) -> str:
    """Return whose request it is: a key, or an address where the service has no keys."""
    settings = settings_of(connection)
    return rates.client_of(connection.scope, keyed=bool(settings.keys or settings.key_file))


def engine_of(connection: HTTPConnection) -> Engine:
    """Return the engine; raise a 503 (ProblemError) while it loads or if it could not be loaded."""
    engine = connection.app.state.engine
    if engine is None:
        raise busy(f"not ready: {connection.app.state.reason}")
    return cast(Engine, engine)
