"""What is drawn on video neither flickers nor jumps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import ImageDraw

from helpers.made_up_faces import faces
from helpers.video_clips import gray
from mien.drawing import VideoAnnotator
from mien.labels import FERPLUS, color
from mien.results import Faces

CANVAS = gray(60, (320, 240))
BOX = (100.0, 80.0, 160.0, 150.0)


def share_of(image: np.ndarray, emotion: str) -> float:
    return float((np.abs(image.astype(int) - color(emotion)).max(axis=2) < 6).mean())


def rows_changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.flatnonzero((before != after).any(axis=(1, 2)))


def test_a_box_in_its_emotions_colour_and_a_caption() -> None:
    image = VideoAnnotator().draw(0, CANVAS, faces((1, "happy", 0.9), box=BOX))
    assert image.shape == CANVAS.shape
    assert image.dtype == np.uint8
    assert share_of(image, "happy") > 0.005
    assert (CANVAS == 60).all()  # a copy
    assert rows_changed(CANVAS, image)[-1] > 155  # the caption is below the box


def test_faces_without_a_number_are_left_out() -> None:
    from dataclasses import replace

    assert (VideoAnnotator().draw(0, CANVAS, replace(faces((1, "happy", 0.9)), track_ids=None)) == CANVAS).all()


def test_nothing_stays_when_a_face_goes() -> None:
    pen = VideoAnnotator()
    pen.draw(0, CANVAS, faces((1, "happy", 0.9), box=BOX))
    assert (pen.draw(0.1, CANVAS, faces()) == CANVAS).all()


def test_a_jittering_box_is_drawn_calmly() -> None:
    pen, drawn = VideoAnnotator(), []
    rng = np.random.default_rng(0)
    for k in range(30):
        jittered = tuple(np.add(BOX, rng.normal(0, 3, 4)))
        pen.draw(k / 30, CANVAS, faces((1, "happy", 0.9), box=jittered))  # type: ignore[arg-type]
        drawn.append(pen._shown[1].box.copy())
    assert np.std(np.diff(drawn[5:], axis=0)) < 0.6 * np.sqrt(2) * 3


def test_the_figure_stays_for_a_while_and_the_emotion_does_not() -> None:
    pen, texts = VideoAnnotator(), []
    for k, (emotion, value) in enumerate([("happy", 0.9), ("happy", 0.8), ("sad", 0.6), ("sad", 0.7)]):
        pen.draw(k * 0.04, CANVAS, faces((1, emotion, value), box=BOX))
        texts.append(pen._shown[1].text)
    assert texts == ["happy 90%", "happy 90%", "sad 60%", "sad 60%"]
    pen.draw(1.0, CANVAS, faces((1, "sad", 0.7), box=BOX))
    assert pen._shown[1].text == "sad 70%"


def test_a_caption_keeps_its_side() -> None:
    """At the foot of the picture there is no room below; going up again it does not come back at once."""
    pen, sides = VideoAnnotator(), []
    for k, top in enumerate([100, 168, 168, 160, 150]):
        pen.draw(k * 0.1, CANVAS, faces((1, "happy", 0.9), box=(100, top, 160, top + 70)))
        sides.append(pen._shown[1].side)
    assert sides == ["below", "above", "above", "above", "above"]


def test_who_comes_back_elsewhere_does_not_glide_through_the_picture() -> None:
    pen = VideoAnnotator()
    pen.draw(0, CANVAS, faces((1, "happy", 0.9), box=BOX))
    pen.draw(0.04, CANVAS, faces((1, "happy", 0.9), box=(200, 80, 260, 150)))
    assert pen._shown[1].box[0] == 200


def test_details_are_bars_beside_or_around_the_face() -> None:
    """Every emotion has its bar; the panel stands inside the picture and off the face."""
    pen = VideoAnnotator(details=True)
    box = (130.0, 60.0, 210.0, 160.0)
    before = gray(60, (480, 360))
    after = pen.draw(0, before, faces((1, "happy", 0.5), box=box))
    panel = (before != after).any(axis=2)
    assert (after[80:140, 140:200] == 60).all()  # the face itself is not covered
    strip = VideoAnnotator().draw(0, before, faces((1, "happy", 0.5), box=box))
    assert panel.sum() > 1.5 * np.count_nonzero((before != strip).any(axis=2))
    assert share_of(after, "happy") > 0.003


def test_small_faces_have_no_room_for_details() -> None:
    small = faces((1, "happy", 0.9), box=(100, 80, 130, 115))
    assert (VideoAnnotator(details=True).draw(0, CANVAS, small) == VideoAnnotator().draw(0, CANVAS, small)).all()


def test_details_go_where_there_is_room_when_they_are_turned_off() -> None:
    pen = VideoAnnotator(details=True)
    seen = faces((1, "happy", 0.9), box=(20, 20, 90, 110))
    pen.draw(0, CANVAS, seen)
    pen._shown[1].side = "right"
    pen.details = False
    pen.draw(0.1, CANVAS, seen)
    assert pen._shown[1].side in ("below", "above")


def test_without_captions_there_are_boxes() -> None:
    with_caption = VideoAnnotator().draw(0, CANVAS, faces((1, "happy", 0.9), box=BOX))
    without = VideoAnnotator().draw(0, CANVAS, faces((1, "happy", 0.9), box=BOX), captions=False)
    assert 0 < share_of(without, "happy") < share_of(with_caption, "happy")
    assert rows_changed(CANVAS, without)[-1] <= 153


@pytest.mark.parametrize("details", [True, False])
@pytest.mark.parametrize("people", [2, 6, 20])
def test_no_caption_hides_another_face_or_caption(people: int, details: bool) -> None:
    """A grid of faces with room for short captions at least."""
    rng = np.random.default_rng(people)
    columns = int(np.ceil(np.sqrt(people * 16 / 9)))
    boxes = []
    for k in range(people):
        x = (k % columns + 0.5) * 1280 / columns + rng.normal(0, 8)
        y = (k // columns + 0.4) * 720 / np.ceil(people / columns) + rng.normal(0, 8)
        boxes.append([x - 45, y - 54, x + 45, y + 54])
    rows = rng.dirichlet(np.ones(len(FERPLUS)), people).astype(np.float32)
    seen = Faces(
        boxes=np.array(boxes, np.float32),
        scores=np.ones(people, np.float32),
        landmarks=np.full((people, 5, 2), np.nan, np.float32),
        probabilities=rows,
        vote_shares=rows.max(axis=1),
        labels=FERPLUS,
        size=(1280, 720),
        track_ids=np.arange(1, people + 1),
    )
    pen = VideoAnnotator(details=details)
    pen.draw(0, gray(60, (1280, 720)), seen)
    assert len(pen.captions) == people
    for number, caption in pen.captions.items():
        others = [box for other, box in pen.captions.items() if other != number]
        others += [box for k, box in enumerate(boxes, 1) if k != number]
        area = (caption[2] - caption[0]) * (caption[3] - caption[1])
        assert sum(shared(caption, other) for other in others) <= 0.03 * area


def shared(a: Sequence[float], b: Sequence[float]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def test_the_percentage_in_the_headline_and_in_its_bar_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    write = ImageDraw.ImageDraw.text

    def text(self: Any, place: Any, words: str, **more: Any) -> None:
        texts.append(words)
        write(self, place, words, **more)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    pen = VideoAnnotator(details=True)
    for k, share in enumerate((0.5, 0.6, 0.7, 0.8, 0.55, 0.9)):
        texts.clear()
        pen.draw(k / 10, gray(60, (1280, 720)), faces((1, "happy", share), box=(300, 100, 600, 450)))
        (headline,) = [each for each in texts if each.startswith("happy ")]
        bar = texts[texts.index("happy") + 1]
        assert headline == f"happy {bar}"
