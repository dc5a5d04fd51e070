"""The page's panel for pictures, its settings, keyboard, themes and messages, in a real browser."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.page_driver import (
    COLLINS,
    PHONE,
    USE_SERVER,
    Server,
    check_accessible,
    check_fits,
    choose,
    download,
    expect,
    page_of,
    screenshot,
    serving,
)
from mien.cli.output import as_csv
from mien.labels import FER2013, FERPLUS, color
from mien.recognizer import EmotionRecognizer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def expected() -> Any:
    return EmotionRecognizer(threads=1).predict(COLLINS)


def wait_for_faces(page: Any, count: int = 1) -> None:
    expect(page.locator("#picture .face")).to_have_count(count)


def headline(page: Any) -> str:
    return str(page.locator("#picture .headline").inner_text())


def test_a_chosen_picture_shows_its_face(page: Any, expected: Any) -> None:
    choose(page, "picture", COLLINS)
    wait_for_faces(page)
    face = expected[0]
    assert headline(page) == "1 face"
    assert page.locator("#picture .what").inner_text().split() == [face.emotion, f"{100 * face.confidence:.0f}", "%"]
    assert page.locator("#picture .bars li:not(.rest) > span:first-child").all_text_contents() == list(FERPLUS.names)
    bars = dict(line.rsplit("\n", 1) for line in page.locator("#picture .bars li:not(.rest):visible").all_inner_texts())
    assert bars == {name: f"{100 * value:.0f} %" for name, value in face.probabilities.items() if value >= 0.005}
    folded = [name for name, value in face.probabilities.items() if value < 0.005]
    assert page.locator("#picture .rest").inner_text() == f"under 1 %: {', '.join(folded)}"
    assert f"About {100 * face.vote_share:.0f} of 100 people" in page.locator("#picture .seen").inner_text()
    screenshot(page, "picture")


def test_the_box_lies_on_the_face(page: Any, expected: Any) -> None:
    choose(page, "picture", COLLINS)
    wait_for_faces(page)
    frame, box = (page.locator(f"#picture {part}").bounding_box() for part in (".frame", ".overlay button"))
    scale = frame["width"] / expected.size[0]
    shown = [box["x"] - frame["x"], box["y"] - frame["y"], box["width"], box["height"]]
    left, top, right, bottom = expected[0].box
    np.testing.assert_allclose(shown, np.array([left, top, right - left, bottom - top]) * scale, atol=1)
    painted = page.locator("#picture .overlay button").evaluate("element => getComputedStyle(element).borderTopColor")
    assert painted == "rgb({}, {}, {})".format(*color(expected[0].emotion))


def test_what_is_saved(page: Any, expected: Any, tmp_path: Path) -> None:
    choose(page, "picture", COLLINS)
    wait_for_faces(page)
    name, content = download(page, "#picture [data-act=save-json]")
    assert name == "eileen_collins.json"
    document = json.loads(content)
    assert document["images"][0]["faces"] == expected.to_dict()["faces"]
    name, content = download(page, "#picture [data-act=save-csv]")
    assert name == "eileen_collins.csv"
    ours = list(csv.DictReader(io.StringIO(as_csv(FERPLUS, [expected]))))
    saved = list(csv.DictReader(io.StringIO(content.decode())))
    assert list(saved[0]) == list(ours[0])
    for key, value in ours[0].items():
        if key == "source":
            assert saved[0][key] == COLLINS.name
        else:
            assert saved[0][key] == value or float(saved[0][key]) == float(value)
    name, content = download(page, "#picture [data-act=save-picture]")
    assert name == "eileen_collins-faces.png"
    drawn, original = (np.asarray(Image.open(source).convert("RGB")) for source in (io.BytesIO(content), COLLINS))
    assert drawn.shape == original.shape
    left, top, _, bottom = (round(value) for value in expected[0].box)
    assert abs(drawn[(top + bottom) // 2, left].astype(int) - color(expected[0].emotion)).max() < 30
    assert np.abs(drawn[bottom + 40 :, :].astype(int) - original[bottom + 40 :, :]).mean() < 3


def test_pasted_and_dropped_pictures_are_read(page: Any) -> None:
    give = """([kind, base64]) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], `${kind}.jpg`, {type: "image/jpeg"}));
        const target = kind === "paste" ? document : document.body;
        target.dispatchEvent(kind === "paste"
            ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true})
            : new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
    }"""
    content = base64.b64encode(COLLINS.read_bytes()).decode()
    page.evaluate(give, ["paste", content])
    wait_for_faces(page)
    page.evaluate(give, ["drop", content])
    expect(page.locator("#picture .strip button")).to_have_count(2)
    wait_for_faces(page)
    assert page.locator("#picture .frame img").get_attribute("alt") == "drop.jpg"


def test_a_sample_can_be_tried_and_its_faces_chosen_with_keys(page: Any) -> None:
    page.get_by_role("button", name="Try a sheet of six faces").click()
    wait_for_faces(page, 6)
    assert headline(page) == "6 faces"
    assert page.locator("#picture .face.open").count() == 0
    box = page.locator("#picture .overlay button").nth(1)
    box.focus()
    page.keyboard.press("Enter")
    assert box.get_attribute("aria-pressed") == "true"
    assert page.locator("#picture .face.open .who").inner_text() == "Face 2"
    page.locator("#picture .face > button").nth(3).hover()
    assert "lit" in page.locator("#picture .overlay button").nth(3).get_attribute("class")
    screenshot(page, "sample")
    page.get_by_role("button", name="Clear").click()
    assert page.get_by_text("What does a face say?").is_visible()


def test_one_bad_picture_among_several(browser: Any, server: Server, tmp_path: Path) -> None:
    with page_of(browser, server, expected=("422",)) as page:
        _one_bad_picture(page, tmp_path)


def _one_bad_picture(page: Any, tmp_path: Path) -> None:
    bad, none = tmp_path / "<b>bad<b>.jpg", tmp_path / "nobody.png"
    bad.write_bytes(b"no picture at all")
    Image.new("RGB", (80, 60), (90, 120, 150)).save(none)
    choose(page, "picture", bad, none, COLLINS)
    expect(page.locator("#picture .strip span")).to_have_text(["!", "0", "1"])
    assert headline(page) == "It could not be read"
    assert "picture" in page.locator("#picture [data-part=hint]").inner_text()
    assert page.locator("#picture b b").count() == 0  # the name was not taken for markup
    screenshot(page, "bad-picture")
    page.locator("#picture .strip button").nth(1).click()
    assert headline(page) == "No face found"
    screenshot(page, "no-face")
    page.locator("#picture .strip button").nth(2).click()
    assert headline(page) == "1 face"
    document = json.loads(download(page, "#picture [data-act=save-json]")[1])
    assert [len(image["faces"]) for image in document["images"]] == [0, 1]
    assert [error["source"] for error in document["errors"]] == [bad.name]


def test_too_large_a_picture_is_refused_before_it_is_sent(browser: Any, tmp_path: Path) -> None:
    with serving(max_body=50_000) as small, page_of(browser, small) as page:
        choose(page, "picture", COLLINS)
        page.wait_for_selector("#picture .headline:has-text('could not be read')")
        assert "the server takes up to 0.1 MB" in page.locator("#picture [data-part=hint]").inner_text()


def test_settings_are_asked_kept_and_applied(page: Any) -> None:
    choose(page, "picture", COLLINS)
    wait_for_faces(page)
    page.get_by_role("button", name="Settings").click()
    page.locator("[name=labels]").select_option("fer2013")
    screenshot(page, "settings")
    check_accessible(page)
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#picture .bars li:not(.rest)")).to_have_count(len(FER2013))
    page.get_by_role("button", name="Settings").click()
    page.locator("[name=detector]").select_option("whole")
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#picture .overlay button")).to_have_attribute("style", re.compile("width: 100%"))
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.get_by_role("button", name="Settings").click()
    assert page.locator("[name=labels]").input_value() == "fer2013"
    assert page.locator("[name=detector]").input_value() == "whole"


LESS_SURE = """() => {
  const json = Response.prototype.json;
  Response.prototype.json = async function () {
    const values = await json.call(this);
    for (const { faces } of values.images ?? []) for (const face of faces) face.score = 0.87;
    return values;
  };
}"""
"""Makes the page see a detector that is sure of every face by 0.87."""


def test_faces_below_the_threshold_are_hidden_until_it_is_lowered(page: Any) -> None:
    page.evaluate(LESS_SURE)
    choose(page, "picture", COLLINS)
    wait_for_faces(page)
    page.get_by_role("button", name="Settings").click()
    page.locator("[name=threshold]").fill("0.9")
    page.wait_for_selector("#picture .headline:has-text('No face is clear enough')")
    page.locator("[name=threshold]").fill("0.85")
    page.get_by_role("button", name="Done").click()
    wait_for_faces(page)


def test_tabs_with_the_keyboard_and_by_address(page: Any, server: Server) -> None:
    page.get_by_role("tab", name="Picture").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Camera").get_attribute("aria-selected") == "true"
    assert page.get_by_text("Read your own face").is_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Drop a video here")).to_be_visible()
    assert page.url.endswith("#video")
    page.reload()
    expect(page.get_by_text("Drop a video here")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 860), PHONE])
def test_it_is_accessible_and_fits(browser: Any, server: Server, scheme: str, size: tuple[int, int]) -> None:
    with page_of(browser, server, size=size, color_scheme=scheme) as page:
        for panel in ("Picture", "Camera", "Video"):
            page.get_by_role("tab", name=panel).click()
            check_accessible(page)
            check_fits(page)
            screenshot(page, f"{panel.lower()}-empty-{scheme}-{size[0]}")
        page.get_by_role("tab", name="Picture").click()
        page.get_by_role("button", name="Try a sheet of six faces").click()
        wait_for_faces(page, 6)
        page.locator("#picture .face > button").nth(0).click()
        check_accessible(page)
        check_fits(page)
        screenshot(page, f"sample-{scheme}-{size[0]}")


def test_the_theme_can_be_chosen(page: Any) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    page.get_by_role("button", name="Theme").click()
    after = page.evaluate(paper)
    assert after != before
    page.reload()
    assert page.evaluate(paper) == after


def test_the_server_goes_and_comes_back(browser: Any) -> None:
    server = Server().start()
    with page_of(browser, server, expected=("ERR_CONNECTION_REFUSED", "503")) as page:
        server.stop()
        choose(page, "picture", COLLINS)
        page.wait_for_selector("#gone:visible")
        assert "does not answer" in page.locator("#picture [data-part=hint]").inner_text()
        screenshot(page, "server-gone")
        check_accessible(page)
        server.start()
        try:
            wait_for_faces(page)  # what failed is sent again, without a word
            page.wait_for_selector("#gone", state="hidden")
        finally:
            server.stop()


def test_a_server_with_keys_is_asked_for_one(browser: Any) -> None:
    from hashlib import sha256

    with serving(keys=(f"sha256:{sha256(b'a very secret key').hexdigest()}",)) as server:
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(USE_SERVER)
        page.goto(server.address)
        page.get_by_label("Key", exact=True).fill("wrong")
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_label("Key", exact=True)).to_have_value("")  # asked once more
        screenshot(page, "key")
        page.get_by_label("Key", exact=True).fill("a very secret key")
        page.keyboard.press("Enter")
        page.wait_for_selector("html[data-ready]")
        choose(page, "picture", COLLINS)
        wait_for_faces(page)
        context.close()


def test_the_privacy_line_says_where_pictures_go(page: Any) -> None:
    page.get_by_role("button", name="On the server").click()
    said = page.locator("#privacy").inner_text()
    assert "this computer" in said
    assert "60 minutes" in said  # the server's own figure for videos


def test_an_unclear_face_names_the_likeliest_emotion(browser: Any, expected: Any) -> None:
    face = expected[0]
    share = f"{100 * face.confidence:.0f} %"
    with serving(min_confidence=1) as doubting, page_of(browser, doubting) as page:
        choose(page, "picture", COLLINS)
        wait_for_faces(page)
        assert page.locator("#picture .what").inner_text().startswith(f"unclear, maybe {face.emotion}")
        assert page.locator("#picture .overlay .tag").inner_text() == f"unclear, maybe {face.emotion} ({share})"
        said = page.locator("#picture .seen").inner_text()
        assert said == f"About {100 * face.vote_share:.0f} of 100 people would say “{face.emotion}”."
        assert page.locator("#picture .overlay button").evaluate("box => getComputedStyle(box).borderStyle") == "dashed"
        assert page.locator("#picture .face").evaluate("card => card.classList.contains('unclear')")
        check_accessible(page)
        screenshot(page, "unclear")


def test_the_threshold_holds_for_what_is_saved(browser: Any, server: Server) -> None:
    with page_of(browser, server) as page:
        choose(page, "picture", COLLINS)
        wait_for_faces(page)
        page.get_by_role("button", name="Settings").click()
        slider = page.locator("[name=threshold]")
        slider.evaluate(
            "input => { input.max = 1; input.step = 0.001; input.value = 1; input.dispatchEvent(new Event('input')); }"
        )
        page.locator("#settings [data-act=close]").click()
        wait_for_faces(page, 0)
        _, document = download(page, '#picture [data-act="save-json"]')
        assert json.loads(document)["images"][0]["faces"] == []
        _, rows = download(page, '#picture [data-act="save-csv"]')
        assert len(rows.decode().splitlines()) == 1
