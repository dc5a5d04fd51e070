"""The page in a real Chromium, on a real server: what its tests share.

Playwright drives the browser that `helpers.chromium` finds. MIEN_SCREENSHOTS names a folder for pictures to look at.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.chromium import executable
from helpers.paths import EXAMPLES

pytest.importorskip("fastapi", reason="the page needs mien[serve]")
api = pytest.importorskip("playwright.sync_api", reason="the page's tests need playwright")

import uvicorn  # noqa: E402

from mien.serve.app import create_app  # noqa: E402
from mien.serve.settings import ServiceSettings  # noqa: E402

expect = api.expect
expect.set_options(timeout=30_000)

DESKTOP, TABLET, PHONE = (1280, 860), (820, 1180), (390, 844)
USE_SERVER = "localStorage['mien.settings'] ??= JSON.stringify({engine: 'server'})"
COLLINS = EXAMPLES / "eileen_collins.jpg"


class Server:
    """The service in a thread, on a port that stays its own when it is stopped and started again."""

    def __init__(self, **settings: Any) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.settings = ServiceSettings(port=self.port, threads=1, **settings)
        self.address = f"http://127.0.0.1:{self.port}/"
        self._listener.close()

    def start(self) -> Server:
        config = uvicorn.Config(create_app(self.settings), port=self.port, log_config=None, timeout_graceful_shutdown=5)
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._uvicorn.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._ready():  # a page that asks earlier waits, but the browser's console complains
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        return self

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "the server did not stop"


@contextmanager
def serving(**settings: Any) -> Iterator[Server]:
    server = Server(**settings).start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """A headless browser with a few more command-line arguments."""
    with api.sync_playwright() as playwright, another(playwright.chromium, *arguments) as browser:
        yield browser


@contextmanager
def another(kind: Any, *arguments: str) -> Iterator[Any]:
    """One more browser beside the one whose `browser_type` is given."""
    browser = kind.launch(executable_path=executable(), args=["--no-sandbox", *arguments])
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def page_of(
    browser: Any,
    server: Server,
    *,
    size: tuple[int, int] = DESKTOP,
    expected: tuple[str, ...] = (),
    engine: str = "server",
    **options: Any,
) -> Iterator[Any]:
    """The page, ready; afterwards nothing may have been complained of in the console or fetched from elsewhere.

    expected  words of the console's complaints that belong to the test, such as those about a server that is gone
    engine    where faces are read: "server", or "device", which is the page's own choice
    """
    options = {"reduced_motion": "reduce", **options}  # so that nothing is looked at while it fades in
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    context.set_default_timeout(30_000)
    page = context.new_page()
    if engine == "server":
        page.add_init_script(USE_SERVER)
    complaints: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: request.url.startswith((server.address, "blob:", "data:")) or complaints.append(request.url),
    )
    page.goto(server.address)
    page.wait_for_selector("html[data-ready]")
    try:
        yield page
    finally:
        context.close()
    unexpected = [text for text in complaints if not any(words in text for words in expected)]
    assert not unexpected, unexpected


def choose(page: Any, panel: str, *paths: Path) -> None:
    """Files, chosen in the panel as by its button."""
    page.locator(f"#{panel} [data-part=input]").set_input_files([str(path) for path in paths])


def download(page: Any, button: str) -> tuple[str, bytes]:
    """Name and content of what a button saves."""
    with page.expect_download() as waiting:
        page.locator(button).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def screenshot(page: Any, name: str) -> None:
    if folder := os.environ.get("MIEN_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def check_accessible(page: Any) -> None:
    """Axe finds nothing serious."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    found = axe.Axe().run(page).response["violations"]
    bad = [
        (one["id"], [node["html"][:120] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert not bad, bad


def check_fits(page: Any) -> None:
    """Nothing sticks out to the side."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
