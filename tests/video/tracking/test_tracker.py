"""Known people on known paths keep their numbers; labels hold against flicker and do not outlive what is seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mien.errors import InputError
from mien.video.tracking.smoothing import CentredAverage, EmotionReporter, Smoother
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


def test_after_a_cut_everybody_is_somebody_new() -> None:
    tracker, boxes = Tracker(), np.array([[10, 10, 50, 50]], np.float32)
    assert tracker.update(0, boxes).tolist() == [1]
    tracker.end_all()
    assert tracker.update(0.03, boxes).tolist() == [2]


def test_after_a_change_of_size_appearance_decides() -> None:
    tracker, boxes = Tracker(), np.array([[10, 10, 50, 50], [200, 10, 260, 80]], np.float32)
    seen = np.stack([appearance(1), appearance(2)])
    assert tracker.update(0, boxes, seen).tolist() == [1, 2]
    tracker.expect_anywhere()
    elsewhere = np.array([[300, 300, 500, 560], [10, 400, 180, 600]], np.float32)
    assert tracker.update(0.03, elsewhere, seen[::-1]).tolist() == [2, 1]
    assert tracker.update(0.06, boxes, seen).tolist() == [3, 4]  # only once


def test_a_state_in_json_continues_exactly() -> None:
    rng = np.random.default_rng(0)

    def step(tracker: Tracker, k: int) -> list[int]:
        boxes = np.array([[10 + 9 * k, 10, 50 + 9 * k, 50], [300 - 7 * k, 12, 350 - 7 * k, 60]], np.float32)
        looks = np.stack([appearance(1), appearance(2)])
        return tracker.update(k / 10, boxes, looks + rng.normal(0, 0.01, looks.shape).astype(np.float32)).tolist()

    one = Tracker()
    for k in range(5):
        step(one, k)
    state = json.loads(json.dumps(one.state()))
    other = Tracker()
    other.restore_state(state)
    assert other.state() == one.state()
    rng = np.random.default_rng(1)
    first = [step(one, k) for k in range(5, 12)]
    rng = np.random.default_rng(1)
    assert [step(other, k) for k in range(5, 12)] == first
    assert other.state() == one.state()


# --- smoothing ---


def centred(times: list[float], values: np.ndarray, seconds: float = 0.2) -> np.ndarray:
    average, one = CentredAverage(seconds), np.array([1])
    for time, row in zip(times, values, strict=True):
        average.add(time, one, row[None])
    return np.concatenate([average.at(time, one, row[None]) for time, row in zip(times, values, strict=True)])


def test_a_centred_average_by_hand() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.09, 40))
    values = rng.dirichlet(np.ones(3), 40).astype(np.float32)
    for k, row in enumerate(centred(times.tolist(), values)):
        away = np.abs(times - times[k])
        weights = np.where(away <= 0.2, np.exp(-5 * away), 0)
        np.testing.assert_allclose(row, weights @ values / weights.sum(), rtol=1e-5)


def delay(reported: list[int], step: float) -> float:
    """Seconds by which the change at 1 s is reported late."""
    return reported.index(1) * step - 1


def test_a_change_is_not_late_in_a_file() -> None:
    step = 0.01
    times = [k * step for k in range(200)]
    values = distributions(*[[0.9, 0.1] if time < 1 - 1e-9 else [0.1, 0.9] for time in times])
    reporter, one = EmotionReporter(), np.array([1])
    two_sided = [int(reporter.report(one, row[None])[0]) for row in centred(times, values)]
    assert -0.011 < delay(two_sided, step) <= 0.021
    smoother = Smoother()
    live = [
        int(smoother.report(one, smoother.average(time, one, row[None]))[0])
        for time, row in zip(times, values, strict=True)
    ]
    assert 0.1 < delay(live, step) < 0.2


def test_both_averages_are_equally_steady() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0.5, 0.1, (4000, 2)).astype(np.float32)
    times, one, smoother = [k / 30 for k in range(4000)], np.array([1]), Smoother()
    before = np.concatenate([smoother.average(t, one, row[None]) for t, row in zip(times, values, strict=True)])
    assert centred(times, values)[100:-100].std() == pytest.approx(before[100:-100].std(), rel=0.15)


def test_the_window_of_an_average_ends() -> None:
    average, one = CentredAverage(0.2), np.array([1])
    for k in range(100):
        average.add(k / 10, one, distributions([1, 0]))
        average.forget_before(k / 10)
    assert len(average.state(9.9)[0][1]) in (2, 3)
    other = CentredAverage(0.2)
    other.restore(json.loads(json.dumps(average.state(9.9))))
    assert other.state(9.9) == average.state(9.9)


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
