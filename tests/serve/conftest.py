"""What the tests of the service share: the tiny model in a file, a client that all of a module use, a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tiny

if TYPE_CHECKING:
    from serve.page import Server


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("service") / "tiny.onnx"
    path.write_bytes(tiny.content())
    return str(path)


@pytest.fixture(scope="module")
def client(bundle_file: str) -> Iterator[Any]:
    from serve.service import serving

    with serving(model=bundle_file, max_jobs=50) as found:
        yield found


@pytest.fixture
def picture() -> bytes:
    return (Path(__file__).parents[2] / "examples" / "eileen_collins.jpg").read_bytes()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The service with the released model, for the tests of its page."""
    from serve.page import serving

    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from serve.page import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    from serve.page import page_of

    with page_of(browser, server) as opened:
        yield opened
