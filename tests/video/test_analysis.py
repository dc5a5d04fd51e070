"""Moments: who is visible now, with the number of before, and nothing of those who are not."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import tiny_bundle
from helpers.video_clips import gray, portraits, write_clip
from mien import Moment
from mien.bundle import Bundle
from mien.detection.detections import Detections
from mien.errors import InputError
from mien.recognizer import EmotionRecognizer
from mien.video.analysis import analyze
from mien.video.io.frames import Frame
from mien.video.options import Sampling
from mien.video.schedule import DETECT_SECONDS, DetectionSchedule


class Boxes:
    """A detector that finds what it is told at each call, and counts the calls; it finds nothing in other sizes."""

    def __init__(self, *answers: list[list[float]]) -> None:
        self.answers = answers
        self.calls = 0
        self.shape: tuple[int, ...] | None = None

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.shape = self.shape or image.shape
        if image.shape != self.shape:  # the second detection of close-ups
            return np.zeros((0, 4), np.float32)
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        return np.array(answer, np.float32).reshape(-1, 4)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle(tiny_bundle.content(), "tiny", threads=1)


@pytest.fixture(scope="module")
def whole(bundle: Bundle) -> EmotionRecognizer:
    return EmotionRecognizer(bundle, detector="whole")


@pytest.fixture(scope="module")
def recognizer() -> EmotionRecognizer:
    return EmotionRecognizer(threads=1, size=320)


def test_a_face_is_followed_and_keeps_its_number(recognizer: EmotionRecognizer, tmp_path: Path) -> None:
    frames = portraits(12, seconds=0.04)
    path = write_clip(tmp_path / "a.mp4", [t for t, _ in frames], [image for _, image in frames])
    moments = list(recognizer.track(str(path)))
    assert [moment.frame for moment in moments] == list(range(12))
    np.testing.assert_allclose([moment.time for moment in moments], [t for t, _ in frames], atol=1e-3)
    assert [moment.detected for moment in moments] == [k % 4 == 0 for k in range(12)]
    for moment in moments:
        assert moment.faces.track_ids is not None
        assert moment.faces.track_ids.tolist() == [1]
        assert moment.faces.emotions == ["happy"]
        assert moment.image.shape == (240, 320, 3)
        assert moment.faces.size == (320, 240)
        assert moment.faces.source == str(path)
        single = recognizer.find(moment.image).boxes[0]
        assert np.abs(moment.faces.boxes[0] - single).max() < 8  # followed as it would have been found


def test_stages_are_timed(recognizer: EmotionRecognizer) -> None:
    first, second = list(recognizer.track(portraits(2, seconds=0.04)))
    assert set(first.stages) == {"wait", "detect", "track", "classify"}
    assert set(second.stages) == {"wait", "flow", "classify"}
    assert all(value >= 0 for value in first.stages.values())


def test_without_smoothing_a_moment_is_a_prediction(recognizer: EmotionRecognizer) -> None:
    frames = portraits(3)
    for moment, (_, image) in zip(recognizer.track(frames, smoothing=0, detect_every=1), frames, strict=True):
        expected = recognizer.predict(image)
        np.testing.assert_allclose(moment.faces.probabilities, expected.probabilities, atol=1e-5)
        np.testing.assert_allclose(moment.faces.vote_shares, expected.vote_shares, atol=1e-5)
        np.testing.assert_allclose(moment.faces.boxes, expected.boxes)


def test_only_who_is_visible_is_reported(bundle: Bundle) -> None:
    box = [[20, 20, 60, 60]]
    reader = EmotionRecognizer(bundle, detector=Boxes(box, [], [], box))
    counts = [len(moment.faces) for moment in reader.track([(k / 10, gray(80)) for k in range(4)], detect_every=1)]
    assert counts == [1, 0, 0, 1]


def test_a_lost_face_is_searched_at_once(bundle: Bundle) -> None:
    """After a cut nothing can be followed: the detector is asked although it is not due."""
    rng = np.random.default_rng(0)
    scenes = [rng.integers(0, 256, (120, 160, 3), np.uint8) for _ in range(2)]
    detector = Boxes([[20, 20, 80, 80]], [])
    reader = EmotionRecognizer(bundle, detector=detector)
    moments = list(reader.track([(0, scenes[0]), (0.02, scenes[0]), (0.04, scenes[1])], detect_every=10))
    assert [moment.detected for moment in moments] == [True, False, True]
    assert [len(moment.faces) for moment in moments] == [1, 1, 0]
    assert detector.calls == 2


@pytest.mark.parametrize(
    ("detect_every", "step", "calls"), [(None, 0.05, 4), (None, 0.2, 10), (1, 0.05, 10), (3, 0.05, 4), (5, 1.0, 2)]
)
def test_how_often_faces_are_searched(detect_every: int | None, step: float, calls: int, bundle: Bundle) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    detector = Boxes([[20, 20, 80, 80]])
    reader = EmotionRecognizer(bundle, detector=detector)
    assert len(list(reader.track([(k * step, picture) for k in range(10)], detect_every=detect_every))) == 10
    assert detector.calls == calls


def test_largest_first_with_their_own_numbers(bundle: Bundle) -> None:
    small, large = [10, 10, 30, 30], [60, 10, 110, 60]
    grown = [10, 10, 58, 70]
    reader = EmotionRecognizer(bundle, detector=Boxes([small, large], [[10, 10, 45, 45], large], [grown, large]))
    tracks = [
        moment.faces.track_ids.tolist()  # type: ignore[union-attr]
        for moment in reader.track([(k / 10, gray(80, (160, 120))) for k in range(3)], detect_every=1)
    ]
    assert tracks == [[1, 2], [1, 2], [2, 1]]  # the large one is number 1; at last the other one is larger


def test_whole_pictures_are_one_person(whole: EmotionRecognizer) -> None:
    moments = list(whole.track([(k / 10, gray(20 * k)) for k in range(8)]))
    assert {moment.faces[0].track for moment in moments} == {1}
    assert all(moment.detected for moment in moments)


def test_a_label_is_held_and_its_confidence_is_its_own(whole: EmotionRecognizer) -> None:
    values = [200, 200, 10, 200, 200]
    held = list(whole.track([(k / 30, gray(value)) for k, value in enumerate(values)]))
    raw = list(whole.track([(k / 30, gray(value)) for k, value in enumerate(values)], smoothing=0, margin=0))
    assert len({moment.faces.emotions[0] for moment in raw}) == 2
    assert len({moment.faces.emotions[0] for moment in held}) == 1
    for moment in held:
        face = moment.faces[0]
        assert face.confidence == face.probabilities[face.emotion]
        assert moment.faces.confidences[0] == pytest.approx(face.confidence)


def test_a_folder(whole: EmotionRecognizer, tmp_path: Path) -> None:
    from PIL import Image

    for k in range(3):
        Image.fromarray(gray(30 * k)).save(tmp_path / f"{k}.png")
    assert [moment.time for moment in whole.track(tmp_path, fps=2)] == [0, 0.5, 1.0]


def test_numbers_go_on_from(whole: EmotionRecognizer) -> None:
    assert next(iter(whole.track([(0, gray(1))], first_track=9))).faces[0].track == 9


class Endless:
    """A live source: a new frame every hundredth of a second, for ever."""

    name, live, duration, rate = "endless", True, None, 100.0

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.closed = False

    def frames(self, sampling: Sampling) -> Any:
        number = 0
        try:
            while True:
                time.sleep(0.01)
                yield Frame(number / 100, number, gray(number % 200))
                number += 1
        finally:
            self.closed = True


def test_a_live_source_gives_its_newest_frame_and_stops_when_asked(whole: EmotionRecognizer) -> None:
    source = Endless()
    with analyze(whole, source) as watching:
        first = next(watching)
        time.sleep(0.3)
        next(watching)
        later = next(watching)
        assert later.frame - first.frame > 10
        assert watching.dropped > 5
    assert source.closed
    assert not any(thread.name == "mien-frames" for thread in threading.enumerate())


def test_leaving_a_loop_early_ends_the_thread(whole: EmotionRecognizer) -> None:
    source = Endless()
    for moment in analyze(whole, source):
        assert isinstance(moment, Moment)
        break
    time.sleep(0.2)
    assert source.closed


@pytest.mark.parametrize("realtime", [False, True])
def test_schedule(realtime: bool) -> None:
    """In real time the search is put off until its cost fits between the frames, but not for ever."""
    schedule = DetectionSchedule(None, realtime, period=1 / 30)
    schedule.learn({"detect": 0.2, "classify": 0.01, "wait": 9})
    schedule.detected(0)
    due = next(k / 30 for k in range(1, 100) if schedule.due(k / 30))
    assert due == pytest.approx(0.3 if realtime else DETECT_SECONDS + 1 / 60, abs=1 / 50)
    schedule.learn({"detect": 9.0, "classify": 0.03})
    schedule.detected(10)
    assert schedule.due(10.51)


@pytest.mark.parametrize(("faces", "each", "classified"), [(3, 0.002, 3), (20, 0.002, 12), (20, 0.2, 1), (0, 0.002, 0)])
def test_in_real_time_as_many_faces_are_classified_as_fit(faces: int, each: float, classified: int) -> None:
    schedule = DetectionSchedule(None, True, period=1 / 30)
    assert schedule.classified(faces) == faces  # nothing is known of the cost
    for _ in range(100):
        schedule.learn({"flow": 0.004, "classify": each * 4}, 4)
    assert schedule.classified(faces) == classified
    assert DetectionSchedule(None, False, period=1 / 30, each=9.0).classified(20) == 20


def test_faces_that_do_not_fit_take_turns(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of five are classified in each frame; the others keep what was found before, and new ones come first."""
    boxes = [[40 * k, 10, 40 * k + 30, 40] for k in range(5)]
    detector = Boxes(boxes[:4], boxes[:4], boxes[:4], boxes)
    monkeypatch.setattr(DetectionSchedule, "classified", lambda self, faces: min(2, faces))
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 240, (60, 240, 3), np.uint8)
    frames = [(k / 10, scene + np.uint8(4 * k)) for k in range(4)]  # brighter, but no cut
    reader = EmotionRecognizer(bundle, detector=detector)
    found = []
    for moment in reader.track(frames, detect_every=1, smoothing=0, max_gap=5):
        numbers = moment.faces.track_ids
        assert numbers is not None
        found.append(dict(zip(numbers.tolist(), map(tuple, moment.faces.probabilities.tolist()), strict=True)))
    assert [len(each) for each in found] == [4, 4, 4, 5]
    changed = [{n for n in after if after[n] != before.get(n)} for before, after in pairwise(found)]
    assert [len(each) for each in changed] == [2, 2, 2]
    assert changed[0] | changed[1] == set(found[0])  # each had its turn
    assert changed[2] > set(found[3]) - set(found[2])  # the new one at once


@pytest.mark.parametrize(
    "wrong",
    [{"detect_every": 0}, {"smoothing": -1}, {"margin": 2}, {"max_gap": -1}, {"every": 0}, {"fps": -5}],
    ids=str,
)
def test_options_that_make_no_sense(wrong: dict[str, Any], whole: EmotionRecognizer) -> None:
    with pytest.raises(InputError, match="expected"):
        whole.track([(0, gray(1))], **wrong)


def test_detections_that_overlap_after_following_are_searched(bundle: Bundle) -> None:
    """Two boxes on one face, as when one person walks behind another."""
    picture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    detector = Boxes([[20, 20, 80, 80], [30, 20, 90, 80]], [[20, 20, 80, 80]])
    reader = EmotionRecognizer(bundle, detector=detector)
    moments = list(reader.track([(0, picture), (0.02, picture)], detect_every=10))
    assert [len(moment.faces) for moment in moments] == [2, 1]
    assert isinstance(reader.find(picture), Detections)


def test_in_real_time_a_slow_search_goes_on_beside(
    recognizer: EmotionRecognizer, bundle: Bundle, tmp_path: Path
) -> None:
    """The face is followed meanwhile, and what the search finds is carried to the frame of its end."""
    searched_in: list[str] = []

    def slow(image: np.ndarray) -> Detections:
        searched_in.append(threading.current_thread().name)
        time.sleep(0.06)
        return recognizer.detector(image)

    frames = portraits(40, seconds=0.04)
    path = write_clip(tmp_path / "a.mp4", [t for t, _ in frames], [image for _, image in frames])
    reader = EmotionRecognizer(bundle, detector=slow)
    with reader.track(str(path), realtime=True) as watching:
        moments = list(watching)
    assert searched_in[0] == threading.current_thread().name  # before the first answer there is nobody to follow
    assert searched_in[1].startswith("mien-search")
    assert [moment.detected for moment in moments].count(False) > len(moments) / 3
    for moment in moments:
        assert moment.faces.track_ids is not None
        if moment.frame < 20:  # there the portrait jumps back
            assert moment.faces.track_ids.tolist() == [1]
            assert np.abs(moment.faces.boxes[0] - recognizer.find(moment.image).boxes[0]).max() < 10


def test_a_search_beside_that_fails_ends_the_watch(
    recognizer: EmotionRecognizer, bundle: Bundle, tmp_path: Path
) -> None:
    calls: list[int] = []

    def failing(image: np.ndarray) -> Detections:
        calls.append(1)
        time.sleep(0.06)
        if len(calls) > 1:
            raise RuntimeError("the detector is broken")
        return recognizer.detector(image)

    frames = portraits(20, seconds=0.04)
    path = write_clip(tmp_path / "a.mp4", [t for t, _ in frames], [image for _, image in frames])
    reader = EmotionRecognizer(bundle, detector=failing)
    with reader.track(str(path), realtime=True) as watching, pytest.raises(RuntimeError, match="broken"):
        list(watching)
