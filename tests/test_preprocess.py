"""One crop and one `to_input`: faces land where FER2013 has them, pixels keep their values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mien.errors import InputError
from mien.preprocess import (
    FRAME,
    TEMPLATE_POINTS,
    Framing,
    InputSpec,
    check_crops,
    crop_faces,
    to_input,
)

NOSE = [23.7, 28.8]
TEMPLATE = np.insert(TEMPLATE_POINTS, 2, NOSE, axis=0).astype(np.float64)  # five landmarks in the 48x48 frame
TEMPLATE_BOX = np.array(Framing().box, np.float32).reshape(2, 2)
BY_POINTS = Framing()
NEAR = 0.1  # pixels of the frame; half a pixel of a large face, rounded wrongly, would be 0.25
NO_POINTS = np.full((1, 5, 2), np.nan, np.float32)

# --- what the network reads ---


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 45}, "even number from 8 to 48, got 45"),
        ({"size": 50}, "got 50"),
        ({"size": 6}, "got 6"),
        ({"std": 0.0}, "positive std"),
        ({"std": -1.0}, "positive std"),
        ({"std": float("nan")}, "positive std"),
        ({"std": float("inf")}, "positive std"),
        ({"mean": float("nan")}, "finite mean"),
    ],
)
def test_input_spec_is_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        InputSpec(**options)


@pytest.mark.parametrize(("size", "margin"), [(48, 0), (44, 2), (8, 20)])
def test_window_is_the_centre(size: int, margin: int) -> None:
    spec = InputSpec(size=size)
    frame = np.arange(48 * 48).reshape(1, 48, 48)
    window = spec.window(frame)
    assert spec.margin == margin
    assert window.shape == (1, size, size)
    assert window[0, 0, 0] == frame[0, margin, margin]
    assert window[0, -1, -1] == frame[0, 47 - margin, 47 - margin]
    assert InputSpec(**spec.to_dict()) == spec


def test_to_input_has_exact_values() -> None:
    crops = np.zeros((2, 48, 48), np.uint8)
    crops[0, 2:46, 2:46] = 255
    crops[1, 24, 25] = 192
    values = to_input(crops, InputSpec(size=44, mean=128, std=64))
    assert values.shape == (2, 1, 44, 44)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    assert (values[0] == (255 - 128) / 64).all()
    assert values[1, 0, 22, 23] == 1
    assert (np.delete(values[1].ravel(), 22 * 44 + 23) == -2).all()


@pytest.mark.parametrize("other", [0, 7, 255])
def test_nothing_is_scaled_by_the_picture_or_its_company(other: int) -> None:
    dark = np.random.default_rng(0).integers(0, 30, (1, 48, 48), np.uint8)
    company = np.concatenate([dark, np.full((1, 48, 48), other, np.uint8)])
    alone = to_input(dark, InputSpec())
    np.testing.assert_array_equal(to_input(company, InputSpec())[:1], alone)
    assert alone.max() <= (30 - 128) / 64


@pytest.mark.parametrize(
    ("crops", "got"),
    [
        (np.zeros((1, 48, 48)), "float64"),
        (np.zeros((1, 48, 48), np.int8), "int8"),
        (np.zeros((48, 48), np.uint8), r"\(48, 48\)"),
        (np.zeros((1, 47, 48), np.uint8), r"\(1, 47, 48\)"),
        (np.zeros((1, 1, 48, 48), np.uint8), r"\(1, 1, 48, 48\)"),
        ([[1]], "list"),
    ],
)
def test_wrong_crops(crops: Any, got: str) -> None:
    with pytest.raises(InputError, match=f"uint8 array .*{got}"):
        check_crops(crops)
    with pytest.raises(InputError, match=got):
        to_input(crops, InputSpec())


# --- where faces land ---


def spot(shape: tuple[int, int], x: float, y: float, width: float) -> np.ndarray:
    """A round bright spot, float (H, W), 0 to 1; the pixel of column i reaches from i to i + 1."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(np.exp(-((rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2) / (2 * width**2)))


def centroid(crop: np.ndarray) -> np.ndarray:
    weights = crop.astype(np.float64) - crop.min()
    rows, columns = np.mgrid[:FRAME, :FRAME]
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum() + 0.5


def rotation(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def placed(height: float, corner: tuple[float, float], roll: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (5, 2) and box (4,) of a face of that height, its frame turned by `roll` about its centre."""
    factor = height / (TEMPLATE_BOX[1, 1] - TEMPLATE_BOX[0, 1])
    points = ((TEMPLATE - 24) @ rotation(roll).T + 24) * factor + corner
    box = TEMPLATE_BOX.astype(np.float64) * factor + np.tile(corner, (2, 1))
    return points.astype(np.float32), box.ravel().astype(np.float32)


def landed(points: np.ndarray, box: np.ndarray, side: int, framing: Framing = BY_POINTS) -> np.ndarray:
    """Where each landmark of a face in a picture comes to lie in the crop: five pictures of one bright spot each."""
    width = max(1.0, (box[3] - box[1]) * 0.03)
    found = []
    for x, y in points:
        gray = (40 + 200 * spot((side, side), x, y, width)).astype(np.uint8)
        crop = crop_faces(np.repeat(gray[:, :, None], 3, axis=2), box[None], points[None], framing)[0]
        found.append(centroid(crop))
    return np.array(found)


@pytest.mark.parametrize(
    ("height", "corner"),
    [
        (15, (3.0, 4.0)),
        (20, (30.3, 11.7)),
        (33, (0.0, 0.0)),
        (47, (20.5, 8.5)),
        (70, (10.1, 33.9)),
        (96, (40.0, 2.0)),
        (99, (7.7, 0.3)),  # above twice the frame: shrunk by area first
        (150, (21.2, 19.8)),
        (400, (55.0, 30.0)),
        (800, (13.0, 101.0)),
    ],
)
def test_eyes_and_mouth_land_on_the_template(height: float, corner: tuple[float, float]) -> None:
    points, box = placed(height, corner)
    found = landed(points, box, side=int(height * 1.1 + max(corner) + 4))
    assert abs(found - TEMPLATE).max() < NEAR, found - TEMPLATE


@pytest.mark.parametrize("height", [40, 300])
@pytest.mark.parametrize("roll", [-25, 10, 90])
def test_upright_undoes_the_roll_and_by_default_it_stays(height: float, roll: float) -> None:
    points, box = placed(height, (height / 2, height / 2), roll)
    side = int(height * 2.2)
    upright = landed(points, box, side, Framing(upright=1))
    assert abs(upright - TEMPLATE).max() < NEAR
    middle = TEMPLATE_POINTS.mean(axis=0)
    as_it_is = landed(points, box, side)
    assert abs(as_it_is - ((TEMPLATE - middle) @ rotation(roll).T + middle)).max() < NEAR
    half = landed(points, box, side, Framing(upright=0.5))
    assert abs(half - ((TEMPLATE - middle) @ rotation(roll / 2).T + middle)).max() < NEAR


def test_scale_and_shift() -> None:
    points, box = placed(100, (40, 40))
    middle = TEMPLATE_POINTS.mean(axis=0)
    found = landed(points, box, 200, Framing(scale=1.2, shift=(2.0, -3.0)))
    assert abs(found - (1.2 * (TEMPLATE - middle) + middle + [2, -3])).max() < NEAR


def test_by_box_leaves_the_decision_to_the_box() -> None:
    points, box = placed(100, (40, 40))
    larger = np.array([box[0] - 50, box[1] - 50, box[2] + 50, box[3] + 50], np.float32)
    by_points = landed(points, larger, 240)
    assert abs(by_points - TEMPLATE).max() < NEAR  # a bad box does no harm
    by_box = landed(points, larger, 240, Framing(by_box=1))
    mapped = box_map(larger)(points)
    assert abs(by_box - mapped).max() < NEAR
    between = landed(points, larger, 240, Framing(by_box=0.5))
    eyes = [np.linalg.norm(found[1] - found[0]) for found in (by_box, between, by_points)]
    assert eyes[0] + 2 < eyes[1] < eyes[2] - 2


def box_map(box: np.ndarray) -> Any:
    """How a face without landmarks is fitted: same centre as the template's box, same root of its squared sides."""
    corners = box.reshape(2, 2).astype(np.float64)
    size = np.linalg.norm(TEMPLATE_BOX[1] - TEMPLATE_BOX[0]) / np.linalg.norm(corners[1] - corners[0])
    return lambda points: (points - corners.mean(axis=0)) * size + TEMPLATE_BOX.mean(axis=0)


@pytest.mark.parametrize("missing", [np.nan, np.inf])
@pytest.mark.parametrize(("width", "height"), [(39.0, 45.7), (20.0, 20.0), (200.0, 240.0)])
def test_a_face_without_landmarks_is_fitted_by_its_box(width: float, height: float, missing: float) -> None:
    box = np.array([60.0, 50.0, 60 + width, 50 + height], np.float32)
    wanted = box_map(box)
    points = np.array(TEMPLATE[None], np.float32)
    points[0, 3, 1] = missing  # one missing number is enough
    for share in ((0.3, 0.4), (0.7, 0.4), (0.5, 0.8)):
        place = box[:2] + (box[2:] - box[:2]) * share
        gray = (40 + 200 * spot((330, 330), place[0], place[1], max(1.0, height * 0.03))).astype(np.uint8)
        crop = crop_faces(np.repeat(gray[:, :, None], 3, axis=2), box[None], points)[0]
        assert abs(centroid(crop) - wanted(place)).max() < NEAR


def test_a_box_of_the_templates_shape_lands_on_the_templates_box() -> None:
    _, box = placed(160, (30, 20))
    np.testing.assert_allclose(box_map(box)(box.reshape(2, 2)), TEMPLATE_BOX, atol=0.01)


def test_a_fer2013_frame_stays_as_it_is() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    image = np.repeat(gray[:, :, None], 3, axis=2)
    by_points = crop_faces(image, TEMPLATE_BOX.reshape(1, 4), TEMPLATE[None].astype(np.float32))
    by_box = crop_faces(image, TEMPLATE_BOX.reshape(1, 4), NO_POINTS)
    for crop in (by_points[0], by_box[0]):
        assert abs(crop.astype(int) - gray).max() <= 1


def test_colors_become_gray_by_luminance() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):  # RGB, not BGR
        one = image.copy()
        one[:, :, channel] = 200
        crop = crop_faces(one, np.array([[10, 10, 50, 55]], np.float32), NO_POINTS)
        assert abs(crop.astype(int) - round(200 * weight)).max() <= 1


@pytest.mark.parametrize("factor", [4, 7.3, 16])
def test_fine_patterns_of_large_faces_become_flat_gray(factor: float) -> None:
    side = int(48 * factor)
    checkers = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)
    box = (TEMPLATE_BOX * factor).reshape(1, 4).astype(np.float32)
    crop = crop_faces(np.repeat(checkers[:, :, None], 3, axis=2), box, NO_POINTS)[0]
    assert abs(crop.astype(int) - 127).max() <= 12


def test_many_faces_and_none() -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    boxes = np.array([[10, 10, 60, 70], [100, 50, 180, 140], [5, 100, 25, 125]], np.float32)
    points = np.repeat(NO_POINTS, 3, axis=0)
    together = crop_faces(image, boxes, points)
    assert together.shape == (3, 48, 48)
    assert together.dtype == np.uint8
    for row in range(3):
        np.testing.assert_array_equal(together[row], crop_faces(image, boxes[row : row + 1], NO_POINTS)[0])
    nobody = crop_faces(image, np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32))
    assert nobody.shape == (0, 48, 48)
    assert nobody.dtype == np.uint8


# --- at the edges ---


def test_outside_the_picture_its_edge_is_repeated() -> None:
    image = np.full((100, 100, 3), 50, np.uint8)
    image[:, 0] = 200
    crop = crop_faces(image, np.array([[-40, 20, 40, 110]], np.float32), NO_POINTS)[0]
    assert (crop[:, :20] == 200).all()
    assert (crop[:, 30:] == 50).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (20, 20), (3000, 2000)])
@pytest.mark.parametrize(
    "box",
    [
        [0, 0, 1, 1],
        [0, 0, 20, 20],
        [-500, -500, 600, 600],
        [-300, -300, -200, -200],  # wholly outside: the nearest pixels
        [5000, 5000, 5100, 5100],
        [0.2, 0.2, 0.3, 0.3],
        [7, 7, 7, 7],
        [-1e7, -1e7, 1e7, 1e7],
    ],
)
def test_any_box_in_any_picture(shape: tuple[int, int], box: list[float]) -> None:
    image = np.full((*shape, 3), 77, np.uint8)
    boxes = np.array([box], np.float32)
    corners = boxes.reshape(2, 2)
    points = (corners[0] + (corners[1] - corners[0]) * (TEMPLATE[None] / 48)).astype(np.float32)
    for landmarks in (NO_POINTS, points):
        for framing in (Framing(), Framing(upright=1)):
            np.testing.assert_array_equal(crop_faces(image, boxes, landmarks, framing), np.full((1, 48, 48), 77))
