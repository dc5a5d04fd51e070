"""Assemble the application: shared state, routes and middleware. It knows nothing of sockets or processes."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from mien.errors import MienError
from mien.serve import openapi, problems
from mien.serve.children import trim_memory
from mien.serve.engine import Engine
from mien.serve.jobs import Jobs
from mien.serve.logs import log_to_stderr
from mien.serve.middleware.headers import SameOriginCheck, SecurityHeaders
from mien.serve.middleware.keys import KeyAuthentication, hashes_of
from mien.serve.middleware.metrics import RequestMetrics, ServiceMetrics
from mien.serve.middleware.paths import LOOPBACK, HeadAsGet, HostCheck, RootPath
from mien.serve.middleware.rates import RateLimiter
from mien.serve.query import refuse_unknown_query
from mien.serve.routes import faces, page, status, stream, videos
from mien.serve.settings import ServiceSettings
from mien.serve.uploads import UploadMemory
from mien.version import __version__

CLEAN_SECONDS = 30.0

log = logging.getLogger("mien.serve")


def create_app(settings: ServiceSettings) -> FastAPI:
    """Return the service as an ASGI application; the model is loaded when it starts.

    Args:
        settings: the settings of the service.

    Raises:
        InputError: the file of keys holds something else than hashes.
    """
    metrics = ServiceMetrics()
    app = FastAPI(
        title="mien",
        version=__version__,
        lifespan=_lifespan,
        dependencies=[Depends(refuse_unknown_query)],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.memory = UploadMemory(settings.max_memory)
    app.state.engine, app.state.reason = None, "the model is being loaded"
    problems.install(app)
    for part in (status, faces, videos, stream):
        app.include_router(part.router)
    keys = hashes_of(settings)
    openapi.install(app, keyed=bool(keys), root=settings.root_path)
    page.install(app)
    app.add_middleware(RateLimiter, rate=settings.rate, keyed=bool(keys), metrics=metrics)
    app.add_middleware(KeyAuthentication, hashes=keys)
    app.add_middleware(SameOriginCheck, allowed=settings.cors)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type", "Content-Disposition"],
            expose_headers=["Location", "Retry-After"],
        )
    app.add_middleware(RequestMetrics, metrics=metrics)
    app.add_middleware(HostCheck, allowed=_hosts(settings))
    app.add_middleware(HeadAsGet)
    app.add_middleware(RootPath, root=settings.root_path)
    app.add_middleware(SecurityHeaders)
    return app


def _hosts(settings: ServiceSettings) -> tuple[str, ...]:
    """Return the accepted hosts: for a service of this machine alone its own names; else those given, or any."""
    return (*LOOPBACK, settings.host, *settings.allowed_host) if settings.is_local else settings.allowed_host


def app_of_environment() -> FastAPI:
    """Return the application with the settings of the environment, for servers that call a factory.

    Raises:
        InputError: a setting is wrong.
    """
    log_to_stderr()
    return create_app(ServiceSettings.from_environment(os.environ))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model in the background, answering 503 until it is loaded; close everything at the end.

    With several processes each waits for its model before it accepts requests, since another one may be ready.
    """
    app.state.jobs = Jobs(app.state.settings, app.state.metrics)
    loading, cleaning = asyncio.create_task(_load(app)), asyncio.create_task(_clean(app.state.jobs))
    try:
        if app.state.settings.workers > 1:
            await loading
        yield
    finally:
        app.state.reason = "the service is being stopped"
        cleaning.cancel()
        await loading
        engine, app.state.engine = app.state.engine, None
        await asyncio.to_thread(app.state.jobs.close)
        if engine is not None:
            engine.close()


async def _load(app: FastAPI) -> None:
    try:
        app.state.engine = await asyncio.to_thread(Engine, app.state.settings, app.state.metrics)
    except MienError as error:
        app.state.reason = str(error)
        log.error("cannot start: %s", error)


async def _clean(jobs: Jobs) -> None:
    """Remove expired jobs and what killed processes have left, and give memory back: at the start and periodically.

    A worker that was killed is replaced by a new one, which so removes what it has left.
    """
    while True:
        try:
            await asyncio.to_thread(jobs.clean)
            await asyncio.to_thread(trim_memory)
        except OSError as error:
            log.error("videos could not be cleaned: %s", error.strerror)
        await asyncio.sleep(min(CLEAN_SECONDS, jobs.settings.kept_seconds / 2))
