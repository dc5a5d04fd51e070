"""Which files of paths, folders and globs are pictures."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.image_files import find_images
from mien.images import load_image


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


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.JPG", "a.png", "notes.txt", "._a.png", "deep/c.webp", "empty/readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_find_in_a_folder(album: Path) -> None:
    assert find_images([album]) == ([album / "a.png", album / "b.JPG"], [])
    assert find_images(str(album), recursive=True)[0] == [album / "a.png", album / "b.JPG", album / "deep" / "c.webp"]


def test_find_files_patterns_and_each_once(album: Path) -> None:
    found, errors = find_images([album / "b.JPG", album / "*.png", album])
    assert found == [album / "b.JPG", album / "a.png"]
    assert errors == []
    assert find_images([str(album / "**" / "*.webp")])[0] == [album / "deep" / "c.webp"]
    assert find_images([album / "notes.txt"])[0] == [album / "notes.txt"]  # named, so wanted


def test_find_reports_each_miss_and_goes_on(album: Path) -> None:
    found, errors = find_images([album / "missing.jpg", album / "empty", album / "*.bmp", album / "a.png"])
    assert found == [album / "a.png"]
    assert [error.source for error in errors] == [str(album / name) for name in ("missing.jpg", "empty", "*.bmp")]
    assert "Check the path" in errors[0].reason
    assert "--recursive" in errors[1].reason
    assert "pattern" in errors[2].reason


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".jp2", ".mpo", ".dib", ".apng", ".avif", ".pbm"])
def test_less_common_suffixes_are_found_in_folders(suffix: str, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), (200, 40, 40)).save(tmp_path / f"a{suffix}")
    (found,), errors = find_images(tmp_path)
    assert not errors
    assert load_image(found).shape == (10, 20, 3)


def test_what_a_folder_has_and_is_not_read_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.png", "b.dng", "c.DNG", "d.psd", "e.mp4", "notes.txt", ".hidden.psd"):
        (tmp_path / name).write_bytes(encoded(Image.fromarray(noise())))
    assert [file.name for file in find_images(tmp_path)[0]] == ["a.png"]
    assert "left out: 2 .dng, 1 .psd files" in caplog.text
    assert "left out: 1 .mp4 files. `mien batch` and `mien video` read videos" in caplog.text
    assert "txt" not in caplog.text


def test_a_folder_of_videos_says_what_reads_them(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    (error,) = find_images(tmp_path)[1]
    assert "of videos there are 1: `mien batch` and `mien video` read videos" in str(error)
