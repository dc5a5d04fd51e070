"""Large pictures are shrunk while they are decoded, and converted in parts: the pixels are those of the whole."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mien.images
from mien.images import load_image, size_of


def content_of(kind: str, mode: str, orientation: int = 1, size: tuple[int, int] = (240, 160)) -> bytes:
    """A picture of smooth colours."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    image = Image.fromarray(np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray((x * 257).astype(np.uint16))
    elif mode == "RGBA":
        image.putalpha(128)
    else:
        image = image.convert(mode)
    exif, content = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    image.save(content, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    return content.getvalue()


KINDS = [("PNG", mode) for mode in ("RGB", "RGBA", "L", "P", "I;16")] + [
    ("JPEG", "RGB"),
    ("JPEG", "L"),
    ("TIFF", "RGB"),
]


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize(("kind", "mode"), KINDS)
def test_a_shrunk_picture_is_the_average_of_the_whole(kind: str, mode: str, orientation: int) -> None:
    content = content_of(kind, mode, orientation)
    whole, small = load_image(content), load_image(content, least_side=60)
    assert small.shape == (whole.shape[0] // 4, whole.shape[1] // 4, 3)
    average = whole.reshape(small.shape[0], 4, small.shape[1], 4, 3).mean(axis=(1, 3))
    assert np.abs(average - small).max() <= (4 if kind == "JPEG" else 1)


@pytest.mark.parametrize(
    ("least", "side"), [(0, 240), (241, 240), (121, 240), (120, 120), (61, 120), (30, 30), (1, 30)]
)
def test_it_is_shrunk_only_so_far(least: int, side: int) -> None:
    for kind in ("JPEG", "PNG"):
        assert load_image(content_of(kind, "RGB"), least_side=least).shape[1] == side


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("kind", "mode"), KINDS)
def test_parts_are_the_whole(kind: str, mode: str, orientation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = content_of(kind, mode, orientation)
    whole = load_image(content)
    monkeypatch.setattr(mien.images, "_BAND_PIXELS", 1000)
    np.testing.assert_array_equal(load_image(content), whole)


def test_sizes_that_do_not_divide() -> None:
    assert load_image(content_of("PNG", "RGB", size=(243, 161)), least_side=100).shape == (80, 121, 3)
    assert load_image(content_of("JPEG", "RGB", size=(243, 161)), least_side=100).shape == (81, 122, 3)


def test_too_little_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(mien.images, "_to_rgb", empty)
    with pytest.raises(mien.images.ImageError, match="needs more memory"):
        load_image(content_of("PNG", "RGB"))


def test_sizes() -> None:
    assert size_of(content_of("PNG", "RGB")) == (240, 160)
    with pytest.raises(mien.images.ImageError, match="at most 100 pixels"):
        size_of(content_of("PNG", "RGB"), 100)
    with pytest.raises(mien.images.ImageError, match="empty"):
        size_of(b"")
