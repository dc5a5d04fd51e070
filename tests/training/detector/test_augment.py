"""Crops: labels follow the pixels, and what cannot be judged is a doubt."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from mien.errors import DataError
from mien.training.detector.augment import (
    CropMaker,
    Placement,
    cover,
    drawn_size,
    kept,
    moved,
    soft_ellipse,
    warp,
)
from mien.training.detector.pictures import Pictures, halves
from mien.training.detector.recipe import FinderAugmentRecipe


def row(box: tuple[float, ...], ignored: bool = False) -> np.ndarray:
    x0, y0, x1, y1 = box
    shares = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.78], [0.65, 0.78]])
    points = shares * (x1 - x0, y1 - y0) + (x0, y0)
    return np.array([[*box, *points.reshape(-1), float(ignored)]], np.float32)


@pytest.mark.parametrize("scale", [0.2, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0.0, 30.0])
def test_labels_lie_where_the_pixels_are(scale: float, mirrored: bool, degrees: float) -> None:
    image = np.zeros((160, 160, 3), np.uint8)
    cv2.circle(image, (60, 90), 20, (255, 255, 255), -1)
    placement = Placement(scale, degrees, mirrored, (60.5, 90.5), (100.0, 70.0))
    seen = warp(halves(image), placement, 200, 200, 0)[..., 0] > 127
    y, x = np.nonzero(seen)
    box = moved(row((40, 70, 81, 111)), placement)[0, :4]
    np.testing.assert_allclose([x.min(), y.min(), x.max() + 1, y.max() + 1], box, atol=1.5)


def test_mirrored_landmarks_change_sides() -> None:
    points = moved(row((10, 10, 30, 40)), Placement(1.0, 0.0, True, (20.0, 20.0), (20.0, 20.0)))[0, 4:14].reshape(5, 2)
    assert points[0, 0] < points[1, 0]
    assert points[3, 0] < points[4, 0]


def test_a_turned_round_face_keeps_its_box() -> None:
    box = moved(row((10, 10, 30, 30)), Placement(1.0, 45.0, False, (20.0, 20.0), (50.0, 50.0)))[0, :4]
    np.testing.assert_allclose(box, [40, 40, 60, 60], atol=1e-4)


@pytest.mark.parametrize(
    ("box", "ignored", "count"),
    [
        ((10, 10, 30, 30), False, 1),  # inside
        ((-5, 10, 15, 30), False, 1),  # three quarters to be seen
        ((-12, 10, 8, 30), True, 1),  # less than half
        ((-19, 10, 1, 30), True, 0),  # next to nothing
        ((10, 10, 14, 14), True, 1),  # too small
    ],
)
def test_what_is_hidden_or_small_is_a_doubt(box: tuple[float, ...], ignored: bool, count: int) -> None:
    rows = kept(row(box), 100, 100, 7.0)
    assert len(rows) == count
    assert all(rows[:, 14] == ignored)


def test_crops_are_whole_and_the_same_for_the_same_seed(pictures: Pictures) -> None:
    maker = CropMaker(pictures, pictures, FinderAugmentRecipe(size=128, pasted=1, covered=0.5, compressed=0.5))
    crops = [maker.make(np.random.default_rng(seed)) for seed in [*range(30), 3]]
    for crop in crops:
        assert crop.image.shape == (128, 128, 3)
        assert crop.image.dtype == np.uint8
        assert crop.rows.shape[1] == 15
        assert np.isfinite(crop.rows).all()
        assert (crop.rows[:, 2:4] > crop.rows[:, :2]).all()
    np.testing.assert_array_equal(crops[3].image, crops[-1].image)
    assert np.mean([(crop.rows[:, 14] == 0).any() for crop in crops]) > 0.7


def test_faces_of_all_sizes_come_by(pictures: Pictures) -> None:
    maker = CropMaker(pictures, None, FinderAugmentRecipe(size=256))
    rng = np.random.default_rng(0)
    rows = np.concatenate([maker.make(rng).rows for _ in range(80)])
    sizes = np.sqrt((rows[:, 2:4] - rows[:, :2]).prod(axis=1))[rows[:, 14] == 0]
    assert sizes.min() < 30
    assert sizes.max() > 90


def test_drawn_sizes_cover_the_range() -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([drawn_size(rng, 256) for _ in range(2000)])
    assert sizes.min() >= 8
    assert sizes.max() <= 1.15 * 256
    assert (sizes < 16).mean() > 0.15
    assert (sizes > 90).mean() > 0.1


def test_covers_hide_part_of_a_face_only() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        canvas = np.full((100, 100, 3), 128, np.uint8)
        cover(rng, canvas, row((20, 20, 80, 80)), 1.0)
        changed = (canvas != 128).any(axis=2)
        assert changed[20:80, 20:80].mean() < 0.75
        assert math.isclose(changed[:5].mean(), 0)


def test_soft_ellipse_fades() -> None:
    mask = soft_ellipse(21, 31)
    assert mask.shape == (31, 21)
    assert mask[15, 10] == 1
    assert mask[0, 0] == 0


def test_scenes_without_a_face_are_refused(pictures: Pictures) -> None:
    with pytest.raises(DataError, match="at least one labelled face"):
        CropMaker(Pictures(pictures.images[6:], pictures.rows[6:]), None, FinderAugmentRecipe())
