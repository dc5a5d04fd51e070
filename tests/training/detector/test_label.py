"""What teachers agree on is a face; what one of them sees alone is a doubt or nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.detection.detections import Detections
from mien.errors import DataError, DetectorError
from mien.training.detector.label import Agreement, label, merge
from mien.training.detector.teachers import (
    Teacher,
    View,
    YuNetN,
    look_all,
    look_at_files,
    teachers_named,
)

BOX = (20.0, 30.0, 60.0, 80.0)


def seen(teacher: int, view: int, score: float, box: tuple[float, ...] = BOX) -> list[float]:
    return [teacher, view, *box, *([25.0] * 10), score]


def rows(*each: list[float]) -> np.ndarray:
    return np.array(each, np.float32).reshape(-1, 17)


@pytest.mark.parametrize(
    ("given", "ignored"),
    [
        (rows(seen(0, 0, 0.8), seen(1, 0, 0.9)), [False]),  # both are sure
        (rows(seen(0, 0, 0.8), seen(1, 0, 0.4)), [True]),  # one is not
        (rows(seen(0, 0, 0.8)), [True]),  # one alone
        (rows(seen(0, 0, 0.25)), []),  # one alone, and hardly
        (rows(seen(0, 0, 0.1), seen(1, 0, 0.2)), []),  # nobody
        (rows(seen(0, 0, 0.8, (20, 30, 23, 33)), seen(1, 0, 0.9, (20, 30, 23, 33))), [True]),  # tiny
        (rows(seen(0, 0, 0.8), seen(1, 0, 0.9, (120, 30, 160, 80))), [True, True]),  # two different places
        (rows(), []),
    ],
)
def test_agreement(given: np.ndarray, ignored: list[bool]) -> None:
    assert merge(given).ignored.tolist() == ignored


def test_boxes_of_views_and_teachers_are_averaged() -> None:
    first = seen(0, 0, 0.5, (20, 30, 60, 80))
    second = seen(0, 1, 0.5, (22, 30, 62, 80))
    third = seen(1, 0, 0.9, (25, 30, 65, 80))
    labels = merge(rows(first, second, third))
    np.testing.assert_allclose(labels.boxes, [[23, 30, 63, 80]])
    assert labels.scores[0] == pytest.approx(0.7)


def test_other_thresholds() -> None:
    given = rows(seen(0, 0, 0.8), seen(1, 0, 0.9))
    assert merge(given, Agreement(sure=(0.85, 0.5))).ignored.tolist() == [True]


def spot_finder(image: np.ndarray) -> Detections:
    """Finds the white rectangle of a picture; its left eye is the corner at the top left."""
    y, x = np.nonzero(image[..., 0] > 128)
    box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
    points = np.array([[[box[0, 0], box[0, 1]], [box[0, 2], box[0, 1]]] + [[box[0, 0], box[0, 3]]] * 3], np.float32)
    return Detections(box, np.array([0.9], np.float32), points)


@pytest.mark.parametrize("view", [View(100), View(200, mirrored=True), View(150, margin=0.2), View(60, True, 0.1)])
def test_views_answer_in_pixels_of_the_picture(view: View) -> None:
    image = np.zeros((80, 100, 3), np.uint8)
    image[20:60, 30:50] = 255
    found = view.look(spot_finder, image)
    np.testing.assert_allclose(found.boxes, [[30, 20, 50, 60]], atol=1.6)
    np.testing.assert_allclose(found.landmarks[0, :2], [[30, 20], [50, 20]], atol=1.6)


def test_what_was_seen_is_not_looked_at_again(tmp_path: Path) -> None:
    image = np.zeros((80, 100, 3), np.uint8)
    image[20:60, 30:50] = 255
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file in files:
        cv2.imwrite(str(file), image)
    looks: list[int] = []

    def counting(picture: np.ndarray) -> Detections:
        looks.append(1)
        return spot_finder(picture)

    teachers = [Teacher(counting, (View(100),)), Teacher(spot_finder, (View(100, mirrored=True),))]
    assert look_all(teachers, image).shape == (2, 17)
    looks.clear()
    for _ in range(2):
        scenes, scores = label(look_at_files(teachers, files, lambda file: cv2.imread(str(file)), tmp_path / "seen"))
    assert len(looks) == len(files)
    assert scenes.files == tuple(files)
    assert not scenes.ignored.any()
    assert scores.tolist() == pytest.approx([0.9] * 3)
    with pytest.raises(DataError, match="got other pictures"):
        list(look_at_files(teachers, files[:2], lambda file: cv2.imread(str(file)), tmp_path / "seen"))


def test_a_teacher_without_its_file(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="expected an ONNX file of YuNet"):
        YuNetN(tmp_path / "no.onnx")


@pytest.mark.parametrize("names", [[], ["centerface"], ["a.onnx", "b.onnx"], ["centerface", "a.onnx", "b.onnx"]])
def test_teachers_are_two(names: list[str]) -> None:
    with pytest.raises(DetectorError, match="expected centerface and one ONNX file of YuNet-n"):
        teachers_named(names)


def test_large_doubts_of_one_teacher_need_a_surer_one() -> None:
    assert len(merge(rows(seen(1, 0, 0.6))).boxes) == 0
    assert len(merge(rows(seen(1, 0, 0.6, (20, 30, 30, 42)))).boxes) == 1
