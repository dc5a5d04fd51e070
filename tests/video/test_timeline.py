"""The timeline as a page and as a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.made_up_faces import faces
from helpers.video_clips import gray
from mien.errors import InputError
from mien.labels import FERPLUS, color
from mien.video.summary import Summary
from mien.video.timeline.html import as_html
from mien.video.timeline.layout import MOST_PEOPLE, drawn_people, spread, ticks
from mien.video.timeline.writing import write_timeline


@pytest.fixture
def summary() -> Summary:
    found = Summary(FERPLUS, "a <b>.mp4")
    picture = gray(90, (320, 240))
    for k in range(50):
        people = [(1, "happy" if k < 30 else "sad", 0.8)] + ([(2, "fear", 0.6)] if k > 20 else [])
        found.add(k / 10, faces(*people), picture)
    return found


def test_the_page_needs_nothing_else_and_shows_everybody(summary: Summary, tmp_path: Path) -> None:
    text = write_timeline(summary, tmp_path / "new" / "a.html").read_text(encoding="utf-8")
    assert text.count("<section") == 2
    assert "a &lt;b&gt;.mp4" in text
    for name in FERPLUS.names:
        assert f"rgb{color(name)}" in text
    assert "http" not in text
    assert text.count("data:image/jpeg;base64,") >= 3
    assert "prefers-color-scheme: dark" in text
    assert "$" not in text
    for part in text.split("<svg")[1:]:
        ET.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>")  # well formed


def test_the_picture_shows_the_colours(summary: Summary, tmp_path: Path) -> None:
    pixels = np.asarray(Image.open(write_timeline(summary, tmp_path / "a.png")).convert("RGB"))
    for name in ("happy", "sad", "fear"):
        assert (np.abs(pixels.astype(int) - color(name)).max(axis=2) < 3).sum() > 1000
    assert (pixels[:3] > 250).all()  # on white


@pytest.mark.parametrize("suffix", [".html", ".png"])
def test_nobody(suffix: str, tmp_path: Path) -> None:
    empty = Summary(FERPLUS, "a.mp4")
    assert write_timeline(empty, tmp_path / f"a{suffix}").stat().st_size > 1000
    empty.add(0, faces())
    assert "nobody was seen" in as_html(empty)


def test_a_single_frame(tmp_path: Path) -> None:
    one = Summary(FERPLUS, "a.mp4")
    one.add(0, faces((1, "happy", 0.8)))
    write_timeline(one, tmp_path / "a.html")
    write_timeline(one, tmp_path / "a.png")


def test_of_a_crowd_those_seen_longest_are_drawn() -> None:
    crowd = Summary(FERPLUS, "a.mp4")
    for k in range(60):
        crowd.add(k / 10, faces(*[(track, "neutral", 0.5) for track in range(40) if k < 30 + track]))
    drawn = drawn_people(crowd)
    assert sorted(person.number for person in drawn) == list(range(40 - MOST_PEOPLE, 40))
    assert f"Not drawn: {40 - MOST_PEOPLE} more" in as_html(crowd)


def test_another_suffix(summary: Summary, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ends in"):
        write_timeline(summary, tmp_path / "a.svg")


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        (0, 4.4, ["00:00.0", "00:00.5", "00:01.0"]),
        (0, 95, ["00:00", "00:10", "00:20"]),
        (12, 600, ["01:00", "02:00", "03:00"]),
        (0, 9000, ["00:00", "15:00", "30:00"]),
    ],
)
def test_ticks(first: float, last: float, labels: list[str]) -> None:
    marks = ticks(first, last)
    assert [label for _, label in marks][:3] == labels
    assert len(marks) <= 11
    assert all(first <= time <= last for time, _ in marks)


@pytest.mark.parametrize("places", [[5.0], [1, 2, 3], [0, 50, 99, 100], [98, 99, 100]])
def test_spread(places: list[float]) -> None:
    moved = spread(places, 10, 5, 95)
    assert (np.diff(moved) >= 10 - 1e-9).all()
    assert min(moved) >= 5 - 1e-9
    assert max(moved) <= 95 + 1e-9
