"""The page's panel for the camera, in a real browser whose camera is a clip of a real face."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers import video_clips
from helpers.page_driver import (
    PHONE,
    Server,
    another,
    check_accessible,
    check_fits,
    chromium,
    download,
    expect,
    page_of,
    screenshot,
)
from mien.labels import color

pytestmark = pytest.mark.browser

FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def camera_file(path: Path) -> Path:
    """A face at the left of a gray picture, as Motion JPEG, which Chromium plays again and again."""
    picture = np.full((480, 640, 3), 128, np.uint8)
    with Image.open(video_clips.COLLINS) as portrait:
        picture[40:440, 20:420] = np.asarray(portrait.convert("RGB").resize((400, 400)))
    frame = io.BytesIO()
    Image.fromarray(picture).save(frame, "JPEG", quality=92)
    path.write_bytes(10 * frame.getvalue())
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    clip = camera_file(tmp_path_factory.mktemp("camera") / "camera.mjpeg")
    with chromium(*FAKE, f"--use-file-for-fake-video-capture={clip}") as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    with page_of(browser, server, permissions=["camera"]) as opened:
        yield opened


def turn_on(page: Any) -> None:
    page.get_by_role("tab", name="Camera").click()
    page.get_by_role("button", name="Turn the camera on").click()
    expect(page.locator("#camera .face")).to_have_count(1)


def test_a_face_is_read_live(page: Any) -> None:
    turn_on(page)
    assert page.locator("#camera .headline").inner_text() == "1 face"
    expect(page.locator("#camera .what")).to_have_text(re.compile(r"happy \d+ %"))
    expect(page.locator("#camera .figures")).to_have_text(re.compile(r"[1-9]\d* frames/s · \d+ ms"))
    assert page.locator("#camera .who").inner_text() == "Person 1"
    check_accessible(page)
    check_fits(page)
    screenshot(page, "camera")


def test_mirror(page: Any) -> None:
    turn_on(page)
    box, frame = (page.locator(f"#camera {part}") for part in (".overlay button", ".frame"))
    middle = box.bounding_box()["x"] + box.bounding_box()["width"] / 2 - frame.bounding_box()["x"]
    assert middle > frame.bounding_box()["width"] / 2  # the face is at the left, and so at the right in the mirror
    page.get_by_role("button", name="Mirror").click()
    middle = box.bounding_box()["x"] + box.bounding_box()["width"] / 2 - frame.bounding_box()["x"]
    assert middle < frame.bounding_box()["width"] / 2
    assert page.get_by_role("button", name="Mirror").get_attribute("aria-pressed") == "false"


def test_a_snapshot_is_what_is_seen(page: Any) -> None:
    turn_on(page)
    page.get_by_role("button", name="Mirror").click()
    name, content = download(page, "#camera [data-act=snapshot]")
    assert re.fullmatch(r"mien-\d{4}-\d\d-\d\dT\d{6}\.png", name)
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert picture.shape == (480, 640, 3)
    assert (np.abs(picture - color("happy")).max(axis=2) < 12).sum() > 300  # a box and a caption
    assert np.abs(picture[460:] - 128).max() < 12  # the clip's ground


def test_it_turns_off_and_on_again(page: Any) -> None:
    turn_on(page)
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("The camera is off")).to_be_visible()
    page.get_by_role("button", name="Turn the camera on").click()
    expect(page.locator("#camera .face")).to_have_count(1)
    page.get_by_role("tab", name="Picture").click()  # nobody films behind another panel
    page.get_by_role("tab", name="Camera").click()
    expect(page.get_by_text("The camera is off")).to_be_visible()


def test_labels_change_while_it_runs(page: Any) -> None:
    turn_on(page)
    expect(page.locator("#camera .bars li:not(.rest)")).to_have_count(8)
    page.get_by_role("button", name="Settings").click()
    page.locator("[name=labels]").select_option("fer2013")
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#camera .bars li:not(.rest)")).to_have_count(7)


def test_a_lost_server_comes_back(browser: Any) -> None:
    server = Server().start()
    with page_of(browser, server, permissions=["camera"], expected=("ERR_CONNECTION_REFUSED", "503")) as page:
        turn_on(page)
        server.stop()
        expect(page.locator("#camera .headline")).to_have_text("The connection is lost. Trying again…")
        screenshot(page, "camera-lost")
        server.start()
        try:
            expect(page.locator("#camera .headline")).to_have_text("1 face")
        finally:
            page.get_by_role("button", name="Turn off").click()
            server.stop()


def test_it_fits_a_phone(browser: Any, server: Server) -> None:
    with page_of(browser, server, size=PHONE, permissions=["camera"], color_scheme="dark") as page:
        turn_on(page)
        check_fits(page)
        check_accessible(page)
        screenshot(page, "camera-phone")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--use-fake-device-for-media-stream", "--deny-permission-prompts"), "The camera was not allowed"),
        (("--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream"), "No camera found"),
    ],
)
def test_no_camera(browser: Any, server: Server, arguments: tuple[str, ...], message: str) -> None:
    with another(browser.browser_type, *arguments) as bare, page_of(bare, server) as page:
        page.get_by_role("tab", name="Camera").click()
        page.get_by_role("button", name="Turn the camera on").click()
        expect(page.get_by_text(message)).to_be_visible()
        screenshot(page, f"camera-{message.split()[0].lower()}")
        check_accessible(page)
