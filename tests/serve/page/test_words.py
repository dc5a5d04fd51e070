"""The page in other languages: every word has its translation, and none of the English ones is left."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from helpers.page_driver import PHONE, Server, check_accessible, check_fits, expect, page_of, screenshot
from mien.labels import FERPLUS
from mien.serve.routes.page import STATIC

SCRIPTS = {path: path.read_text() for path in (STATIC / "js").glob("*.js")}
LANGUAGES = {path.stem: json.loads(path.read_text()) for path in (STATIC / "js" / "words").glob("*.json")}
SAME = {"JSON", "mien", "On this", "This page needs JavaScript."}
"""What is the same in every language, or is shown only where no script runs."""


class Texts(HTMLParser):
    """The texts and labels of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._silent = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "title")
        self.found |= {value for name, value in attributes if name == "aria-label" and value}

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "title")

    def handle_data(self, data: str) -> None:
        if not self._silent and (text := " ".join(data.split())):
            self.found.add(text)


def needed() -> set[str]:
    """The page's own texts, and those that its scripts ask for by `t(...)`."""
    page = Texts()
    page.feed((STATIC / "index.html").read_text())
    texts = page.found - SAME
    for script in SCRIPTS.values():
        texts |= set(re.findall(r'\bt\("((?:[^"\\]|\\.)*)"', script))
    return texts | set(FERPLUS.names)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_no_translation_is_left_over(language: str) -> None:
    words = LANGUAGES[language]
    assert sorted(needed() - set(words)) == []
    everything = "\n".join([(STATIC / "index.html").read_text(), *SCRIPTS.values()])
    everything = " ".join(everything.split())
    counted = {f"{{count}} {thing}{plural}" for thing in ("face", "person") for plural in ("", "s")}
    assert [text for text in words if text not in everything and text not in {*counted, *FERPLUS.names}] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_same_values(language: str) -> None:
    for text, other in LANGUAGES[language].items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", other)), text


@pytest.mark.browser
@pytest.mark.parametrize("size", [(1280, 860), PHONE])
def test_the_page_in_german(browser: Any, server: Server, size: tuple[int, int]) -> None:
    with page_of(browser, server, engine="device", size=size, locale="de-DE") as page:
        assert page.evaluate("document.documentElement.lang") == "de"
        assert page.get_by_role("button", name="Auf diesem Gerät").is_visible()
        page.get_by_role("button", name="Einen Bogen mit sechs Gesichtern versuchen").click()
        expect(page.locator("#picture .headline")).to_have_text("6 Gesichter")
        page.locator("#picture .face > button").first.click()
        assert page.locator("#picture .face.open .what").inner_text().startswith("fröhlich")
        assert page.locator("#picture .who").first.inner_text() == "Gesicht 1"
        assert "von 100 Menschen" in page.locator("#picture .face.open .seen").inner_text()
        shown = [text.strip() for text in page.locator("body").inner_text().splitlines()]
        english = {text for text, other in LANGUAGES["de"].items() if text != other}
        assert [text for text in shown if text in english] == []
        check_accessible(page)
        check_fits(page)
        screenshot(page, f"german-{size[0]}")
        page.get_by_role("button", name="Einstellungen").click()
        page.get_by_label("Sprache").select_option("en")
        expect(page.get_by_role("button", name="On this device")).to_be_visible()
