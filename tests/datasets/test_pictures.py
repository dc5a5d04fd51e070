from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.data_trees import textures, write_picture
from mien.datasets.pictures import PictureFile, find_pictures, read_face, read_pictures, run_in_threads
from mien.errors import ImageError


def test_a_frame_is_not_moved(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", seed=3)
    assert np.array_equal(read_face(path), textures(1, 3)[0])


def test_a_larger_picture_is_averaged(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", seed=3, size=(96, 96))
    tiles = np.asarray(Image.open(path), np.float64).reshape(48, 2, 48, 2).mean(axis=(1, 3))
    assert np.abs(read_face(path) - tiles).max() <= 1


@pytest.mark.parametrize(
    ("name", "size", "mode"),
    [
        ("a.png", (96, 96), "RGB"),
        ("a.jpg", (224, 224), "L"),
        ("a.bmp", (30, 30), "RGB"),
        ("a.webp", (100, 60), "RGB"),
        ("a.gif", (61, 97), "P"),
        ("a.png", (500, 500), "RGBA"),
    ],
)
def test_any_size_and_kind(tmp_path: Path, name: str, size: tuple[int, int], mode: str) -> None:
    face = read_face(write_picture(tmp_path / name, size=size, mode=mode))
    assert (face.shape, face.dtype) == ((48, 48), np.uint8)
    assert face.std() > 20


def test_a_box_is_cut_out(tmp_path: Path) -> None:
    canvas = np.zeros((200, 300), np.uint8)
    canvas[40:136, 100:196] = np.repeat(np.repeat(textures(1)[0], 2, axis=0), 2, axis=1)
    Image.fromarray(canvas).save(tmp_path / "a.png")
    assert np.array_equal(read_face(tmp_path / "a.png", (100, 40, 196, 136)), textures(1)[0])


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (10, 10, 5, 20), (50, 0, 60, 10), (-20, -20, -1, -1)])
def test_a_box_that_is_none(tmp_path: Path, box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ImageError, match="expected a face box in the picture of 48 x 48"):
        read_face(write_picture(tmp_path / "a.png"), box)


def test_finds_pictures_in_order(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.JPG", "a.png", "b/c/d.bmp", "b/.hidden.png", ".git/x.png", "note.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert list(find_pictures(tmp_path)) == ["a.png", "b/1.JPG", "b/2.png", "b/c/d.bmp"]


@pytest.fixture
def folder(tmp_path: Path) -> tuple[Path, list[PictureFile]]:
    """150 pictures, of which number 70 is broken and number 71 is missing."""
    names = [f"{k:03d}.png" for k in range(150)]
    for k, name in enumerate(names):
        Image.fromarray(textures(1, k % 7)[0]).save(tmp_path / name)
    (tmp_path / "070.png").write_bytes(b"no picture")
    (tmp_path / "071.png").unlink()
    return tmp_path, [PictureFile(name) for name in names]


def test_reads_all_but_the_broken(folder: tuple[Path, list[PictureFile]]) -> None:
    seen: list[float] = []
    faces, problems = read_pictures(*folder, progress=seen.append)
    assert list(problems) == [70, 71]
    assert "expected a picture" in problems[70]
    assert "no such file" in problems[71]
    assert not faces[70].any()
    assert np.array_equal(faces[149], textures(1, 149 % 7)[0])
    assert seen == sorted(seen)
    assert seen[-1] == 1


class TestCache:
    def test_keeps_faces_and_problems(
        self, folder: tuple[Path, list[PictureFile]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        faces, problems = read_pictures(*folder)
        monkeypatch.setattr("mien.datasets.pictures.decode_pictures", None)  # a second reading would fail
        again = read_pictures(*folder)
        assert np.array_equal(again[0], faces)
        assert again[1] == problems

    def test_follows_the_files(self, folder: tuple[Path, list[PictureFile]]) -> None:
        root, pictures = folder
        read_pictures(root, pictures)
        write_picture(root / "070.png", seed=70)
        os.utime(root / "070.png", (1, 1))
        faces, problems = read_pictures(root, pictures)
        assert list(problems) == [71]
        assert np.array_equal(faces[70], textures(1, 70)[0])

    def test_follows_the_boxes(self, folder: tuple[Path, list[PictureFile]]) -> None:
        root, pictures = folder
        whole, _ = read_pictures(root, pictures[:1])
        part, _ = read_pictures(root, [PictureFile(pictures[0].path, (0, 0, 20, 20))])
        assert not np.array_equal(whole, part)

    def test_can_be_damaged(self, folder: tuple[Path, list[PictureFile]], own_cache: Path) -> None:
        faces, _ = read_pictures(*folder)
        (kept,) = (own_cache / "datasets").iterdir()
        kept.write_bytes(kept.read_bytes()[:1000])
        assert np.array_equal(read_pictures(*folder)[0], faces)

    def test_can_be_left_out(self, folder: tuple[Path, list[PictureFile]], own_cache: Path) -> None:
        read_pictures(*folder, cache=False)
        assert not (own_cache / "datasets").exists()


def test_a_stop_stops_the_threads() -> None:
    done = []

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_threads(done.append, 1_000_000, stop)
    assert len(done) < 1_000_000
