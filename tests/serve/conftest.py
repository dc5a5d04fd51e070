"""What the tests of the service share: the tiny model in a file, a client that all of a module use, a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from helpers import tiny_bundle
from helpers.paths import EILEEN_COLLINS

if TYPE_CHECKING:
    from helpers.page_driver import Server


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("service") / "tiny.onnx"
    path.write_bytes(tiny_bundle.content())
    return str(path)


@pytest.fixture(scope="module")
def client(bundle_file: str) -> Iterator[Any]:
    from helpers.service_client import serving

    with serving(model=bundle_file, max_jobs=50, max_client_jobs=50) as found:
        yield found


@pytest.fixture
def picture() -> bytes:
    return EILEEN_COLLINS.read_bytes()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The service with the released model, for the tests of its page."""
    from helpers.page_driver import serving

    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from helpers.page_driver import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    from helpers.page_driver import page_of

    with page_of(browser, server) as opened:
        yield opened


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 12 frames, 25 a second: 0.48 s."""
    from helpers.video_clips import levels, write_clip

    path = tmp_path_factory.mktemp("clips") / "talk.mp4"
    return write_clip(path, [k / 25 for k in range(12)], levels(12))
