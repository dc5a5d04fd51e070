"""Every kind of picture that people have, and every kind of bad one."""

from __future__ import annotations

import base64
import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path
from urllib.parse import quote_from_bytes

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers.paths import EILEEN_COLLINS
from helpers.video_clips import levels, write_clip
from mien.errors import ImageError, InputError
from mien.image_files import find_images
from mien.images import MAX_PIXELS, describe_source, load_gray, load_image, save_image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(height: int = 12, width: int = 16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


# --- what can be read ---


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_pixels_of_a_lossless_file_come_back(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(Image.fromarray(noise()), kind))
    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), Image.open(path)):
        rgb = load_image(source)
        assert (rgb.dtype, rgb.shape) == (np.uint8, (12, 16, 3))
        np.testing.assert_array_equal(rgb, noise())
        assert rgb.flags.writeable


def test_one_pixel() -> None:
    np.testing.assert_array_equal(load_image(encoded(Image.new("RGB", (1, 1), (1, 2, 3)))), [[[1, 2, 3]]])


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 70, (70, 70, 70)),
        ("LA", (0, 0), (255, 255, 255)),  # transparent: white paper, not the color that happens to lie below
        ("LA", (70, 255), (70, 70, 70)),
        ("RGBA", (200, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("RGBa", (0, 0, 0, 51), (204, 204, 204)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 257 * 9, (9, 9, 9)),  # a dark picture stays dark: no scaling by its own maximum
        ("I", 257 * 9, (9, 9, 9)),
        ("I", 100, (100, 100, 100)),  # every value fits 8 bits: it was made from them
        ("I", 10**9, (255, 255, 255)),
    ],
)
def test_modes(mode: str, color: int | tuple[int, ...], expected: tuple[int, int, int]) -> None:
    np.testing.assert_array_equal(load_image(Image.new(mode, (2, 2), color)), np.full((2, 2, 3), expected))


def test_16_bit_png() -> None:
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    np.testing.assert_array_equal(load_image(encoded(Image.fromarray(values)))[0, :, 0], [0, 1, 128, 255])


def test_palette_and_its_transparency() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putpixel((1, 0), 1)
    np.testing.assert_array_equal(load_image(encoded(image)), [[[10, 20, 30], [200, 0, 0]]])
    seen = load_image(encoded(image, transparency=1))
    np.testing.assert_array_equal(seen, [[[10, 20, 30], [255, 255, 255]]])


def test_cmyk_jpeg() -> None:
    red = load_image(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"))
    assert red.shape == (16, 16, 3)
    assert (abs(red.astype(int) - [255, 0, 0]) < 8).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    rgb = load_image(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    np.testing.assert_array_equal(rgb, np.full((8, 8, 3), (255, 0, 0)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_once(kind: str, orientation: int) -> None:
    """A red corner that is upper left when seen upright, stored as a camera held otherwise stores it."""
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:8, :8] = (255, 0, 0)
    undo = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = load_image(encoded(stored, kind, exif=exif, quality=95)).astype(int)
    assert rgb.shape == (24, 40, 3)
    assert abs(rgb - upright).mean() < 4


def test_damaged_exif_costs_only_the_rotation() -> None:
    jpeg = encoded(Image.new("RGB", (8, 8), "white"), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert load_image(jpeg).shape == (8, 8, 3)


@pytest.mark.parametrize("name", ["with space.png", "übung 人 🙂.png", "no_suffix", "wrong.jpg", "[1].png"])
def test_names(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(encoded(Image.fromarray(noise())))
    np.testing.assert_array_equal(load_image(str(path)), noise())
    assert find_images([path]) == ([path], [])


def test_arrays() -> None:
    rgb = noise()
    assert load_image(rgb) is rgb
    gray = load_image(rgb[:, :, 0])
    np.testing.assert_array_equal(gray, np.repeat(rgb[:, :, :1], 3, axis=2))
    clear = np.zeros((4, 5, 4), np.uint8)
    assert (load_image(clear) == 255).all()
    assert load_image(rgb[::2, ::-1]).flags.c_contiguous


def test_24_and_100_megapixels_are_below_the_default_cap() -> None:
    assert 6000 * 4000 < 11648 * 8736 < MAX_PIXELS
    assert load_image(encoded(Image.new("1", (6000, 4000)))).shape == (4000, 6000, 3)


def test_pillows_own_size_warning_does_not_leak() -> None:
    """Between Pillow's warning (89 megapixels) and our cap; warnings are errors here."""
    with pytest.raises(ImageError, match="damaged"):
        load_image(png_header(10000, 10000))


# --- what cannot ---


def bad_files(folder: Path) -> dict[str, object]:
    jpeg = EILEEN_COLLINS.read_bytes()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("not a picture")
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    return {
        "empty": folder / "empty.jpg",
        "empty bytes": b"",
        "text": folder / "text.jpg",
        "cut": folder / "cut.jpg",
        "cut png": encoded(Image.fromarray(noise(64, 64)))[:-900],
        "header only": jpeg[:20],
        "missing": folder / "missing.jpg",
        "folder": folder,
        "null byte": "a\0b.jpg",
        "long name": "x" * 5000,
        "huge": png_header(30000, 30000),
        "zero": png_header(0, 0),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",
        "float": Image.new("F", (2, 2), 0.5),
    }


@pytest.mark.parametrize(
    ("kind", "words", "mend"),
    [
        ("empty", "empty file", "Copy or download it again"),
        ("empty bytes", "empty file", "Copy or download it again"),
        ("text", "got something else", "Convert it"),
        ("cut", "cut short", "download it again"),
        ("cut png", "cut short", "download it again"),
        ("header only", "cut short|something else", "download it again|Convert it"),
        ("missing", "no such file", "Check the path"),
        ("folder", "got a folder", "Name a file"),
        ("null byte", "null|such file", "Check the"),
        ("long name", "too long", "Check the"),
        ("huge", "pixels", "Scale it down"),
        ("zero", "damaged|something else", "download it again|Convert it"),
        ("eps", "got something else", "Convert it"),  # Pillow would start Ghostscript
        ("float", "floating-point", "Scale them"),
    ],
)
def test_bad_pictures(kind: str, words: str, mend: str, tmp_path: Path) -> None:
    source = bad_files(tmp_path)[kind]
    with pytest.raises(ImageError, match=words) as caught:
        load_image(source)
    assert caught.value.source == describe_source(source)
    assert any(hint in caught.value.reason for hint in mend.split("|")), caught.value.reason


def test_the_cap_counts_before_decoding() -> None:
    with pytest.raises(ImageError, match=r"10000 x 9000 = 90,000,000"):
        load_image(png_header(10000, 9000), max_pixels=89_000_000)
    with pytest.raises(ImageError, match="16 x 12"):
        load_image(Image.fromarray(noise()), max_pixels=100)
    with pytest.raises(ImageError, match="16 x 12"):
        load_image(noise(), max_pixels=100)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="as bytes"):
        load_image(tmp_path / "pipe.jpg")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "mine.png"
    path.write_bytes(encoded(Image.fromarray(noise())))
    path.chmod(0)
    with pytest.raises(ImageError, match="permissions"):
        load_image(path)


def test_a_data_url() -> None:
    content = encoded(Image.fromarray(noise()))
    address = "data:image/png;base64," + base64.b64encode(content).decode()
    assert (load_image(address) == noise()).all()
    assert (load_image("DATA:image/png," + quote_from_bytes(content)) == noise()).all()
    assert describe_source(address) == "data URL"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("data:image/png;base64", "data URL: expected data:image/png;base64, and the content"),
        ("data:image/png;base64,AAA", "data URL: "),
        ("http://example.org/a.jpg", "http://example.org/a.jpg: expected a file, got an address.*Download it first"),
        (
            base64.b64encode(EILEEN_COLLINS.read_bytes()).decode(),
            "^base64 text: expected a path, got the",
        ),
    ],
    ids=["no comma", "cut", "address", "base64"],
)
def test_text_that_is_no_path(source: str, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        load_image(source)
    assert len(str(caught.value)) < 400
    assert str(caught.value).count(caught.value.source) == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".mov", ".ts"])
def test_a_video_is_no_picture(suffix: str, tmp_path: Path) -> None:
    path = write_clip(tmp_path / f"a{suffix}", [0.0, 0.04], levels(2))
    with pytest.raises(ImageError, match="This is a video: `mien video FILE`"):
        load_image(path)


def test_a_lazy_pil_image_that_is_damaged() -> None:
    lazy = Image.open(io.BytesIO(EILEEN_COLLINS.read_bytes()[:9000]))
    with pytest.raises(ImageError, match="cut short"):
        load_image(lazy)


@pytest.mark.parametrize(
    ("source", "got"),
    [
        (np.zeros((4, 4, 3), np.float32), r"float32 \(4, 4, 3\)"),
        (np.zeros((4, 4, 3), bool), "bool"),
        (np.zeros((3, 4, 5), np.uint8), r"uint8 \(3, 4, 5\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"\(2, 4, 4, 3\)"),
        (np.zeros(4, np.uint8), r"\(4,\)"),
        (None, "NoneType"),
        (7, "int"),
        ([[1, 2]], "list"),
    ],
)
def test_what_is_no_picture_at_all(source: object, got: str) -> None:
    with pytest.raises(InputError, match=got):
        load_image(source)


CORPUS = [
    encoded(Image.fromarray(noise()), "PNG"),
    encoded(Image.fromarray(noise()), "JPEG"),
    encoded(Image.fromarray(noise()), "GIF"),
    encoded(Image.fromarray(noise()), "TIFF", compression="tiff_lzw"),
    encoded(Image.fromarray(noise()), "WEBP"),
    encoded(Image.fromarray(noise()), "BMP"),
]


@settings(max_examples=150, deadline=None)
@given(
    content=st.sampled_from(CORPUS),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 10**6),
)
def test_mutated_files_give_a_picture_or_an_image_error(
    content: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    mutated = bytearray(content)
    for place, value in changes:
        mutated[place % len(mutated)] = value
    if length < len(mutated):
        del mutated[length:]
    try:
        rgb = load_image(bytes(mutated), max_pixels=10**6)
    except ImageError:
        return
    assert rgb.dtype == np.uint8
    assert rgb.ndim == 3
    assert rgb.shape[2] == 3


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(content: bytes) -> None:
    with pytest.raises(ImageError):
        load_image(content)


def test_threads_leave_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    content = EILEEN_COLLINS.read_bytes()
    threads = [threading.Thread(target=load_image, args=(content,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


# --- files in and out ---


def test_save_and_load(tmp_path: Path) -> None:
    path = save_image(tmp_path / "new folder" / "ü.png", noise())
    np.testing.assert_array_equal(load_image(path), noise())
    assert load_image(save_image(tmp_path / "a.jpg", noise())).shape == (12, 16, 3)
    assert [file.name for file in path.parent.iterdir()] == ["ü.png"]


def test_a_failed_save_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("old")
    with pytest.raises(ImageError, match=r"\.jpg or \.png"):
        save_image(tmp_path / "a.xyz", noise())
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.xyz", "old")]


def test_heic_is_read_where_its_extra_is_installed(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    heif.from_pillow(Image.new("RGB", (64, 48), (200, 40, 40))).save(path)
    pixels = load_image(path)
    assert pixels.shape == (48, 64, 3)
    assert abs(pixels.reshape(-1, 3).mean(axis=0) - (200, 40, 40)).max() < 12


def test_the_advice_fits_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 200)
    (tmp_path / "b.txt").write_text("words")
    code = "import sys; sys.modules['pillow_heif'] = None\nfrom mien.images import load_image\nload_image(sys.argv[1])"
    said = {
        name: subprocess.run([sys.executable, "-c", code, tmp_path / name], capture_output=True, text=True).stderr
        for name in ("a.heic", "b.txt")
    }
    assert ".[heif]" in said["a.heic"]
    assert "heif" not in said["b.txt"]
    assert "Convert it, or check the file" in said["b.txt"]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "I;16", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_gray_is_that_of_the_colours(mode: str, orientation: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, (2100, 2000, 3), np.uint8)
    picture = Image.fromarray(values)
    picture = Image.fromarray(values[..., 0].astype(np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(file, "TIFF" if mode in ("CMYK", "I;16") else "PNG", exif=exif)
    gray = load_gray(file.getvalue())
    assert np.array_equal(gray, cv2.cvtColor(load_image(file.getvalue()), cv2.COLOR_RGB2GRAY))
    assert gray.shape == ((2000, 2100) if orientation == 6 else (2100, 2000))


def test_a_picture_that_is_opened_for_text_says_so() -> None:
    with EILEEN_COLLINS.open(encoding="utf-8") as file, pytest.raises(InputError, match="opened for bytes"):
        load_image(file)
