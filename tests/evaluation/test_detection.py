"""Recall, precision and their like, on boxes that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mien.errors import InputError
from mien.evaluation.detection import RIGHT, UNCOUNTED, WRONG, inside_share, judge, judge_picture, overlaps, recall_gap

FACE = (0.0, 0.0, 10.0, 10.0)
OTHER = (50.0, 50.0, 80.0, 80.0)
AWAY = (200.0, 200.0, 210.0, 210.0)


def boxes(*each: tuple[float, ...]) -> np.ndarray:
    return np.array(each, np.float32).reshape(-1, 4)


def scores(*each: float) -> np.ndarray:
    return np.array(each, np.float32)


def test_overlaps_and_shares() -> None:
    assert overlaps(boxes(FACE), boxes((5, 0, 15, 10))).tolist() == [[pytest.approx(1 / 3)]]
    assert inside_share(boxes(FACE), boxes((5, -50, 500, 500))).tolist() == [[0.5]]
    assert overlaps(boxes(), boxes(FACE)).shape == (0, 1)


def test_the_surer_box_takes_the_face_and_the_second_is_wrong() -> None:
    verdicts, at = judge_picture((boxes(FACE, (0, 0, 10, 11)), scores(0.5, 0.9)), boxes(FACE), boxes(), 0.35)
    assert verdicts.tolist() == [WRONG, RIGHT]
    assert at.tolist() == [pytest.approx(0.9)]


def test_a_doubt_is_nobodys_fault() -> None:
    found = boxes((52, 52, 60, 60), AWAY)
    verdicts, at = judge_picture((found, scores(0.9, 0.9)), boxes(FACE), boxes(OTHER), 0.35)
    assert verdicts.tolist() == [UNCOUNTED, WRONG]
    assert at.tolist() == [-1]


def test_a_face_inside_a_doubt_counts() -> None:
    verdicts, at = judge_picture((boxes(FACE), scores(0.9)), boxes(FACE), boxes((-99, -99, 99, 99)), 0.35)
    assert verdicts.tolist() == [RIGHT]
    assert at.tolist() == [pytest.approx(0.9)]


@pytest.fixture
def findings():  # type: ignore[no-untyped-def]
    """Two pictures: one face found at .9 beside a false one at .8, one found at .3 and one never."""
    return judge(
        [(boxes(FACE, AWAY), scores(0.9, 0.8)), (boxes(OTHER), scores(0.3))],
        [boxes(FACE), boxes(OTHER, (300, 300, 400, 400))],
        [boxes(), boxes()],
    )


def test_recall_and_precision(findings) -> None:  # type: ignore[no-untyped-def]
    assert findings.recall(0.5) == pytest.approx(1 / 3)
    assert findings.recall(0.1) == pytest.approx(2 / 3)
    assert findings.recall(0.1, 20, 40) == 1
    assert np.isnan(findings.recall(0.1, 1000))
    assert findings.precision(0.5) == pytest.approx(1 / 2)
    assert findings.precision(0.95) == 1
    assert findings.wrong(0.5) == 1
    assert findings.threshold_for(0.6) == pytest.approx(0.3)
    assert findings.threshold_for(1.0) == pytest.approx(0.9)
    assert findings.average_precision() == pytest.approx((1 + 2 / 3) / 3)


def test_nothing_found() -> None:
    findings = judge([(boxes(), scores())], [boxes(FACE)], [boxes()])
    assert findings.recall(0.5) == 0
    assert findings.average_precision() == 0
    assert findings.threshold_for(0.9) == float("inf")


def test_average_precision_as_scikit_learn_has_it() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    chances = rng.random(300).astype(np.float32)
    right = rng.random(300) < chances
    places = np.stack([np.arange(300) * 20.0, np.zeros(300)], axis=1)
    each = np.concatenate([places, places + 10], axis=1).astype(np.float32)
    findings = judge([(each, chances)], [each[right]], [boxes()])
    expected = metrics.average_precision_score(right, chances)
    assert findings.average_precision() == pytest.approx(expected, abs=0.02)
    assert findings.average_precision() >= expected


def test_the_gap_of_two_finders_and_its_interval(findings) -> None:  # type: ignore[no-untyped-def]
    gap, low, high = recall_gap(findings, findings, (0.5, 0.1))
    assert gap == pytest.approx(1 / 3)
    assert low <= gap <= high
    assert recall_gap(findings, findings, (0.5, 0.5)) == (0, 0, 0)
    assert recall_gap(findings, findings, (0.5, 0.1), sizes=(20, 40))[0] == 1
    assert np.isnan(recall_gap(findings, findings, (0.5, 0.1), sizes=(1000, 2000))).all()


def test_lists_of_different_pictures() -> None:
    with pytest.raises(InputError, match="of the same pictures, got 1, 2 and 1"):
        judge([(boxes(), scores())], [boxes(), boxes()], [boxes()])
