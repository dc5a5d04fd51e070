"""Many pictures on the page: taken away together, one removed, folders and drops anywhere; and the code for it."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.page_driver import COLLINS, Server, choose, download, expect, page_of

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    with page_of(browser, server, engine="device") as opened:
        yield opened


def test_all_pictures_in_one_archive(page: Any) -> None:
    choose(page, "picture", COLLINS, COLLINS)
    expect(page.locator("#picture .strip span")).to_have_text(["1", "1"])
    name, content = download(page, "#picture [data-act=save-zip]")
    assert name == "faces.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["eileen_collins-faces.png", "eileen_collins-faces-2.png"]
        files = [io.BytesIO(archive.read(each)) for each in archive.namelist()]
        pictures = [np.asarray(Image.open(each).convert("RGB")) for each in files]
    assert pictures[0].shape == (512, 512, 3)
    assert (pictures[0] == pictures[1]).all()


def test_one_report_to_keep(page: Any, browser: Any, tmp_path: Path) -> None:
    odd = tmp_path / "<b>odd & wide.png"
    Image.new("RGB", (1600, 300), (90, 120, 150)).save(odd)
    choose(page, "picture", COLLINS, odd)
    expect(page.locator("#picture .strip span")).to_have_text(["1", "0"])
    name, content = download(page, "#picture [data-act=save-report]")
    assert name == "faces-report.html"
    kept = tmp_path / "report.html"
    kept.write_bytes(content)
    alone = browser.new_page()
    asked: list[str] = []
    alone.on("request", lambda request: request.url.startswith(("file:", "data:")) or asked.append(request.url))
    alone.goto(kept.as_uri())
    assert alone.locator("h1").inner_text() == "Faces in 2 pictures"
    assert alone.locator("h2").all_inner_texts() == [COLLINS.name, odd.name]
    assert alone.locator("b").count() == 0  # a name is no markup
    assert alone.get_by_text("1 face: 1 happy").is_visible()
    assert alone.get_by_text("No face found").is_visible()
    widths = [picture.evaluate("image => image.naturalWidth") for picture in alone.locator("img").all()]
    assert widths == [512, 1200]
    assert asked == []
    alone.close()


def test_one_of_several_is_removed(page: Any) -> None:
    choose(page, "picture", COLLINS, COLLINS)
    expect(page.locator("#picture .strip span")).to_have_text(["1", "1"])
    page.get_by_role("button", name="Remove this one").click()
    expect(page.locator("#picture .strip")).to_be_hidden()
    expect(page.locator("#picture .face")).to_have_count(1)
    assert not page.get_by_role("button", name="Remove this one").is_visible()


def test_the_pictures_survive_a_reload_until_they_are_cleared(page: Any) -> None:
    choose(page, "picture", COLLINS, COLLINS)
    expect(page.locator("#picture .strip span")).to_have_text(["1", "1"])
    assert page.get_by_text("stay in this browser until you clear them").is_visible()
    page.reload()
    expect(page.locator("#picture .strip span")).to_have_text(["1", "1"])
    assert page.locator("#picture .frame img").get_attribute("alt") == COLLINS.name
    page.get_by_role("button", name="Remove this one").click()
    expect(page.locator("#picture .face")).to_have_count(1)
    page.reload()
    expect(page.locator("#picture .face")).to_have_count(1)
    assert page.locator("#picture .strip").is_hidden()
    page.get_by_role("button", name="Clear").click()
    page.reload()
    expect(page.get_by_text("What does a face say?")).to_be_visible()


def test_a_dropped_folder_is_read_from_any_panel(page: Any) -> None:
    page.get_by_role("tab", name="Camera").click()
    page.evaluate(
        """([content]) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const file = (name, type) => ({
                isFile: true, name, file: (take) => take(new File([bytes], name, { type })),
            });
            const folder = (name, entries) => ({
                isDirectory: true, name,
                createReader: () => ({ readEntries: (take) => take(entries.splice(0, 1)) }), // a few at a time
            });
            const root = folder("party", [file("b10.jpg", "image/jpeg"), file("notes.txt", "text/plain"),
                folder("more", [file("b2.jpg", "image/jpeg")])]);
            const drop = new Event("drop", { bubbles: true, cancelable: true });
            drop.dataTransfer = { files: [], items: [{ webkitGetAsEntry: () => root }] };
            document.body.dispatchEvent(drop);
        }""",
        [base64.b64encode(COLLINS.read_bytes()).decode()],
    )
    expect(page.locator("#picture .strip span")).to_have_text(["1", "1"])  # the notes are left out
    assert page.get_by_role("tab", name="Picture").get_attribute("aria-selected") == "true"
    names = [button.get_attribute("aria-label") for button in page.locator("#picture .strip button").all()]
    assert sorted(names) == ["b10.jpg: 1 face", "b2.jpg: 1 face"]


def test_the_code_is_that_of_what_is_on_the_screen(page: Any) -> None:
    page.get_by_role("button", name="Settings").click()
    page.locator("[name=labels]").select_option("fer2013")
    page.get_by_role("button", name="Done").click()
    choose(page, "picture", COLLINS)
    expect(page.locator("#picture .face")).to_have_count(1)
    page.get_by_role("button", name="From code").click()
    python = page.get_by_role("region", name="Python").inner_text()
    assert 'EmotionRecognizer("mien-nano", detector="mien-face", labels="fer2013")' in python
    namespace: dict[str, Any] = {}
    exec(python.replace('"eileen_collins.jpg"', repr(str(COLLINS))), namespace)
    assert namespace["recognizer"].labels.name == "fer2013"
    assert "v1/faces?labels=fer2013" in page.get_by_role("region", name="Shell").inner_text()
    assert 'labels: "fer2013"' in page.get_by_role("region", name="JavaScript").inner_text()
