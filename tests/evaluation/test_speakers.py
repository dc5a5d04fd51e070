"""Intervals and tests over speakers: wider than over clips, right where the truth is known, corrected."""

from __future__ import annotations

import numpy as np
import pytest

from mien.errors import InputError
from mien.evaluation.significance import bootstrap_interval
from mien.evaluation.speakers import compare_groups, metric_intervals, over_speakers


def correlated(speakers: int = 20, each: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers that are right for some speakers and wrong for others."""
    rng = np.random.default_rng(0)
    names = np.repeat([f"s{k}" for k in range(speakers)], each)
    right = np.repeat(rng.random(speakers) < 0.6, each)
    labels = rng.integers(0, 2, len(names))
    answers = np.where(right, labels, 1 - labels)
    return np.eye(2, dtype=np.float32)[answers] * 0.8 + 0.1, labels, names


def test_intervals_over_speakers_are_wider_than_over_clips() -> None:
    probabilities, labels, names = correlated()
    low, high = metric_intervals(probabilities, labels, names, ("accuracy",))["accuracy"]
    clips = bootstrap_interval(probabilities, labels, ("accuracy",))["accuracy"]
    assert high - low > 3 * (clips[1] - clips[0])
    accuracy = float((probabilities.argmax(1) == labels).mean())
    assert low < accuracy < high


def test_one_clip_per_speaker_is_the_usual_bootstrap() -> None:
    probabilities, labels, _ = correlated(10, 20)
    names = np.array([str(k) for k in range(len(labels))])
    ours = metric_intervals(probabilities, labels, names, ("accuracy", "ece"))
    usual = bootstrap_interval(probabilities, labels, ("accuracy", "ece"))
    for name in ours:
        np.testing.assert_allclose(ours[name], usual[name], atol=0.02)


def test_one_speaker_has_no_interval() -> None:
    probabilities, labels, names = correlated(1)
    assert metric_intervals(probabilities, labels, names) == {}
    with pytest.raises(InputError, match="2 speakers"):
        over_speakers(lambda rows: {"n": float(len(rows))}, names)


def test_a_real_gap_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(1)
    names = np.repeat([f"s{k}" for k in range(60)], 10)
    sex = np.repeat(["a", "b"] * 30, 10)
    other = np.repeat(rng.choice(["x", "y"], 60), 10)
    scores = (rng.random(600) < np.where(sex == "a", 0.8, 0.5)).astype(float)
    by_name = {each.attribute: each for each in compare_groups(scores, names, {"sex": sex, "other": other})}
    assert by_name["sex"].corrected < 0.01
    assert by_name["sex"].gap == pytest.approx(0.3, abs=0.08)
    assert by_name["other"].p > 0.05
    assert [group.speakers for group in by_name["sex"].groups] == [30, 30]


def test_small_groups_are_left_out_and_named() -> None:
    names = np.array([f"s{k}" for k in range(30)])
    race = np.array(["a"] * 14 + ["b"] * 13 + ["c"] * 3)
    (found,) = compare_groups(np.ones(30), names, {"race": race, "one": np.full(30, "z")})
    assert (found.left_out, found.p) == (("c",), 1.0)


def test_several_tests_are_corrected() -> None:
    rng = np.random.default_rng(0)
    names = np.array([f"s{k}" for k in range(40)])
    attributes = {f"a{k}": rng.choice(["x", "y"], 40) for k in range(5)}
    found = compare_groups(rng.random(40), names, attributes)
    smallest = min(found, key=lambda each: each.p)
    assert smallest.corrected == pytest.approx(min(1.0, smallest.p * len(found)))
    assert all(each.corrected >= each.p for each in found)
