"""Pictures in memory and in a file, and places where a network was wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.detection.detections import Detections
from mien.errors import DataError
from mien.training.detector.augment import CropMaker, Placement, moved
from mien.training.detector.data import FaceScenes
from mien.training.detector.mistakes import cached_mistakes, mistakes_of
from mien.training.detector.network import FaceNetwork
from mien.training.detector.pictures import Pictures
from mien.training.detector.recipe import FinderAugmentRecipe
from mien.training.detector.train import save_weights


def test_a_file_holds_the_same_pixels(scenes: FaceScenes, tmp_path: Path) -> None:
    plain, kept = Pictures.load(scenes), Pictures.load(scenes, tmp_path / "p.bin")
    again = Pictures.load(scenes, tmp_path / "p.bin")
    for other in (kept, again):
        for one, two in zip(plain.images, other.images, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_a_file_of_other_pictures_is_written_anew(scenes: FaceScenes, tmp_path: Path) -> None:
    Pictures.load(scenes.select([0, 1]), tmp_path / "p.bin")
    kept = Pictures.load(scenes.select([2]), tmp_path / "p.bin")
    np.testing.assert_array_equal(kept.images[0][0], Pictures.load(scenes.select([2])).images[0][0])


def test_a_picture_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(DataError, match="cannot be read"):
        Pictures.load(FaceScenes.of([(tmp_path / "a.png", np.zeros((0, 15), np.float32))]))


def test_what_lies_on_no_label_is_a_mistake(scenes: FaceScenes) -> None:
    answers = iter(
        Detections.of_boxes(np.array([[*scenes.boxes[scenes.rows(k)][0], 0.9], [0, 0, 20, 20, 0.5]]))
        if k < 6
        else Detections.of_boxes(np.zeros((0, 4)))
        for k in range(len(scenes))
    )
    rows = mistakes_of(lambda image: next(answers), scenes)
    assert rows.tolist() == [[k, 0, 0, 20, 20] for k in range(6)]


def test_mistakes_are_sought_once(scenes: FaceScenes, tmp_path: Path) -> None:
    from mien.training.detector.recipe import FinderNetworkRecipe

    recipe = FinderNetworkRecipe(stem=(8, 8), stages=(16, 16, 16), plain=(0, 0, 0), separable=(0, 0, 0), neck=16)
    save_weights(FaceNetwork(recipe), tmp_path / "w.pt")
    first = cached_mistakes(tmp_path / "m.npz", tmp_path / "w.pt", recipe, scenes)
    (tmp_path / "w.pt").unlink()
    np.testing.assert_array_equal(cached_mistakes(tmp_path / "m.npz", tmp_path / "w.pt", recipe, scenes), first)


def test_places_of_mistakes_are_shown(pictures: Pictures) -> None:
    only = FinderAugmentRecipe(size=128, mistaken=1, closeup=0, background=0, mosaic=0, pasted=0, turned=0)
    maker = CropMaker(pictures, None, only, np.array([[7, 80, 60, 120, 100]], np.float32))
    for seed in range(5):
        assert len(maker.make(np.random.default_rng(seed)).rows) == 0  # picture 7 has no face


def test_teachers_see_the_picture_before_it_is_spoilt(pictures: Pictures) -> None:
    crop = CropMaker(pictures, None, FinderAugmentRecipe(size=128, gray=1)).make(np.random.default_rng(0))
    assert np.ptp(crop.image.astype(int), axis=2).max() == 0
    assert np.ptp(crop.mild.astype(int), axis=2).max() > 0


def test_a_stretched_picture_keeps_its_area() -> None:
    row = np.array([[40, 40, 60, 60, *range(10), 0]], np.float32)
    box = moved(row, Placement(1.0, 0.0, False, (50, 50), (50, 50), stretch=1.44))[0, :4]
    np.testing.assert_allclose(box, [38, 50 - 10 / 1.2, 62, 50 + 10 / 1.2], rtol=1e-5)
