"""The page's panel for videos: upload, timeline, player and what is saved, in a real browser."""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from helpers import video_clips
from helpers.page_driver import (
    COLLINS,
    PHONE,
    Server,
    check_accessible,
    check_fits,
    choose,
    download,
    expect,
    page_of,
    screenshot,
)
from mien.labels import FERPLUS, color
from mien.video.rows import columns

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a face that wanders, ten pictures a second; it is away for the third second."""
    frames = video_clips.portraits(20)
    times, images = [time for time, _ in frames], [image for _, image in frames]
    times += [2 + k / 10 for k in range(10)]
    images += 10 * [video_clips.gray(128, (images[0].shape[1], images[0].shape[0]))]
    return video_clips.write_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", times, images)


def read(page: Any, clip: Path) -> None:
    page.get_by_role("tab", name="Video").click()
    choose(page, "video", clip)
    expect(page.locator("#video .headline")).to_have_text("1 person")


def strip(page: Any) -> list[tuple[int, ...]]:
    """The lowest row of pixels of the first lane, RGBA."""
    script = """(canvas) => [...canvas.getContext("2d").getImageData(0, canvas.height - 2, canvas.width, 1).data]"""
    values = page.locator("#video .lane canvas").first.evaluate(script)
    return list(zip(*[iter(values)] * 4, strict=True))


def test_a_video_is_read_drawn_and_summed_up(page: Any, clip: Path) -> None:
    read(page, clip)
    assert re.match(r"Person 1 seen (1\.9|2\.\d) s", page.locator("#video .person").inner_text())
    assert page.locator("#video .faces .bars li").first.inner_text().split("\n")[0] == "happy"
    drawn = strip(page)
    assert drawn[len(drawn) // 3] == (*color("happy"), 255)
    assert drawn[9 * len(drawn) // 10][3] == 0  # nobody is there
    assert page.locator("#video .legend span").all_inner_texts() == [*FERPLUS.names, "unclear"]
    check_accessible(page)
    check_fits(page)
    screenshot(page, "video")


def test_the_timeline_seeks_the_player_and_boxes_follow(page: Any, clip: Path) -> None:
    read(page, clip)
    player, plot = page.locator("#video video"), page.locator("#video .plot").first
    plot.click(position={"x": plot.bounding_box()["width"] / 2, "y": 10})
    time = player.evaluate("player => player.currentTime")
    assert 1.3 < time < 1.7
    expect(page.locator("#video .overlay button")).to_have_count(1)
    plot.press("End")
    expect(page.locator("#video .overlay button")).to_have_count(0)
    plot.press("ArrowLeft")
    assert 1.7 < player.evaluate("player => player.currentTime") < 2.1
    page.locator("#video .moments button").first.click()
    expect(page.locator("#video .overlay button")).to_have_count(1)
    expect(page.locator("#video .overlay button")).to_have_attribute("aria-label", re.compile("happy"))
    screenshot(page, "video-sought")


def test_what_is_saved(page: Any, clip: Path) -> None:
    read(page, clip)
    name, content = download(page, "#video [data-act=save-csv]")
    assert name == "walk.csv"
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert list(rows[0]) == columns(FERPLUS)
    assert {row["emotion"] for row in rows} == {"happy"}
    name, content = download(page, "#video [data-act=save-json]")
    assert (name, len(json.loads(content)["people"])) == ("walk-summary.json", 1)
    name, content = download(page, "#video [data-act=save-timeline]")
    assert name == "walk-timeline.html"
    assert content.startswith(b"<!doctype html>")


def test_clearing_removes_it_from_the_server(page: Any, server: Server, clip: Path) -> None:
    with page.expect_request(re.compile("/v1/videos/[^/?]+$")) as asked:
        read(page, clip)
    job = asked.value.url
    with urllib.request.urlopen(job) as answer:
        assert answer.status == 200
    with page.expect_response(lambda response: response.request.method == "DELETE") as gone:
        page.locator("#video [data-act=clear]").click()
    assert gone.value.status == 204
    with pytest.raises(urllib.error.HTTPError, match="404") as error:
        urllib.request.urlopen(job)
    error.value.close()
    expect(page.get_by_text("Drop a video here")).to_be_visible()


def test_what_is_no_video_is_told(browser: Any, server: Server, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a video" * 100)
    with page_of(browser, server, expected=("422",)) as page:
        page.get_by_role("tab", name="Video").click()
        choose(page, "video", bad)
        expect(page.locator("#problem span")).to_have_text(re.compile(r"bad\.mp4: .*video"))
        screenshot(page, "video-bad")


def test_pictures_and_videos_find_their_panels(page: Any, clip: Path) -> None:
    page.get_by_role("tab", name="Video").click()
    choose(page, "video", COLLINS)
    expect(page.locator("#picture .face")).to_have_count(1)
    choose(page, "picture", clip)
    expect(page.locator("#video .headline")).to_have_text("1 person")


def test_it_fits_a_phone(browser: Any, server: Server, clip: Path) -> None:
    with page_of(browser, server, size=PHONE, color_scheme="dark") as page:
        read(page, clip)
        check_fits(page)
        check_accessible(page)
        screenshot(page, "video-phone")


def test_other_labels_offer_to_read_the_video_again(page: Any, clip: Path) -> None:
    read(page, clip)
    again = page.get_by_role("button", name="Read again with the new settings")
    assert not again.is_visible()
    page.get_by_role("button", name="Settings").click()
    page.locator("[name=labels]").last.select_option("fer2013")
    page.locator("#settings [data-act=close]").click()
    expect(again).to_be_visible()
    again.click()
    expect(page.locator("#video .headline")).to_have_text("1 person")
    assert not again.is_visible()
    assert "contempt" not in page.locator("#video .legend").inner_text()


def test_a_server_that_has_forgotten_the_video_gets_it_again(browser: Any, server: Server, clip: Path) -> None:
    with page_of(browser, server, expected=("404",)) as page:
        sent: list[str] = []
        page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
        forgotten = re.compile(r"/v1/videos/[^/?]+$")
        page.route(forgotten, lambda route: route.fulfill(status=404, json={"detail": "no such job"}), times=1)
        read(page, clip)
        assert len(sent) == 2
        assert page.locator("#problem").is_hidden()


def test_boxes_stay_on_the_faces_in_full_screen(page: Any, clip: Path) -> None:
    read(page, clip)
    page.get_by_role("slider").first.press("ArrowRight")
    expect(page.locator("#video .overlay button")).to_have_count(1)
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("document.fullscreenElement")
    places = [page.locator(f"#video {part}").bounding_box() for part in ("[data-part=view]", ".overlay")]
    assert places[0] == pytest.approx(places[1], abs=1)
    assert places[0]["height"] > 500  # it fills the screen
    expect(page.locator("#video .overlay button")).to_be_visible()
    page.evaluate("document.exitFullscreen()")


def test_the_timeline_has_marks_and_tells_what_is_under_the_pointer(page: Any, clip: Path) -> None:
    read(page, clip)
    marks = page.locator("#video .axis span").all_inner_texts()
    assert marks[:3] == ["0:00", "0:01", "0:02"]
    plot = page.locator("#video .plot").first.bounding_box()
    page.mouse.move(plot["x"] + plot["width"] / 3, plot["y"] + 10)
    expect(page.locator("#video .told")).to_have_text(re.compile(r"0:0[01]: happy \d+ %, \w+ \d+ %, \w+ \d+ %"))
    page.mouse.move(plot["x"] + 0.95 * plot["width"], plot["y"] + 10)
    expect(page.locator("#video .told")).to_have_text("0:02: not in sight")
    check_fits(page)
    screenshot(page, "video")
    page.mouse.move(5, 5)
    expect(page.locator("#video .told")).to_be_hidden()


def test_persons_have_portraits(page: Any, clip: Path) -> None:
    read(page, clip)
    portrait = page.locator("#video .person .portrait")
    expect(portrait).to_be_visible()
    pixels = portrait.evaluate("canvas => [...canvas.getContext('2d').getImageData(48, 48, 1, 1).data]")
    red, green, blue, alpha = pixels
    assert alpha == 255
    assert red > green > blue  # skin, not the clip's gray
