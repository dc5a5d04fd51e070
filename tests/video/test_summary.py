"""What happened to whom: times, shares, strong moments, transitions; in bounded memory."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.made_up_faces import faces
from helpers.video_clips import gray
from mien.labels import FERPLUS
from mien.video.summary import MOST_BINS, PEAKS_PER_EMOTION, Summary, clock, thumbnail


def watched(step: float = 0.1) -> Summary:
    """Person 1: 4 s happy, then 2 s sad; person 2: there from 1 s to 2 s and from 4 s to 5 s, angry."""
    summary = Summary(FERPLUS, "a.mp4")
    for k in range(round(6 / step)):
        time = k * step
        people = [(1, "happy" if time < 4 else "sad", 0.9 if abs(time - 2) < step / 2 else 0.7)]
        if 1 <= time < 2 or 4 <= time < 5:
            people.append((2, "angry", 0.6))
        summary.add(time, faces(*people))
    return summary


@pytest.mark.parametrize("step", [1 / 25, 0.1, 0.2])
def test_times_and_shares(step: float) -> None:
    one, two = watched(step).people.values()
    assert one.seen == pytest.approx(6, abs=2 * step)
    assert list(one.shares) == ["happy", "sad"]
    assert one.shares["happy"] == pytest.approx(2 / 3, abs=0.03)
    assert two.seen == pytest.approx(2, abs=3 * step)  # the two seconds between do not count
    assert two.shares == {"angry": 1}
    assert (two.first, two.last) == (pytest.approx(1, abs=step), pytest.approx(5, abs=2 * step))


def test_transitions_and_strongest_moments() -> None:
    one = watched().people[1]
    assert one.transitions == {("happy", "sad"): 1}
    best = one.strongest(2)
    assert [peak.emotion for peak in best] == ["happy", "sad"]  # one of each emotion before two of the same
    assert (best[0].time, best[0].probability) == (pytest.approx(2.0), pytest.approx(0.9))
    assert len(one.strongest(100)) <= 2 * PEAKS_PER_EMOTION


def test_a_frame_without_anybody_is_a_frame() -> None:
    summary = Summary(FERPLUS)
    for k in range(5):
        summary.add(k, faces())
    assert (summary.frames, summary.last, summary.people) == (5, 4, {})
    assert summary.table() == "nobody was seen"
    assert summary.to_dict()["people"] == []


def test_stretches_follow_the_probabilities_and_break_where_nobody_is() -> None:
    summary = watched()
    (whole,) = summary.segments(summary.people[1])
    assert (whole.edges[0], whole.edges[-1]) == (pytest.approx(0), pytest.approx(6, abs=0.1))
    assert [FERPLUS.names[column] for *_, column in whole.spans()] == ["happy", "sad"]
    assert whole.spans()[0][1] == pytest.approx(4, abs=0.1)
    np.testing.assert_allclose(whole.probabilities.sum(axis=1), 1, atol=1e-3)
    first, second = summary.segments(summary.people[2])
    assert first.edges[-1] < 2.1
    assert second.start == pytest.approx(4, abs=0.1)


def test_memory_does_not_grow_with_time() -> None:
    summary = Summary(FERPLUS)
    picture = gray(100, (160, 120))
    rng = np.random.default_rng(0)
    for k in range(20_000):  # 5.5 hours at one frame a second
        summary.add(float(k), faces((1, str(rng.choice(FERPLUS.names)), rng.uniform(0.3, 1))), picture)
    person = summary.people[1]
    assert len(person.bins) <= MOST_BINS
    assert sum(len(peaks) for peaks in person.peaks.values()) <= PEAKS_PER_EMOTION * len(FERPLUS)
    assert sum(len(peak.picture) for peaks in person.peaks.values() for peak in peaks) < 200_000
    assert sum(sums[-1] for sums in person.bins.values()) == 20_000  # coarser steps lose nothing


def test_the_table() -> None:
    text = watched().table()
    assert text.splitlines()[0].split()[:4] == ["person", "first", "last", "seen"]
    assert "#1      00:00.0  00:05.9" in text
    assert "happy 68%, sad 32%" in text
    assert "#1 strongest: happy 90% at 00:02.0" in text
    assert "#1 changes: happy to sad" in text


def test_a_glimpse_is_counted_apart() -> None:
    summary = watched()
    summary.add(6.0, faces((1, "sad", 0.7), (9, "fear", 0.5)))
    assert [person.number for person in summary.listed_people()] == [1, 2]
    assert "and 1 seen for less than 0.5 s" in summary.table()


def test_as_json(tmp_path: Path) -> None:
    values = json.loads(watched().to_json(tmp_path / "new" / "a.json").read_text())
    assert [person["track"] for person in values["people"]] == [1, 2]
    assert values["people"][0]["transitions"] == [{"from": "happy", "to": "sad", "count": 1}]
    assert values["people"][0]["strongest"][0]["time"] == pytest.approx(2.0)


@pytest.mark.parametrize("box", [(10, 10, 50, 60), (-20, -20, 30, 30), (300, 200, 400, 300), (5, 5, 5.2, 5.1)])
def test_thumbnails_are_small(box: tuple[float, float, float, float]) -> None:
    picture = Image.open(io.BytesIO(thumbnail(gray(100, (320, 240)), box)))
    assert max(picture.size) == 96


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00.0"), (59.96, "01:00.0"), (75.25, "01:15.2"), (3723.4, "1:02:03.4"), (-1e-9, "00:00.0")],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_uncertain_times_are_a_share_of_their_own_and_have_no_column() -> None:
    summary = Summary(FERPLUS)
    for k in range(20):
        summary.add(k / 10, replace(faces((1, "happy", 0.9 if k < 10 else 0.4)), min_confidence=0.5))
    person = summary.people[1]
    assert person.shares == {"happy": pytest.approx(0.5, abs=0.06), "uncertain": pytest.approx(0.5, abs=0.06)}
    spans = [FERPLUS.at(column) for segment in summary.segments(person) for *_, column in segment.spans()]
    assert spans == ["happy", "uncertain"]
    assert ("happy", "uncertain") in person.transitions
