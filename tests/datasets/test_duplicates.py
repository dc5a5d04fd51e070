from __future__ import annotations

import cv2
import numpy as np
import pytest

from helpers.data_trees import textures
from mien.datasets.duplicates import copy_groups, fine_correlation, has_copy_in, is_flat, join_groups, near_copies


def shifted(face: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(face, np.array([[1, 0, 2], [0, 1, -1]], np.float32), (48, 48), borderMode=cv2.BORDER_REFLECT)


def enlarged(face: np.ndarray) -> np.ndarray:
    return cv2.resize(face, (52, 52), interpolation=cv2.INTER_AREA)[2:50, 2:50]


def darker(face: np.ndarray) -> np.ndarray:
    return (0.6 * face).astype(np.uint8)


def stamped(face: np.ndarray) -> np.ndarray:
    """With a stock agency's name across it."""
    return cv2.putText(face.copy(), "stock", (4, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255)


def compressed(face: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_GRAYSCALE)


def mirrored(face: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(face[:, ::-1])


def test_copy_groups_are_numbered_by_first_appearance() -> None:
    faces = textures(4)[[2, 0, 2, 1, 0, 2]]
    groups = copy_groups(faces)
    assert groups.dtype == np.int64
    assert groups.tolist() == [0, 1, 0, 2, 1, 0]
    assert copy_groups(faces[:0]).tolist() == []


@pytest.mark.parametrize("change", [shifted, enlarged, darker, stamped, compressed, mirrored])
def test_a_changed_picture_is_found(change: object) -> None:
    faces = textures(40)
    faces[25] = change(faces[7])  # type: ignore[operator]
    near = near_copies(faces)
    assert near.pairs.tolist() == [[7, 25]]
    assert near.mirrored.tolist() == [change is mirrored]
    assert 0.75 <= near.scores[0] <= 1


def test_different_pictures_are_not() -> None:
    seen: list[float] = []
    near = near_copies(textures(200, seed=5), seen.append)
    assert (len(near), near.pairs.shape, near.pairs.dtype) == (0, (0, 2), np.int64)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_strangers_in_the_same_light_are_not() -> None:
    light = cv2.GaussianBlur(textures(1, seed=1)[0], (0, 0), 8).astype(np.float32)
    fine = textures(2, seed=2).astype(np.float32)
    fine = np.stack([each - cv2.GaussianBlur(each, (0, 0), 3) for each in fine])
    pair = (light + fine / 2).clip(0, 255).astype(np.uint8)
    assert fine_correlation(*pair) < 0.5
    assert len(near_copies(pair)) == 0


def test_identical_and_flat_faces_are_in_no_pair_twice() -> None:
    faces = textures(6)
    faces[3] = faces[0]  # an exact copy
    faces[4] = shifted(faces[0])
    faces[1] = 7
    faces[2] = 9
    assert near_copies(faces).pairs.tolist() == [[0, 4]]


@pytest.mark.parametrize("number", [0, 1])
def test_few_faces(number: int) -> None:
    assert len(near_copies(textures(2)[:number])) == 0


def test_the_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = textures(30)
    faces[29], faces[11] = shifted(faces[0]), mirrored(faces[10])
    whole = near_copies(faces)
    monkeypatch.setattr("mien.datasets.duplicates.ROWS_AT_ONCE", 4)
    monkeypatch.setattr("mien.datasets.duplicates.COLUMNS_AT_ONCE", 7)
    assert near_copies(faces).pairs.tolist() == whole.pairs.tolist() == [[0, 29], [10, 11]]


def test_flat() -> None:
    faces = textures(3)
    faces[1] = 200
    faces[2] = 10
    faces[2, :2, :2] = 12  # nearly
    assert is_flat(faces).tolist() == [False, True, True]
    assert is_flat(faces[:0]).tolist() == []


def test_join_groups() -> None:
    groups = np.array([0, 1, 2, 3, 1, 4])
    assert join_groups(groups, np.array([[0, 1], [4, 5]])).tolist() == [0, 0, 2, 3, 0, 0]
    assert join_groups(groups, np.zeros((0, 2), np.int64)).tolist() == groups.tolist()


def test_faces_that_stand_in_others_exactly_or_nearly() -> None:
    reference = textures(30, seed=1)
    faces = textures(6, seed=2)
    faces[1] = reference[4]
    faces[2] = mirrored(shifted(reference[7]))
    faces[3] = 100  # flat, and in the reference only nearly
    reference[9] = 101
    seen: list[float] = []
    assert has_copy_in(faces, reference, seen.append).tolist() == [False, True, True, False, False, False]
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_standing_in_others_agrees_with_the_pairs_of_all() -> None:
    faces = textures(60, seed=3)
    for place, change in enumerate([shifted, enlarged, darker, mirrored]):
        faces[place] = change(faces[40 + place])
    pairs = near_copies(faces).pairs
    expected = [any(pair[0] == place and pair[1] >= 30 for pair in pairs) for place in range(30)]
    assert has_copy_in(faces[:30], faces[30:]).tolist() == expected
