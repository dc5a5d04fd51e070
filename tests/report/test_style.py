from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from mien.figure_style import INK, VARIABLES, new_figure, rgb, show_face, styled, to_png, to_svg
from mien.labels import FERPLUS, color


@styled
def drawing() -> matplotlib.figure.Figure:
    figure = new_figure(3, 2)
    axes = figure.subplots(1, 2)
    axes[0].plot([0, 1], [0.123456789, 1], color=INK, label="0.123456")
    axes[0].legend()
    axes[0].text(0.1, 0.5, 'value 0.98765 & <"more">')
    show_face(axes[1], np.arange(48 * 48, dtype=np.uint32).reshape(48, 48).astype(np.uint8))
    return figure


def test_svg_takes_the_pages_inks_and_font() -> None:
    svg = to_svg(drawing(), "some", "An alt")
    assert not any(ink in svg for ink in VARIABLES)
    assert "var(--ink)" in svg
    assert "var(--grid)" in svg
    assert "font-family: var(--sans)" in svg
    assert "<style" not in svg
    assert "DejaVu" not in svg


def test_svg_is_named_and_its_ids_are_its_own() -> None:
    svg = to_svg(drawing(), "some", 'Says "a" & b')
    assert 'role="img" aria-label="Says &quot;a&quot; &amp; b"' in svg
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert ids  # of the clip paths, to which something refers
    assert all(name.startswith("some-") for name in ids)
    for target in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg):
        assert (target[0] or target[1]) in ids
    assert "http" not in svg


def test_svg_rounds_places_and_never_words() -> None:
    svg = to_svg(drawing(), "some", "An alt")
    assert "0.123456" in svg
    assert "value 0.98765 &amp; &lt;" in svg
    paths = " ".join(re.findall(r' d="([^"]+)"', svg))
    assert re.search(r"\d\.\d{3}", paths) is None


def test_svg_keeps_faces_as_small_gray_pictures() -> None:
    svg = to_svg(drawing(), "some", "An alt")
    (data,) = re.findall(r"data:image/(?:png|jpeg);base64,([^\"]+)", svg)
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (48, 48)
    assert picture.mode == "L"


def test_png_is_on_white(tmp_path: Path) -> None:
    path = to_png(drawing(), tmp_path / "a" / "some.png", dpi=100)
    picture = Image.open(path).convert("RGB")
    assert picture.size == (300, 200)
    assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_drawing_leaves_the_callers_settings_alone() -> None:
    before = dict(matplotlib.rcParams)
    to_svg(drawing(), "some", "An alt")
    assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")  # seaborn imports it for the pictures of data
    assert pyplot is None or not pyplot.get_fignums()


def test_emotions_have_their_colours() -> None:
    for emotion in FERPLUS.names:
        assert np.allclose(np.array(rgb(emotion)) * 255, color(emotion))
