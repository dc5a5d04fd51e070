"""Videos as jobs, for tests: asking for one, and waiting for its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from helpers.service_client import READY
from mien.serve.schemas import JobDocument

MP4 = {"Content-Type": "video/mp4"}


def ended(client: TestClient, where: str) -> dict[str, Any]:
    """The job's document when it has ended."""
    end = time.monotonic() + READY
    while True:
        values = client.get(where).json()
        JobDocument.model_validate(values)
        if values["status"] not in ("queued", "running"):
            return values
        assert time.monotonic() < end
        time.sleep(0.01)


def folder_of(client: TestClient) -> Path:
    return client.app.state.jobs.folder  # type: ignore[attr-defined,no-any-return]


def left(client: TestClient) -> set[str]:
    return {path.name for path in folder_of(client).iterdir()}
