"""Errors of the service: every one is answered as problem details (RFC 9457)."""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mien.errors import InputError, MissingExtraError

MEDIA_TYPE = "application/problem+json"
CLOSE = {"Connection": "close"}
"""Header of responses to requests whose body was not read to its end."""


class ProblemError(Exception):
    """An error that is answered as problem details.

    Args:
        status: the HTTP status.
        detail: what was expected, what was received, and how to fix it.
        kind: the last part of the stable URN in `type`; empty: about:blank.
        headers: headers of the response.
        **more: further members of the document.
    """

    def __init__(
        self, status: int, detail: str, kind: str = "", headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = headers or {}
        self.more = more

    def to_dict(self) -> dict[str, Any]:
        """Return the problem document."""
        return {
            "type": f"urn:mien:{self.kind}" if self.kind else "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }

    def response(self) -> Response:
        """Return the HTTP response."""
        content = json.dumps(self.to_dict(), ensure_ascii=False).encode(errors="backslashreplace")
        return Response(content, self.status, self.headers, MEDIA_TYPE)


def busy(detail: str, seconds: float = 1.0) -> ProblemError:
    """Return a 503 with a Retry-After of `seconds`."""
    return ProblemError(503, detail, "busy", retry_after(seconds))


def retry_after(seconds: float) -> dict[str, str]:
    """Return the Retry-After header: whole seconds, at least 1."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def too_large(what: str, limit: int, got: str, **headers: str) -> ProblemError:
    """Return a 413.

    Args:
        what: what is too large, for the message.
        limit: most bytes.
        got: the number of bytes, in words.
        **headers: headers of the response.
    """
    return ProblemError(
        413, f"{what}: expected at most {limit:,} bytes, got {got}. Send less, or raise the limit", "too-large", headers
    )


def install(app: FastAPI) -> None:
    """Register the handlers that turn the errors of routes into problem details."""
    app.add_exception_handler(ProblemError, _of_problem)
    app.add_exception_handler(InputError, _of_input)
    app.add_exception_handler(MissingExtraError, _of_missing_extra)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)


async def _of_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return error.response()


async def _of_input(_: Request, error: Exception) -> Response:
    return ProblemError(422, str(error), "input").response()


async def _of_missing_extra(_: Request, error: Exception) -> Response:
    return ProblemError(501, str(error), "missing-extra").response()


async def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = [f"{each['loc'][-1]}: {each['msg']}" for each in error.errors()]
    return ProblemError(422, "; ".join(wrong), "input").response()


async def _of_http(request: Request, error: Exception) -> Response:
    """Handle the router's errors: unknown path, wrong method."""
    assert isinstance(error, HTTPException)
    details = {
        404: "expected one of the paths of /openapi.json, got another. Check the address",
        405: f"expected another method than {request.method} here. /openapi.json lists them",
    }
    detail = details.get(error.status_code, str(error.detail))
    return ProblemError(error.status_code, detail, headers=dict(error.headers or {})).response()
