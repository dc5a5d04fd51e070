"""Serve the page `/`, the description of the API `/docs`, and their files, which are in `static/`.

The browser package in `static/web/` looks for the released bundles in `models/` beside itself.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from mien.serve.problems import ProblemError

STATIC = Path(__file__).parents[1] / "static"
BUNDLES = Path(__file__).parents[2] / "bundles"
CACHE = {"Cache-Control": "no-cache"}
"""Browsers must check whether a file has changed, by its ETag."""


class _Files(StaticFiles):
    """Static files that browsers check for changes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the response for a file, with the caching header."""
        response = await super().get_response(path, scope)
        response.headers.update(CACHE)
        return response


def install(app: FastAPI) -> None:
    """Add the page and its files to the application."""
    files = _Files(directory=STATIC, check_dir=False)
    models = _Files(directory=BUNDLES, check_dir=False)
    app.mount("/static/web/models", models, name="models")
    app.mount("/static", files, name="static")

    async def page(name: str, request: Request) -> Response:
        if not (STATIC / name).is_file():
            raise ProblemError(
                404, "expected the page in this installation, got none. /openapi.json says what there is"
            )
        return await files.get_response(name, request.scope)

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return await page("index.html", request)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return await page("docs.html", request)
