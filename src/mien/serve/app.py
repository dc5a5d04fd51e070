"""The application: what the routes share, the routes, and what stands before them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from mien import __version__
from mien.errors import MienError
from mien.serve import about, faces, openapi, pages, problems, stream, videos
from mien.serve.bodies import Memory
from mien.serve.engine import Engine
from mien.serve.headers import SameOrigin, SecurityHeaders
from mien.serve.jobs import Jobs
from mien.serve.keys import Keys, hashes_of
from mien.serve.logs import log_to_stderr
from mien.serve.metrics import Metrics, Observed
from mien.serve.rates import Rates
from mien.serve.settings import Settings

CLEAN_SECONDS = 30.0

log = logging.getLogger("mien.serve")


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application."""
    metrics = Metrics()
    app = FastAPI(
        title="mien",
        version=__version__,
        lifespan=_lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.memory = Memory(settings.max_memory)
    app.state.engine, app.state.reason = None, "the model is being loaded"
    problems.install(app)
    for part in (about, faces, videos, stream):
        app.include_router(part.router)
    keys = hashes_of(settings)
    openapi.install(app, keyed=bool(keys))
    pages.install(app)
    app.add_middleware(Rates, rate=settings.rate, keyed=bool(keys), metrics=metrics)
    app.add_middleware(Keys, hashes=keys)
    app.add_middleware(SameOrigin, allowed=settings.cors)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type", "Content-Disposition"],
            expose_headers=["Location", "Retry-After"],
        )
    app.add_middleware(Observed, metrics=metrics)
    app.add_middleware(SecurityHeaders)
    return app


def app_of_environment() -> FastAPI:
    """The application with the settings of the environment, for servers that make it themselves."""
    log_to_stderr()
    return create_app(Settings.from_environment(os.environ))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Loads the model beside the first requests, which are told to come again; closes what was opened.

    One of several processes takes no request before it can read: another one may be ready, and has said so.
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
    """Removes, again and again, what has expired."""
    while True:
        await asyncio.sleep(min(CLEAN_SECONDS, jobs.settings.kept_seconds / 2))
        try:
            await asyncio.to_thread(jobs.clean)
        except OSError as error:
            log.error("videos could not be cleaned: %s", error.strerror)
