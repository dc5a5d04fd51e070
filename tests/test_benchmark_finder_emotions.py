"""Emotions end to end, with detectors that know the answer: no weights, no photographs."""

from __future__ import annotations

import numpy as np
import pytest

from mien.detection.detections import Detections

emotions = pytest.importorskip("benchmarks.finder_emotions")


def at(*boxes: tuple[float, ...]) -> Detections:
    return Detections.of_boxes(np.array(boxes, np.float32).reshape(-1, 5))


def test_a_face_is_laid_into_a_picture_at_its_place() -> None:
    face = np.full((48, 48), 200, np.uint8)
    scene = np.zeros((100, 120, 3), np.uint8)
    picture, (x, y, room) = emotions.laid_into(face, scene, np.random.default_rng(0))
    assert picture.shape == (480, 640, 3)
    rows, columns = np.nonzero(picture[..., 0])
    assert rows.mean() == pytest.approx(y, abs=1)
    assert columns.mean() == pytest.approx(x, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(2 * room * 64 / 48, abs=2)


def test_the_surest_face_at_the_place_is_read() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[40:60, 40:60] = 255
    found = at((40, 40, 60, 60, 0.6), (0, 0, 20, 20, 0.9))
    crop, is_found = emotions.crop(image, found, (50, 50, 15))
    assert is_found
    assert crop.mean() > 200
    assert not emotions.crop(image, found, (90, 90, 5))[1]
    assert not emotions.crop(image, at(), (50, 50, 15))[1]


def test_detectors_are_compared_with_the_reference() -> None:
    pictures = [(np.zeros((100, 100, 3), np.uint8), (50.0, 50.0, 20.0))] * 4
    answers = iter([at(), at((40, 40, 60, 60, 0.9)), at(), at((40, 40, 60, 60, 0.9))])
    finders = {"centerface": lambda image: next(answers), "mien-face": lambda image: at((40, 40, 60, 60, 0.9))}
    results = emotions.compare(finders, pictures, lambda crops, found: {"ferplus": found})
    assert results["faces"] == 4
    assert results["centerface"]["found"] == 2
    assert results["mien-face"]["ferplus"]["accuracy"] == 1
    assert results["mien-face"]["ferplus"]["gain"] == 0.5
