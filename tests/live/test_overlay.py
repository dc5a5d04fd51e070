"""The lines on a live picture: inside it, readable, and gone when they are empty."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.video_clips import gray
from mien.live.overlay import LARGEST, LEAST_WIDTH, RED, OverlayText, draw_overlay, fitted

PICTURE = gray(120, (640, 360))


def changed(overlay: OverlayText) -> np.ndarray:
    """Rows and columns, (n, 2), of what the lines changed."""
    return np.argwhere((draw_overlay(PICTURE, overlay) != PICTURE).any(axis=2))


def test_nothing_to_say_nothing_drawn() -> None:
    assert (draw_overlay(PICTURE, OverlayText()) == PICTURE).all()


@pytest.mark.parametrize(
    ("overlay", "above", "left"),
    [
        (OverlayText(status="30.0 frames/s"), False, True),
        (OverlayText(keys="q quit"), False, False),
        (OverlayText(recording="00:03.2"), True, False),
    ],
    ids=["status", "keys", "recording"],
)
def test_where_the_lines_are(overlay: OverlayText, above: bool, left: bool) -> None:
    rows, columns = changed(overlay).T
    assert (rows.max() < 60) if above else (rows.min() > 300)
    assert (columns.max() < 320) if left else (columns.min() > 320)


def test_long_lines_do_not_cover_one_another() -> None:
    status, keys = "30.0 frames/s   13 ms   12 faces   " * 2, "q quit   s snapshot   " * 4
    both = changed(OverlayText(status=status, keys=keys))
    assert both[:, 0].min() < changed(OverlayText(status=status))[:, 0].min()


def test_notices_are_folded_into_the_picture() -> None:
    rows, columns = changed(OverlayText(notice="reconnecting, try 3: " + "a long reason " * 20)).T
    assert columns.min() >= 0
    assert columns.max() - columns.min() < 640
    assert rows.max() - rows.min() > 40  # more than one line


def test_the_red_dot() -> None:
    image = draw_overlay(PICTURE, OverlayText(recording="00:00.1"))
    assert (image == RED).all(axis=2).sum() > 50


def test_a_stale_picture_is_dark() -> None:
    assert draw_overlay(PICTURE, OverlayText(stale=True)).mean() == pytest.approx(40)


@pytest.mark.parametrize(
    ("size", "window", "expected"),
    [
        ((640, 360), None, (640, 360)),
        ((320, 240), None, (LEAST_WIDTH, 480)),
        ((3840, 2160), None, LARGEST),
        ((600, 3000), None, (144, 720)),
        ((640, 360), (1280, 720), (1280, 720)),
        ((640, 480), (1280, 720), (960, 720)),
    ],
)
def test_pictures_fit_their_window(
    size: tuple[int, int], window: tuple[int, int] | None, expected: tuple[int, int]
) -> None:
    image = fitted(gray(9, size), window)
    assert (image.shape[1], image.shape[0]) == expected
