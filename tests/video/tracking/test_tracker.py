"""Known people on known paths keep their numbers; labels hold against flicker and do not outlive what is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mien.errors import InputError
from mien.video.tracking.smoothing import Smoother
from mien.video.tracking.tracker import Tracker, TrackOptions, appearance_of

Path2 = Callable[[float], tuple[float, float] | None]
SIDE = 60.0


def appearance(seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=108)
    return (values / np.linalg.norm(values)).astype(np.float32)


def follow(people: list[Path2], *, seconds: float = 4, step: float = 0.1, appearances: bool = False) -> list[list[int]]:
    """The numbers that each person was given, in order of time; a person is a path of centres, None: not visible.

    The order of the detections changes from frame to frame, and boxes are a few percent off, as detectors' are.
    """
    rng = np.random.default_rng(0)
    tracker = Tracker()
    given: list[list[int]] = [[] for _ in people]
    for time in np.arange(0, seconds, step):
        seen = [(who, place) for who, path in enumerate(people) if (place := path(float(time))) is not None]
        seen = [seen[k] for k in rng.permutation(len(seen))]
        boxes = np.array(
            [[x - SIDE / 2, y - SIDE / 2, x + SIDE / 2, y + SIDE / 2] for _, (x, y) in seen], np.float32
        ).reshape(-1, 4)
        boxes += rng.normal(0, 0.02 * SIDE, boxes.shape).astype(np.float32)
        descriptions = np.stack([appearance(who) for who, _ in seen]) if appearances and seen else None
        for (who, _), number in zip(seen, tracker.update(float(time), boxes, descriptions), strict=True):
            given[who].append(int(number))
    return given


def still(x: float, y: float = 100) -> Path2:
    return lambda time: (x, y)


def moving(x: float, speed: float, y: float = 100) -> Path2:
    return lambda time: (x + speed * time, y)


def hidden(path: Path2, *spans: tuple[float, float]) -> Path2:
    return lambda time: None if any(low <= time < high for low, high in spans) else path(time)


SCENES: dict[str, tuple[list[Path2], bool]] = {
    "sitting side by side": ([still(100), still(180), still(260)], False),
    "walking": ([moving(100, 150)], False),
    "a short occlusion": ([hidden(still(100), (1, 2)), still(300)], False),
    "walking behind a pillar": ([hidden(moving(50, 120), (1.5, 2.2))], False),
    "crossing, both visible": ([moving(100, 80), moving(420, -80, 120)], False),
    "crossing, one hidden by the other": ([moving(100, 80), hidden(moving(420, -80), (1.6, 2.4))], False),
    "meeting and turning back, with different appearance": (
        [
            lambda time: (200 - 80 * abs(time - 2), 100),
            hidden(lambda time: (220 + 80 * abs(time - 2), 100), (1.7, 2.3)),
        ],
        True,
    ),
}


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("step", [1 / 30, 0.1, 0.2])
def test_everybody_keeps_one_number(name: str, step: float) -> None:
    people, appearances = SCENES[name]
    given = follow(people, step=step, appearances=appearances)
    assert all(len(set(numbers)) == 1 for numbers in given), given
    assert len({numbers[0] for numbers in given}) == len(people)


def test_who_is_away_too_long_is_somebody_new() -> None:
    (numbers,) = follow([hidden(still(100), (1, 3.5))])
    assert sorted(set(numbers)) == [1, 2]


def test_somebody_else_in_the_same_place_is_somebody_new() -> None:
    """After a cut: another look, half a face away."""
    tracker = Tracker()
    boxes = np.array([[0, 0, 60, 60]], np.float32)
    assert tracker.update(0, boxes, appearance(1)[None]).tolist() == [1]
    assert tracker.update(0.1, boxes + 30, -appearance(1)[None]).tolist() == [2]
    assert tracker.update(0.2, boxes + 500, None).tolist() == [3]


def test_numbers_are_not_used_again() -> None:
    tracker = Tracker(first=7)
    boxes = np.array([[0, 0, 60, 60], [200, 0, 260, 60]], np.float32)
    assert tracker.update(0, boxes).tolist() == [7, 8]
    assert tracker.update(1, boxes[:0]).tolist() == []
    assert tracker.numbers == {7, 8}
    assert tracker.update(9, boxes[:1]).tolist() == [9]
    assert tracker.numbers == {9}


def test_restore_goes_on_with_the_same_people() -> None:
    boxes = np.array([[0, 0, 60, 60], [200, 0, 260, 60]], np.float32)
    tracker = Tracker(first=5)
    tracker.restore(3.0, boxes, np.array([4, 12]))
    assert tracker.update(3.1, boxes[::-1] + 2).tolist() == [12, 4]
    assert tracker.update(3.2, boxes + 400).tolist() == [13, 14]


def test_appearance_ignores_brightness_and_differs_by_colour() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(60, 120, (100, 100, 3), np.uint8)
    image[:50, :, 0] += 100
    box = np.array([[20, 20, 70, 70]], np.float32)
    (one,), (brighter,), (other,) = (
        appearance_of(image, box),
        appearance_of(image + 20, box),
        appearance_of(image[::-1, :, ::-1], box),
    )
    assert one @ one == pytest.approx(1)
    assert one @ brighter > 0.99
    assert one @ other < 0.5
    outside = np.array([[-50, -50, -10, -10], [99, 99, 100, 100]], np.float32)
    assert np.isfinite(appearance_of(image, outside)).all()


@pytest.mark.parametrize(
    "wrong", [{"max_gap": -1}, {"reach": float("nan")}, {"appearance_weight": float("inf")}], ids=str
)
def test_options_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"expected {next(iter(wrong))} from 0"):
        TrackOptions(**wrong)


# --- smoothing ---


def distributions(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_an_average_weighs_what_was_seen_a_time_constant_ago_by_1_over_e() -> None:
    smoother, one = Smoother(0.5), np.array([1])
    smoother.average(0, one, distributions([1, 0]))
    (now,) = smoother.average(0.5, one, distributions([0, 1]))
    assert now.tolist() == pytest.approx([np.exp(-1) / (1 + np.exp(-1)), 1 / (1 + np.exp(-1))])
    assert now.sum() == pytest.approx(1)


def test_averages_are_those_of_each_person() -> None:
    smoother = Smoother(1)
    smoother.average(0, np.array([1, 2]), distributions([1, 0], [0, 1]))
    swapped = smoother.average(0.1, np.array([2, 1]), distributions([0, 1], [1, 0]))
    assert swapped.tolist() == [[0, 1], [1, 0]]
    smoother.keep_only({2})
    assert smoother.average(0.2, np.array([1]), distributions([0, 1])).tolist() == [[0, 1]]  # of nobody known


def test_no_smoothing_changes_nothing() -> None:
    smoother, values = Smoother(0), distributions([0.3, 0.7])
    smoother.average(0, np.array([1]), distributions([1, 0]))
    assert smoother.average(0.01, np.array([1]), values) is values


def test_the_reported_emotion_changes_only_when_another_is_clearly_likelier() -> None:
    smoother, one = Smoother(0, margin=0.1), np.array([1])
    first = [0.5, 0.5, 0.45, 0.44, 0.55]
    reported = [int(smoother.report(one, distributions([p, 1 - p]))[0]) for p in first]
    assert reported == [0, 0, 0, 1, 1]  # .45 against .55 is no tenth apart, and back takes a tenth again


def test_flicker_is_gone_and_a_true_change_is_not_missed() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 60)
    raw = np.eye(2)[truth] * 0.3 + 0.35 + rng.normal(0, 0.25, (120, 1)) * [1, -1]
    raw = np.clip(raw, 0.01, 0.99)
    raw = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    smoother, one = Smoother(), np.array([1])
    reported = np.array(
        [smoother.report(one, smoother.average(k / 30, one, row[None]))[0] for k, row in enumerate(raw)]
    )
    assert (np.diff(raw.argmax(axis=1)) != 0).sum() > 10
    assert (np.diff(reported) != 0).sum() <= 3
    assert (reported[75:] == 1).mean() > 0.95  # half a second after the change


@pytest.mark.parametrize("wrong", [{"seconds": -1}, {"seconds": float("nan")}, {"margin": 1}, {"margin": -0.1}])
def test_smoothing_that_makes_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        Smoother(**wrong)
