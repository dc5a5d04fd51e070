"""The service for tests: inside the test, or on a real socket of this machine."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2 as httpx
import numpy as np
import uvicorn
from PIL import Image
from starlette.testclient import TestClient

from mien.serve.app import create_app
from mien.serve.problems import MEDIA_TYPE
from mien.serve.schemas import ProblemDocument
from mien.serve.server import config_of
from mien.serve.settings import ServiceSettings

READY = 20.0
JPEG = {"Content-Type": "image/jpeg"}


@contextmanager
def serving(**options: Any) -> Iterator[TestClient]:
    """A client of the application itself, without a network."""
    app = create_app(ServiceSettings(**{"detector": "whole", "allowed_host": ("testserver",), **options}))
    with TestClient(app, raise_server_exceptions=False) as client:
        await_ready(lambda: client.get("/readyz").status_code == 200)
        yield client


@contextmanager
def running(**options: Any) -> Iterator[Address]:
    """The address of a real server in a thread."""
    settings = ServiceSettings(**{"detector": "whole", "port": 0, "grace_seconds": 2.0, **options})
    app = create_app(settings)
    server = uvicorn.Server(config_of(settings, app))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        await_ready(lambda: server.started and app.state.engine is not None)
        yield Address(server.servers[0].sockets[0].getsockname()[1], app)
    finally:
        server.should_exit = True
        thread.join(timeout=READY)
        assert not thread.is_alive()


class Address:
    """Where a real server listens, and its application."""

    def __init__(self, port: int, app: Any) -> None:
        self.port, self.app = port, app

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def await_ready(ready: Any, seconds: float = READY) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "the service did not become ready"
        time.sleep(0.01)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=READY).status_code == 200
    except httpx.TransportError:
        return False


def png(width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(content, "PNG")
    return content.getvalue()


def problem(response: Any, status: int) -> dict[str, Any]:
    """The problem that a response is, checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    values: dict[str, Any] = response.json()
    ProblemDocument.model_validate(values)
    assert values["status"] == status
    return values
