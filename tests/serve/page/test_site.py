"""The page as a folder of files, on a plain file server below a path, with nothing of mien behind it."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from helpers.page_driver import COLLINS, PHONE, check_accessible, check_fits, choose, download, expect, screenshot
from mien.cli.main import main
from mien.recognizer import EmotionRecognizer

pytestmark = pytest.mark.browser


class Asked(http.server.SimpleHTTPRequestHandler):
    """A file server that remembers what was asked for."""

    paths: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("host")
    assert main(["site", str(root / "some" / "path")]) == 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Asked, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/some/path/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    made = browser.new_context(reduced_motion="reduce")
    made.set_default_timeout(30_000)
    yield made
    made.close()


def visit(context: Any, site: str) -> tuple[Any, list[str]]:
    """The page, and what it complains of or asks from elsewhere."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request", lambda request: request.url.startswith((site, "blob:", "data:")) or complaints.append(request.url)
    )
    page.goto(site)
    page.wait_for_selector("html[data-ready]")
    return page, complaints


def test_a_picture_is_read_as_by_python_and_leaves_nothing_behind(context: Any, site: str) -> None:
    page, complaints = visit(context, site)
    assert not page.get_by_role("tab", name="Video").is_visible()
    choose(page, "picture", COLLINS)
    expect(page.locator("#picture .face")).to_have_count(1)
    page.evaluate("navigator.serviceWorker.ready")
    Asked.paths.clear()
    _, content = download(page, "#picture [data-act=save-json]")
    (found,) = json.loads(content)["images"]
    wanted = EmotionRecognizer("mien-nano", detector="mien-face").predict(COLLINS).to_dict()
    assert found["source"] == COLLINS.name
    (face,), (other,) = found["faces"], wanted["faces"]
    assert face["emotion"] == other["emotion"]
    assert face["box"] == pytest.approx(other["box"], abs=0.5)
    assert face["probabilities"] == pytest.approx(other["probabilities"], abs=0.002)
    page.get_by_role("button", name="Clear").click()
    choose(page, "picture", COLLINS)
    expect(page.locator("#picture .face")).to_have_count(1)
    assert {Path(path).name for path in Asked.paths} <= {"service-worker.js"}  # the browser looks for a new one itself
    assert complaints == []
    check_accessible(page)


def test_the_larger_model_is_fetched_when_it_is_wanted(context: Any, site: str) -> None:
    page, complaints = visit(context, site)
    choose(page, "picture", COLLINS)
    expect(page.locator("#picture .face")).to_have_count(1)
    page.get_by_role("button", name="Settings").click()
    with page.expect_response(re.compile(r"models/mien\.onnx")):
        page.get_by_text("More accurate, slower").click()
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#picture .face")).to_have_count(1)
    page.get_by_role("button", name="From code").click()
    expect(page.get_by_role("region", name="Python")).to_contain_text('EmotionRecognizer("mien", detector="mien-face")')
    assert complaints == []


def test_it_works_without_a_network_after_the_first_visit(context: Any, site: str) -> None:
    page, _ = visit(context, site)
    page.evaluate("navigator.serviceWorker.ready")
    page.wait_for_function("navigator.serviceWorker.controller")
    context.set_offline(True)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.get_by_role("button", name="Try a sheet of six faces").click()
    expect(page.locator("#picture .face")).to_have_count(6)
    page.close()


def test_it_can_be_installed(context: Any, site: str) -> None:
    page, _ = visit(context, site)
    session = context.new_cdp_session(page)
    told = session.send("Page.getAppManifest")
    assert told["errors"] == []
    assert told["url"] == f"{site}manifest.webmanifest"
    assert json.loads(told["data"])["display"] == "standalone"


@pytest.mark.parametrize("size", [(1280, 860), PHONE])
def test_it_says_where_pictures_go(browser: Any, site: str, size: tuple[int, int]) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    page, complaints = visit(context, site)
    page.get_by_role("button", name="On this device").click()
    assert page.locator("#privacy").inner_text() == "Nothing of a picture leaves this device."
    assert page.get_by_role("radio").count() == 1  # there is no server to choose
    check_accessible(page)
    check_fits(page)
    screenshot(page, f"site-where-{size[0]}")
    assert complaints == []
    context.close()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["site", str(tmp_path)]) == 2
    assert "expected a new or empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
