"""The face finders' benchmark, with finders that know the answer: no weights, no photographs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.detection.detections import Detections
from mien.training.detector.data import FaceScenes

finder = pytest.importorskip("benchmarks.finder")

BOXES = ((10, 10, 30, 34), (60, 20, 90, 58))


@pytest.fixture
def truth(tmp_path: Path) -> FaceScenes:
    """One picture with two faces and one of an animal with none."""
    for name in ("scene.png", "neg_cat.png"):
        cv2.imwrite(str(tmp_path / name), np.full((80, 100, 3), 90, np.uint8))
    points = [[x0, y0, x1, y0, (x0 + x1) / 2, (y0 + y1) / 2, x0, y1, x1, y1] for x0, y0, x1, y1 in BOXES]
    rows = np.array([[*box, *point, 0] for box, point in zip(BOXES, points, strict=True)], np.float32)
    return FaceScenes.of([(tmp_path / "scene.png", rows), (tmp_path / "neg_cat.png", np.zeros((0, 15)))])


def knowing(truth: FaceScenes, picture: int, score: float) -> Detections:
    part = truth.rows(picture)
    count = len(truth.boxes[part])
    return Detections(truth.boxes[part], np.full(count, score, np.float32), truth.landmarks[part])


def test_finders_are_compared(truth: FaceScenes) -> None:
    cat = Detections.of_boxes(np.array([[5, 5, 40, 40, 0.9]]))
    answers = {
        "centerface": [knowing(truth, 0, 0.8), cat],
        "yunet-n": [knowing(truth, 0, 0.9), knowing(truth, 1, 0.9)],
        "mien-face": [knowing(truth, 0, 0.2), knowing(truth, 1, 0.9)],
    }
    findings = {name: finder.judged(truth, found) for name, found in answers.items()}
    usual = {"centerface": 0.4, "yunet-n": 0.6, "mien-face": 0.5}
    results = finder.compare(truth, findings, answers, usual)
    assert results["centerface"]["recall"] == 1
    assert results["centerface"]["precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert results["centerface"]["false_faces_on_animals_and_things"] == 1
    assert results["yunet-n"]["false_faces"] == 0
    assert results["yunet-n"]["landmark_distance"] == 0
    assert results["mien-face"]["recall"] == 0
    assert results["mien-face"]["at_centerface_precision"]["recall"] == 1
    assert results["mien-face"]["recall_less_centerface"]["all"] == [0, 0, 0]
    assert results["yunet-n"]["recall_by_size"]["16-32"] == [1, 1]


def test_scores_beside_what_is_right(truth: FaceScenes) -> None:
    rows = finder.calibration(finder.judged(truth, [knowing(truth, 0, 0.75), knowing(truth, 1, 0.5)]))
    assert rows == [[0.75, 1.0, 2]]


def test_closeups_are_counted_by_how_often_they_are_found(truth: FaceScenes) -> None:
    one = truth.select([0])
    single = FaceScenes(one.files, np.array([0, 1]), one.boxes[:1], one.landmarks[:1], one.ignored[:1])
    once = Detections.of_boxes(np.array([[1, 1, 9, 9]]))
    twice = Detections.of_boxes(np.array([[1, 1, 9, 9], [20, 20, 30, 30]]))
    seen: list[int] = []

    def looking(image: np.ndarray) -> Detections:
        seen.append(max(image.shape[:2]))
        return once

    results = finder.closeups({"a": looking, "b": lambda image: twice}, single)
    assert results == {
        "pictures": 1,
        "a": {"never": 0, "once": 1.0, "more": 0},
        "b": {"never": 0, "once": 0.0, "more": 1},
    }
    assert 600 <= seen[0] <= 2000


def test_speed_takes_turns() -> None:
    calls: list[str] = []
    none = Detections.of_boxes(np.zeros((0, 4)))

    def called(name: str) -> object:
        return lambda image: (calls.append(name), none)[1]

    times = finder.speed({"a": called("a"), "b": called("b")}, rounds=2)
    assert calls == ["a", "b"] * 4
    assert set(times) == {"a", "b"}
