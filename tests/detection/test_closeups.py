"""Faces that fill the picture are found once, and small faces in the same picture are kept, with any detector."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from helpers.video_clips import COLLINS
from mien.detection.closeups import detect_at_all_sizes
from mien.detection.detections import Detections
from mien.detection.registry import make_detector
from mien.images import load_image
from mien.recognizer import EmotionRecognizer


class Scripted:
    """A detector with one answer for the whole picture and one for the small picture with a border."""

    def __init__(self, first: list[list[float]], second: list[list[float]]) -> None:
        self.answers = [first, second]
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, image: np.ndarray) -> Detections:
        self.shapes.append(image.shape)
        return Detections.of_boxes(np.array(self.answers[len(self.shapes) - 1], np.float32).reshape(-1, 4))


def boxes_of(detector: Scripted, side: int = 1000) -> list[list[int]]:
    found = detect_at_all_sizes(detector, np.zeros((side, side, 3), np.uint8))
    return np.round(found.boxes).astype(int).tolist()


def test_one_detection_is_enough_for_small_faces() -> None:
    detector = Scripted([[10, 10, 90, 110], [500, 500, 600, 640]], [])
    assert len(boxes_of(detector)) == 2
    assert len(detector.shapes) == 1


@pytest.mark.parametrize("first", [[], [[100, 100, 900, 500], [100, 480, 900, 900]], [[300, 300, 380, 390]]])
def test_a_large_face_replaces_its_parts(first: list[list[float]]) -> None:
    large = [64 + 256 * 0.1, 64 + 256 * 0.1, 64 + 256 * 0.9, 64 + 256 * 0.9]
    detector = Scripted(first if first != [[300, 300, 380, 390]] else [*first, [0, 0, 950, 950]], [large])
    assert boxes_of(detector) == [[100, 100, 900, 900]]
    assert detector.shapes[1] == (384, 384, 3)


def test_small_faces_beside_a_large_one_stay() -> None:
    small = [900, 10, 980, 100]
    detector = Scripted([[100, 200, 700, 950], small], [[64 + 25.6, 64 + 51.2, 64 + 179.2, 64 + 243.2]])
    assert sorted(boxes_of(detector)) == [[100, 200, 700, 950], small]


def test_small_faces_of_the_second_detection_do_not_count() -> None:
    assert boxes_of(Scripted([], [[100, 100, 120, 120]])) == []


def test_a_whole_picture_is_not_detected_twice() -> None:
    assert len(EmotionRecognizer(detector="whole").find(np.zeros((50, 50, 3), np.uint8))) == 1


@pytest.mark.parametrize("side", [48, 100, 400, 1024, 2500])
@pytest.mark.parametrize("margin", [0.0, 0.1, 0.3])
def test_close_ups_of_all_sizes(side: int, margin: float) -> None:
    picture = load_image(COLLINS)
    found = make_detector("centerface", threads=1)(picture)
    left, top, right, bottom = found.boxes[found.boxes[:, 2:].prod(axis=1).argmax()]
    more = margin * (bottom - top)
    face = picture[int(max(top - more, 0)) : int(bottom + more), int(max(left - more, 0)) : int(right + more)]
    scale = side / max(face.shape[:2])
    size = (round(face.shape[1] * scale), round(face.shape[0] * scale))
    close_up = cv2.resize(face, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    (box,) = EmotionRecognizer(threads=1).find(np.asarray(close_up, np.uint8)).boxes
    assert (box[3] - box[1]) > 0.5 * size[1]


@pytest.mark.parametrize("padded", [False, True])
def test_a_gray_face_from_brow_to_chin(padded: bool) -> None:
    picture = load_image(COLLINS)
    found = make_detector("centerface", threads=1)(picture)
    box = found.boxes[found.boxes[:, 2:].prod(axis=1).argmax()]
    width, height = box[2:] - box[:2]
    tight = picture[int(box[1] + 0.22 * height) : int(box[3]), int(box[0] + 0.03 * width) : int(box[2] - 0.03 * width)]
    gray = np.repeat(cv2.cvtColor(cv2.resize(tight, (100, 100)), cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if padded:
        gray = np.asarray(cv2.copyMakeBorder(gray, 12, 12, 12, 12, cv2.BORDER_CONSTANT), np.uint8)
    assert len(EmotionRecognizer(threads=1).find(gray)) == 1
