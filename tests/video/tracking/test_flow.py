"""Faces moved_faces from picture to picture by what moved."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from helpers.video_clips import COLLINS, gray
from mien.detection.detections import Detections
from mien.images import load_image
from mien.video.tracking.flow import FaceFlow

BOX = np.array([182, 58, 270, 178], np.float32)
POINTS = np.array([[205, 105], [245, 105], [225, 130], [210, 150], [242, 150]], np.float32)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return load_image(COLLINS)


def face() -> Detections:
    return Detections(BOX[None].copy(), np.ones(1, np.float32), POINTS[None].copy())


def moved(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.mark.parametrize(
    ("shift", "scale", "turn"),
    [((0, 0), 1, 0), ((8, -5), 1, 0), ((-20, 12), 1, 0), ((3, 3), 1.06, 0), ((0, 4), 0.95, 4)],
    ids=["still", "a little", "far", "nearer", "away and turned"],
)
def test_box_and_landmarks_move_with_the_face(
    shift: tuple[float, float], scale: float, turn: float, portrait: np.ndarray
) -> None:
    matrix = cv2.getRotationMatrix2D((226, 118), turn, scale)
    matrix[:, 2] += shift
    flow = FaceFlow()
    flow.remember(portrait)
    moved_faces, lost = flow.move(face(), moved(portrait, matrix))
    assert not lost.any()
    expected = POINTS @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(moved_faces.landmarks[0], expected, atol=2)
    centre = matrix[:, :2] @ BOX.reshape(2, 2).mean(axis=0) + matrix[:, 2]
    np.testing.assert_allclose(moved_faces.boxes[0].reshape(2, 2).mean(axis=0), centre, atol=2)
    np.testing.assert_allclose(
        np.diff(moved_faces.boxes[0].reshape(2, 2), axis=0)[0], scale * (BOX[2:] - BOX[:2]), rtol=0.03
    )


@pytest.mark.parametrize("kind", ["cut", "covered", "another size", "left the picture"])
def test_who_is_gone_is_lost(kind: str, portrait: np.ndarray) -> None:
    after = {
        "cut": np.random.default_rng(0).integers(0, 256, portrait.shape, np.uint8),
        "covered": portrait.copy(),
        "another size": gray(9),
        "left the picture": moved(portrait, np.array([[1, 0, -250], [0, 1, 0]], np.float64)),
    }[kind]
    if kind == "covered":
        after[40:200, 160:300] = (30, 60, 90)
    flow = FaceFlow()
    flow.remember(portrait)
    assert flow.move(face(), after)[1].all()


def test_nobody_and_no_picture_before(portrait: np.ndarray) -> None:
    flow = FaceFlow()
    assert flow.move(face(), portrait)[1].all()
    nobody = face().select(np.zeros(0, np.int64))
    moved_faces, lost = flow.move(nobody, portrait)
    assert (len(moved_faces), len(lost)) == (0, 0)
