"""The page reading faces on this device, with a server behind it that is asked for nothing but files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from helpers.page_driver import (
    COLLINS,
    PHONE,
    TABLET,
    Server,
    check_accessible,
    check_fits,
    choose,
    download,
    expect,
    page_of,
)
from helpers.page_driver import chromium as start_chromium
from helpers.paths import EXAMPLES
from mien.labels import FERPLUS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    clip = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    clip.write_bytes(2 * COLLINS.read_bytes())
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with start_chromium(*fake, f"--use-file-for-fake-video-capture={clip}") as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    with page_of(browser, server, engine="device", permissions=["camera"]) as opened:
        opened.sent = []
        opened.on("request", lambda request: request.method == "POST" and opened.sent.append(request.url))
        opened.on("websocket", lambda socket: opened.sent.append(socket.url))
        yield opened


def sample(page: Any) -> None:
    page.get_by_role("button", name="Try a sheet of six faces").click()
    expect(page.locator("#picture .face")).to_have_count(6)


def test_pictures_and_the_camera_stay_here(page: Any) -> None:
    choose(page, "picture", COLLINS)
    expect(page.locator("#picture .what")).to_have_text(re.compile(r"happy \d+ %"))
    page.get_by_role("tab", name="Camera").click()
    assert page.get_by_text("are read on this device, and stay here").is_visible()
    page.get_by_role("button", name="Turn the camera on").click()
    expect(page.locator("#camera .what")).to_have_text(re.compile(r"happy \d+ %"))
    expect(page.locator("#camera .figures")).to_have_text(re.compile(r"[1-9]\d* frames/s · \d+ ms"))
    assert page.locator("#camera .who").inner_text() == "Person 1"
    assert page.sent == []


def test_the_switch_says_what_goes_where_and_reads_again(page: Any) -> None:
    choose(page, "picture", COLLINS)
    expect(page.locator("#picture .face")).to_have_count(1)
    page.get_by_role("button", name="On this device").click()
    assert "Nothing of a picture leaves this device." in page.locator("#privacy").inner_text()
    with page.expect_request(re.compile("v1/faces")):
        page.get_by_role("radio", name="On the server").check()
    assert "go to this computer" in page.locator("#privacy").inner_text()
    check_accessible(page)
    page.locator("#where").get_by_role("button", name="Done").click()
    expect(page.locator("#picture .face")).to_have_count(1)
    assert page.get_by_role("button", name="On the server").is_visible()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.get_by_role("button", name="On the server").is_visible()


def test_the_camera_goes_on_where_faces_are_read(page: Any) -> None:
    page.get_by_role("tab", name="Camera").click()
    page.get_by_role("button", name="Turn the camera on").click()
    expect(page.locator("#camera .face")).to_have_count(1)
    with page.expect_websocket(lambda socket: "v1/stream" in socket.url):
        page.get_by_role("button", name="On this device").click()
        page.get_by_role("radio", name="On the server").check()
    page.locator("#where").get_by_role("button", name="Done").click()
    expect(page.locator("#camera .face")).to_have_count(1)
    page.get_by_role("button", name="On the server").click()
    page.get_by_role("radio", name="On this device").check()
    expect(page.locator("#camera .face")).to_have_count(1)
    page.get_by_role("button", name="Turn off").dispatch_event("click")
    expect(page.get_by_text("The camera is off")).to_be_attached()


def test_the_cards_of_the_camera_stay_the_same_elements_in_sight(browser: Any, server: Server) -> None:
    options = {"permissions": ["camera"], "reduced_motion": "no-preference"}
    with page_of(browser, server, engine="device", **options) as page:
        page.get_by_role("tab", name="Camera").click()
        page.get_by_role("button", name="Turn the camera on").click()
        button = page.locator("#camera .face > button")
        expect(button).to_have_count(1)
        button.focus()
        page.wait_for_timeout(1500)
        assert button.evaluate("button => document.activeElement === button")
        assert button.evaluate("button => getComputedStyle(button.parentElement).opacity") == "1"


def test_a_camera_session_is_drawn_and_taken_away(page: Any) -> None:
    page.get_by_role("tab", name="Camera").click()
    page.get_by_role("button", name="Turn the camera on").click()
    expect(page.locator("#camera .face")).to_have_count(1)
    expect(page.get_by_role("img", name="The last minute: mostly happy")).to_be_visible()
    page.wait_for_timeout(1200)
    name, content = download(page, "#camera [data-act=session]")
    assert re.fullmatch(r"mien-\d{4}-\d\d-\d\dT\d{6}\.csv", name)
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    times = [float(row["time"]) for row in rows]
    assert len(rows) >= 3
    assert min(after - before for before, after in pairwise(times)) >= 0.19
    assert {row["emotion"] for row in rows} == {"happy"}
    assert {row["track"] for row in rows} == {"1"}
    assert sum(float(rows[0][emotion]) for emotion in FERPLUS.names) == pytest.approx(1, abs=0.001)
    check_accessible(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Photo in 3 s").click()
        expect(page.locator("#camera .count")).to_have_text("3")
    assert waiting.value.suggested_filename.endswith(".png")


def test_a_file_that_is_no_picture_is_said_in_words_for_visitors(page: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    choose(page, "picture", bad)
    expect(page.locator("#picture .headline")).to_have_text("It could not be read")
    said = page.locator("#picture [data-part=hint]").inner_text()
    assert said == "This browser cannot read the file as a picture. Choose a JPEG, PNG, WebP, GIF or AVIF."


def test_the_faces_are_numbered_by_rows_and_ordered_as_chosen(page: Any) -> None:
    sample(page)
    assert page.locator("#picture .who").all_inner_texts() == [f"Face {number}" for number in range(1, 7)]
    places = {}
    for box in page.locator("#picture .overlay button").all():
        number = int(box.locator("b").inner_text())
        places[number] = (box.bounding_box()["y"] > 300, box.bounding_box()["x"])
    assert [places[number] for number in range(1, 7)] == sorted(places.values())
    page.get_by_label("Order").select_option("size")
    sizes = [box["width"] * box["height"] for box in _boxes_in_the_order_of_cards(page)]
    assert sizes == sorted(sizes, reverse=True)


def _boxes_in_the_order_of_cards(page: Any) -> list[Any]:
    numbers = [text.split()[1] for text in page.locator("#picture .who").all_inner_texts()]
    boxes = {
        box.locator("b").inner_text(): box.bounding_box() for box in page.locator("#picture .overlay button").all()
    }
    return [boxes[number] for number in numbers]


def test_a_summary_filters(page: Any) -> None:
    sample(page)
    (every,) = page.locator("#picture .filter").all()
    assert every.inner_text() == "6 happy"
    every.click()
    assert page.locator("#picture .filter").get_attribute("aria-pressed") == "true"
    expect(page.locator("#picture .face")).to_have_count(6)
    assert page.evaluate("document.activeElement.dataset.group") == "happy"  # the focus stays where it was


def test_what_is_unsure_is_counted_apart_and_has_its_runner_up(page: Any) -> None:
    found = page.evaluate(
        """async () => {
            const { nameOf, isUnclear } = await import("./static/js/emotions.js");
            const { arranged, groupOf } = await import("./static/js/summary.js");
            const face = { emotion: "sad", confidence: 0.4, probabilities: { sad: 0.4, neutral: 0.35, happy: 0.25 } };
            const at = (left, top) => ({ ...face, box: [left, top, left + 10, top + 10] });
            const faces = arranged([at(50, 40), at(30, 2), at(0, 44), at(60, 0)]);
            return [nameOf(face), isUnclear(face), groupOf(face), faces.map(({ box }) => box[0])];
        }"""
    )
    assert found == ["sad or neutral", True, "unclear", [30, 60, 0, 50]]


def test_a_screen_reader_is_told_the_results_once(page: Any) -> None:
    choose(page, "picture", COLLINS)
    expect(page.locator("#picture .face")).to_have_count(1)
    tree = page.locator("#picture .work").aria_snapshot()
    told = tree[tree.index("complementary") :]
    assert re.search(r"status: 1 face", told)
    assert re.search(r'button "Face 1 happy \d+ %" \[expanded\]', told)
    assert re.search(r"listitem: happy \d+ %", told)
    assert "people would say “happy”" in told
    assert len(re.findall(r'button "[Ff]ace 1', tree)) == 1  # the box is no second button for the same


def test_a_face_names_the_emotions_of_its_set(page: Any) -> None:
    shown = page.evaluate(
        """async () => {
            const { FacesView } = await import("./static/js/faces.js");
            const list = document.createElement("ul");
            const view = new FacesView(document.createElement("div"), list);
            const face = { box: [0, 0, 9, 9], score: 1, track: null, vote_share: 0.4, emotion: "sad", confidence: 0.6,
                probabilities: { sad: 0.6, neutral: 0.4 }, emotion_set: ["sad", "neutral"] };
            view.show({ width: 20, height: 20, faces: [face] });
            const several = list.querySelector(".others").textContent;
            view.show({ width: 20, height: 20, faces: [{ ...face, emotion_set: ["sad"] }] });
            return [several, list.querySelector(".others").hidden];
        }"""
    )
    assert shown == ["In nine of ten cases it is one of these: sad, neutral.", True]


def test_the_faces_with_the_keyboard_alone(page: Any) -> None:
    sample(page)
    page.locator("#picture .face > button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#picture .face.open .who").inner_text() == "Face 3"
    page.keyboard.press("Escape")
    assert page.locator("#picture .face.open").count() == 0
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.querySelector('.who').textContent") == "Face 6"
    stops = page.evaluate("document.querySelectorAll('#picture .overlay button:not([tabindex=\"-1\"])').length")
    assert stops == 0  # one stop a face


@pytest.mark.parametrize("size", [(1280, 860), TABLET, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark", "forced"])
def test_states_are_accessible_and_fit(browser: Any, server: Server, size: tuple[int, int], scheme: str) -> None:
    forced = {"forced_colors": "active"} if scheme == "forced" else {"color_scheme": scheme}
    with page_of(browser, server, engine="device", size=size, **forced) as page:
        sample(page)
        page.locator("#picture .face > button").nth(1).click()
        check_fits(page)
        if scheme != "forced":  # where colours are the system's, axe cannot know them
            check_accessible(page)
        frame = page.locator("#picture .frame").bounding_box()
        assert frame["y"] + frame["height"] > 0  # a tap has not scrolled the picture away
        if scheme == "forced":
            bar = page.locator("#picture .face.open .bars li:visible b").first
            assert bar.evaluate("bar => getComputedStyle(bar).backgroundColor") == "rgb(240, 228, 66)"


def test_small_faces_on_a_phone_are_not_covered_by_numbers(browser: Any, server: Server) -> None:
    with page_of(browser, server, engine="device", size=PHONE, has_touch=True) as page:
        choose(page, "picture", EXAMPLES / "contact_sheet.jpg")
        expect(page.locator("#picture .overlay button")).to_have_count(9)
        boxes = page.locator("#picture .overlay button").all()
        tiny = [box for box in boxes if box.bounding_box()["width"] < 24]
        assert tiny
        assert not any(box.locator(".tag").is_visible() for box in tiny)
        page.locator("#picture .face > button").last.tap()  # whoever is chosen has a caption
        expect(page.locator("#picture .overlay [aria-pressed=true] .tag")).to_be_visible()


def test_the_picture_stays_in_view_while_the_faces_scroll(browser: Any, server: Server) -> None:
    with page_of(browser, server, engine="device", size=PHONE, has_touch=True) as page:
        sample(page)
        page.locator("#picture .face > button").last.tap()
        page.wait_for_timeout(200)
        frame = page.locator("#picture .frame").bounding_box()
        assert frame["y"] > 0
        opened = page.locator("#picture .face.open").bounding_box()
        assert opened["y"] >= frame["y"] + frame["height"] - 1  # and does not cover what was opened
