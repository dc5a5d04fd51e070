"""`Faces` is checked when it is made, and says the same as rows, JSON, tables and drawings."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mien import drawing
from mien.errors import InputError, MissingExtraError
from mien.face import Face
from mien.labels import FER2013, FERPLUS, color
from mien.results import UNCERTAINTY_COLUMNS, Faces

EMOTIONS = ["happy", "sad", "contempt"]
FACE_KEYS = ["box", "score", "landmarks", "emotion", "confidence", "vote_share", "probabilities", "track"]


def make(n: int = 3, **changes: Any) -> Faces:
    """Up to three faces: the second has no landmarks, the third no vote_share."""
    probabilities = np.full((3, 8), 0.05, np.float32)
    for row, emotion in enumerate(EMOTIONS):
        probabilities[row, FERPLUS.index(emotion)] = 0.65
    boxes = np.array([[10, 20, 110, 90], [120.06, 30, 180, 99.96], [190, 5, 198, 14]], np.float32)
    landmarks = np.arange(30, dtype=np.float32).reshape(3, 5, 2)
    landmarks[1, 4, 1] = np.nan
    values = {
        "boxes": boxes[:n],
        "scores": np.array([0.9, 0.8, 0.7], np.float32)[:n],
        "landmarks": landmarks[:n],
        "probabilities": probabilities[:n],
        "vote_shares": np.array([0.5, 0.25, np.nan], np.float32)[:n],
        "labels": FERPLUS,
        "size": (200, 160),
        "source": "party.jpg",
    }
    return Faces(**(values | changes))


def picture(width: int = 200, height: int = 160) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


# --- what it is made of ---


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"boxes": np.zeros((3, 5), np.float32)}, r"boxes: expected float32 \(3, 4\), got float32 \(3, 5\)"),
        ({"boxes": np.zeros((3, 4))}, r"boxes: expected float32 \(3, 4\), got float64"),
        ({"boxes": [[0, 0, 1, 1]] * 3}, "boxes.*got list"),
        ({"boxes": None}, "boxes.*got NoneType"),
        ({"scores": np.ones((3, 1), np.float32)}, r"scores: expected float32 \(3,\)"),
        ({"scores": np.ones(2, np.float32)}, r"scores.*got float32 \(2,\)"),
        ({"landmarks": np.zeros((3, 10), np.float32)}, r"landmarks: expected float32 \(3, 5, 2\)"),
        ({"landmarks": None}, "landmarks.*got NoneType"),
        ({"probabilities": np.full((3, 7), 1 / 7, np.float32)}, r"probabilities: expected float32 \(3, 8\)"),
        ({"labels": FER2013}, r"probabilities: expected float32 \(3, 7\)"),
        ({"probabilities": np.full((3, 8), 12.5, np.float32)}, "sum to 1"),  # percent
        ({"probabilities": np.full((3, 8), np.nan, np.float32)}, "sum to 1"),
        ({"probabilities": np.tile([2, -1, 0, 0, 0, 0, 0, 0], (3, 1)).astype(np.float32)}, "from 0"),
        ({"vote_shares": np.ones(4, np.float32)}, r"vote_shares: expected float32 \(3,\)"),
        ({"vote_shares": np.ones(3, np.int64)}, "vote_shares.*got int64"),
        ({"track_ids": np.zeros(2, np.int64)}, r"track_ids: expected int64 \(3,\)"),
        ({"track_ids": np.zeros(3, np.float32)}, "track_ids.*got float32"),
        ({"track_ids": [1, 2, 3]}, "track_ids.*got list"),
    ],
)
def test_wrong_arrays(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(**changes)


# --- rows of it ---


def test_one_face() -> None:
    face = make()[0]
    assert isinstance(face, Face)
    assert face.box == (10, 20, 110, 90)
    assert face.score == pytest.approx(0.9)
    assert face.landmarks == ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
    assert (face.emotion, face.confidence) == ("happy", pytest.approx(0.65))
    assert list(face.probabilities) == list(FERPLUS.names)
    assert sum(face.probabilities.values()) == pytest.approx(1)
    assert face.vote_share == 0.5
    assert face.track is None
    assert all(type(value) is float for value in (*face.box, face.score, face.confidence, *face.probabilities.values()))


def test_what_is_unknown_is_none() -> None:
    faces = make()
    assert [face.landmarks is None for face in faces] == [False, True, False]
    assert [face.vote_share is None for face in faces] == [False, False, True]
    values = [face.to_dict() for face in faces]
    assert values[1]["landmarks"] is None
    assert values[2]["vote_share"] is None


@pytest.mark.parametrize("index", [1, -2, np.int64(1)])
def test_numbers(index: int) -> None:
    assert make()[index].emotion == "sad"


@pytest.mark.parametrize(
    ("index", "emotions"),
    [
        (slice(0, 2), ["happy", "sad"]),
        (slice(None, None, -1), ["contempt", "sad", "happy"]),
        (np.array([True, False, True]), ["happy", "contempt"]),
        (np.array([2, 0]), ["contempt", "happy"]),
        ([2], ["contempt"]),
        (slice(3, None), []),
        (np.zeros(3, bool), []),
    ],
)
def test_selections(index: Any, emotions: list[str]) -> None:
    tracked = make(track_ids=np.array([7, 8, 9]))
    chosen = tracked[index]
    assert isinstance(chosen, Faces)
    assert chosen.emotions == emotions
    assert (chosen.size, chosen.source, chosen.labels) == (tracked.size, tracked.source, tracked.labels)
    assert [face.to_dict() for face in chosen] == [
        next(face for face in tracked if face.emotion == emotion).to_dict() for emotion in emotions
    ]


def test_beyond_the_last_face() -> None:
    with pytest.raises(IndexError):
        make()[3]


def test_iteration_and_columns_of_values() -> None:
    faces = make(track_ids=np.array([7, 8, 9]))
    assert [face.emotion for face in faces] == faces.emotions == EMOTIONS
    np.testing.assert_allclose(faces.confidences, [face.confidence for face in faces])
    assert [face.track for face in faces] == [7, 8, 9]
    assert len(faces) == 3


def test_top() -> None:
    probabilities = np.array([[0.1, 0.2, 0.3, 0.4, 0, 0, 0, 0]], np.float32)
    face = make(1, probabilities=probabilities)[0]
    assert [name for name, _ in face.top(3)] == ["sad", "surprise", "happy"]
    assert len(face.top(1)) == 1
    assert len(face.top(99)) == 8


# --- the same elsewhere ---


def test_dict_and_json() -> None:
    faces = make(source="größe 人.jpg")
    values = json.loads(faces.to_json())
    assert values == faces.to_dict() == json.loads(faces.to_json(indent=None))
    assert "größe 人.jpg" in faces.to_json()
    assert "\n" not in faces.to_json(indent=None)
    assert list(values) == ["source", "width", "height", "labels", "faces"]
    assert (values["width"], values["height"], values["labels"]) == (200, 160, "ferplus")
    assert [list(face) for face in values["faces"]] == [FACE_KEYS] * 3
    assert list(values["faces"][0]["probabilities"]) == list(FERPLUS.names)


def test_json_is_rounded_to_what_it_is_worth() -> None:
    values = make().to_dict()["faces"][1]
    assert values["box"] == [120.1, 30.0, 180.0, 100.0]
    assert values["score"] == 0.8
    assert values["confidence"] == 0.65
    assert values["vote_share"] == 0.25
    assert values["probabilities"]["fear"] == 0.05


def test_rows_and_columns_agree() -> None:
    rows = make().to_rows()
    assert [row["face"] for row in rows] == [0, 1, 2]
    assert all(list(row) == Faces.columns(FERPLUS) for row in rows)
    assert Faces.columns(FER2013)[10:] == [*FER2013.names, *UNCERTAINTY_COLUMNS]
    assert rows[0]["source"] == "party.jpg"
    assert [rows[0][side] for side in ("left", "top", "right", "bottom")] == [10, 20, 110, 90]
    assert rows[0]["contempt"] == 0.05
    assert rows[2]["vote_share"] is None


def test_pandas() -> None:
    table = make().to_pandas()
    assert list(table.columns) == Faces.columns(FERPLUS)
    assert list(table["emotion"]) == EMOTIONS
    assert make(0).to_pandas().shape == (0, len(Faces.columns(FERPLUS)))


def test_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        make().to_pandas()


def test_text() -> None:
    faces = make()
    assert str(faces).splitlines() == [
        "3 faces in party.jpg (200x160)",
        "  1. happy 65%, seen by 50% (100x70 at 10, 20)",
        "  2. sad 65%, seen by 25% (60x70 at 120, 30)",
        "  3. contempt 65% (8x9 at 190, 5)",
    ]
    assert repr(faces) == "<Faces: 3 faces in party.jpg (200x160)>"
    assert str(make(1)).startswith("1 face in ")


def test_html() -> None:
    page = make(source="<script>alert(1)</script>.jpg")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<tr>") == 4
    assert all(f"<b>{emotion}</b>" in page for emotion in EMOTIONS)
    assert f"rgb{color('contempt')}" in page


def test_no_face_is_a_result_too() -> None:
    nobody = make(0)
    assert len(nobody) == 0
    assert list(nobody) == nobody.emotions == nobody.to_rows() == nobody.to_dict()["faces"] == []
    assert nobody.confidences.shape == (0,)
    assert str(nobody) == "no face in party.jpg (200x160)"
    assert "no face" in nobody._repr_html_()
    assert "<table>" not in nobody._repr_html_()
    np.testing.assert_array_equal(nobody.draw(picture()), picture())
    with pytest.raises(IndexError):
        nobody[0]


# --- drawn ---


def test_a_drawing_is_a_changed_copy() -> None:
    image = picture()
    drawn = make().draw(image)
    np.testing.assert_array_equal(image, picture())
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert drawn.flags.writeable
    for (left, upper, right, _), emotion in zip(make().boxes, EMOTIONS, strict=True):
        edge = drawn[round(float(upper)), round(float(left + right) / 2)]
        np.testing.assert_array_equal(edge, color(emotion))
    inside = drawn[40:80, 30:90]  # of the first face, where nothing may cover the eyes
    np.testing.assert_array_equal(inside, picture()[40:80, 30:90])


def test_more_emotions_take_more_room() -> None:
    changed = [(make(1).draw(picture(), top=top) != picture()).sum() for top in (1, 3)]
    assert changed[1] > changed[0]


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="200x160, got one of 160x200"):
        make().draw(picture(160, 200))


def test_captions_leave_other_faces_free() -> None:
    """The second face stands right below the first: the caption of the first moves above it."""
    boxes = np.array([[60, 100, 160, 220], [60, 225, 140, 330]], np.float32)
    faces = replace(make(2), boxes=boxes, size=(220, 400))
    drawn = drawing.draw_faces(picture(220, 400), faces)
    for left, upper, right, lower in boxes.astype(int):
        inside = drawn[upper + 8 : lower - 8, left + 8 : right - 8]
        assert (inside == 90).all()
    assert (drawn[60:95, 65:150] != 90).any()


def test_captions_of_faces_that_fill_the_picture_stay_inside() -> None:
    drawn = make(1, boxes=np.array([[0, 0, 200, 160]], np.float32)).draw(picture())
    assert (drawn[130:160, 20:100] != 90).any()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 200), (200, 2), (20, 20), (640, 480)])
@pytest.mark.parametrize(
    "box", [[0, 0, 1, 1], [0, 0, 1e5, 1e5], [-50, -50, 5, 5], [600, 470, 640, 480], [3, 3, 3, 3], [900, 900, 950, 950]]
)
@pytest.mark.parametrize("top", [1, 99])
def test_any_face_can_be_drawn(width: int, height: int, box: list[float], top: int) -> None:
    faces = make(1, boxes=np.array([box], np.float32), size=(width, height))
    assert faces.draw(picture(width, height), top=top).shape == (height, width, 3)


# --- what is not sure enough ---


@pytest.mark.parametrize(("least", "emotions"), [(0.65, EMOTIONS), (0.66, ["uncertain"] * 3)])
def test_less_likely_emotions_are_uncertain(least: float, emotions: list[str]) -> None:
    faces = make(min_confidence=np.float32(least))
    assert faces.emotions == emotions
    assert [face.emotion for face in faces] == emotions
    assert [row["emotion"] for row in faces.to_rows()] == emotions
    assert [face.top(1)[0][0] for face in faces] == EMOTIONS  # what it would have been
    assert faces[1:].emotions == emotions[1:]
    assert faces.draw(picture()).shape == (160, 200, 3)
