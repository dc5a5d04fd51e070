"""A video watched: frames -> faces, found or followed -> tracks -> emotions -> `Moment`s, one per frame looked at.

What a frame needs is done while the next ones are decoded (`mien.ahead.Ahead`). Only faces that are visible now are in
a moment; nothing of an earlier frame is repeated. This module knows no files and draws nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mien.ahead import AHEAD, Ahead
from mien.detect import Detections, distinct
from mien.errors import InputError
from mien.follow import Follower, carry
from mien.results import Faces
from mien.track import Smoother, Tracker, TrackOptions, look_of
from mien.video import OPEN_TIMEOUT, Frame, Sampling, Source, open_source

if TYPE_CHECKING:
    from mien.recognizer import EmotionRecognizer

DETECT_SECONDS = 0.15
"""Faces are searched again after so long, unless `detect_every` says otherwise; between, they are followed."""

MOST_SECONDS = 0.5
"""In real time the search may be put off for so long, not longer: nobody who appears waits longer to be seen."""

BESIDE = 0.4
"""Share of a frame's time that a search may take before it goes on beside the frames, in real time."""

OVERLAP = 0.3
"""Followed faces that overlap more (IoU) may have slipped onto one another: faces are searched at once."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What was seen at one time.

    time      seconds from the video's start
    frame     the frame's number in the video, from 0
    faces     `Faces` with track_ids; their probabilities are averaged in time
    image     the frame, RGB uint8 (H, W, 3)
    detected  faces were searched in this frame, not only followed into it; or, in real time, in one just before it
    stages    seconds that each step took: wait (for the frame), find, follow, track, read. In real time others may go
              on while faces are searched; find is told when it is through
    arrived   when the frame was there to be looked at, in seconds of `time.perf_counter`
    """

    time: float
    frame: int
    faces: Faces
    image: npt.NDArray[np.uint8]
    detected: bool
    stages: dict[str, float]
    arrived: float = 0.0


HOPS = 3
"""Pictures over which faces that were found in an earlier one are carried to this one, at most."""


@dataclass
class Pace:
    """When to search for faces: every `detect_every` frames, or every DETECT_SECONDS, or as often as time allows.

    In real time the search may take what is left of a frame's time when all else is done: `period` seconds from frame
    to frame, times the frames until the next search. Costs are running means of what was measured.
    """

    detect_every: int | None
    realtime: bool
    period: float | None = None
    find: float = 0.0
    rest: float = 0.0
    _last: float = field(default=-np.inf, repr=False)
    _frames: int = field(default=0, repr=False)

    def due(self, seconds: float) -> bool:
        """Is it time to search, at this time of the video? Asked once for every frame."""
        self._frames += 1
        away = seconds - self._last
        if self.detect_every is not None:
            return self._frames >= self.detect_every
        if not self.realtime or self.period is None:
            return away >= DETECT_SECONDS - 1e-3
        spare = max(self.period - self.rest, 1e-3)
        return away >= min(max(DETECT_SECONDS, self.period * self.find / spare), MOST_SECONDS) - 1e-3

    def found(self, seconds: float) -> None:
        """A search was made at this time of the video."""
        self._last, self._frames = seconds, 0

    @property
    def beside(self) -> bool:
        """A search takes so long that frames would be late: it goes on beside them, which are followed meanwhile."""
        return self.realtime and self.period is not None and self.find > BESIDE * self.period

    def learn(self, stages: dict[str, float]) -> None:
        """What a frame cost."""
        if "find" in stages:
            self.find += 0.2 * (stages["find"] - self.find) if self.find else stages["find"]
        rest = sum(value for name, value in stages.items() if name not in ("wait", "find"))
        self.rest += 0.2 * (rest - self.rest) if self.rest else rest


class Looking:
    """Looks at frames as they are handed over, in order of time: who is where, with which number, and which emotion.

    `name` is the source of the answers.
    """

    def __init__(
        self, recognizer: EmotionRecognizer, pace: Pace, tracker: Tracker, smoother: Smoother, name: str = "frames"
    ) -> None:
        self.recognizer = recognizer
        self.pace = pace
        self.tracker = tracker
        self.smoother = smoother
        self.name = name
        self._follower = Follower()
        self._faces: Detections | None = None  # those of the last frame, with their numbers
        self._numbers = np.zeros(0, np.int64)
        self._search = _Search()  # used where the pace says so
        self._next_recognizer: EmotionRecognizer | None = None

    def relabel(self, labels: str) -> None:
        """From the next frame on, reads these labels of the bundle; averages begin anew. Any thread may ask for it.

        Raises InputError for labels that the bundle has not.
        """
        self._next_recognizer = self.recognizer.with_labels(labels)

    def look(self, frame: Frame, stages: dict[str, float] | None = None, arrived: float = 0.0) -> Moment:
        """What is seen in the next frame; `stages` and `arrived` are handed on to the `Moment`."""
        stages = {} if stages is None else stages
        if self._next_recognizer is not None:
            self.recognizer, self._next_recognizer = self._next_recognizer, None
            self.smoother = Smoother(self.smoother.seconds, self.smoother.margin)
        due = self.pace.due(frame.time)
        beside = self.pace.beside and self._faces is not None and not self._faces.are_frames
        followed = self._follow(frame, stages, keep=not self._search.done) if beside or not due else None
        found = followed is None
        if followed is None:
            followed = self._find(frame, stages)
        elif beside:
            searched = self._find_beside(frame, due, stages)
            found = searched is not None
            followed = searched or followed
        faces, numbers = followed
        order = np.argsort(-(faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(axis=1), kind="stable")
        self._faces, self._numbers = faces.select(order), numbers[order]
        with _timed(stages, "read"):
            answer = self._read(frame)
        self.pace.learn(stages)
        return Moment(frame.time, frame.number, answer, frame.image, found, stages, arrived)

    def _follow(
        self, frame: Frame, stages: dict[str, float], keep: bool = True
    ) -> tuple[Detections, npt.NDArray[np.int64]] | None:
        """The faces of the last frame where they are now, or None if they must be searched; `keep`: tracks go along."""
        if self._faces is None or self._faces.are_frames:
            return None
        with _timed(stages, "follow"):
            faces, lost = self._follower.carry(self._faces, frame.image)
            seen = np.flatnonzero(~lost)
            apart = distinct(faces.boxes[seen], faces.scores[seen], OVERLAP)
            if not self.pace.realtime and len(apart) < len(lost):
                return None
            kept = seen[apart]
            faces, numbers = faces.select(kept), self._numbers[kept]
            if keep:
                self.tracker.keep(frame.time, faces.boxes, numbers)
        return faces, numbers

    def _find(self, frame: Frame, stages: dict[str, float]) -> tuple[Detections, npt.NDArray[np.int64]]:
        with _timed(stages, "find"):
            faces = self.recognizer.find(frame.image)
        self._follower.remember(frame.image)
        self._search.drop()
        self.pace.found(frame.time)
        return faces, self._track(frame, faces, stages)

    def _find_beside(
        self, frame: Frame, due: bool, stages: dict[str, float]
    ) -> tuple[Detections, npt.NDArray[np.int64]] | None:
        """Begins a search if it is time, and gives the faces of the one that is through, where they are now."""
        assert self._follower.last is not None
        found = self._search.take(self._follower.last)
        if due and not self._search.running:
            self._search.begin(self.recognizer, frame.image, self._follower.last)
            self.pace.found(frame.time)
        if found is None:
            return None
        stages["find"], faces, pictures = found
        with _timed(stages, "follow"):
            for before, after in pairwise(pictures):
                faces, lost = carry(faces, before, after)
                faces = faces.select(np.flatnonzero(~lost))
            faces = faces.select(distinct(faces.boxes, faces.scores, OVERLAP))
        return faces, self._track(frame, faces, stages)

    def _track(self, frame: Frame, faces: Detections, stages: dict[str, float]) -> npt.NDArray[np.int64]:
        with _timed(stages, "track"):
            numbers = self.tracker.update(frame.time, faces.boxes, look_of(frame.image, faces.boxes))
            self.smoother.keep_only(self.tracker.numbers)
        return numbers

    def _read(self, frame: Frame) -> Faces:
        """The emotions of the faces, averaged in time."""
        from mien.recognizer import intensities_of

        found, numbers = self._faces, self._numbers
        assert found is not None
        probabilities, shares = self.recognizer.read(self.recognizer.crop(frame.image, found))
        values = probabilities if shares is None else np.concatenate([probabilities, shares], axis=1)
        averages = self.smoother.average(frame.time, numbers, values)
        count = probabilities.shape[1]
        columns = self.smoother.report(numbers, averages[:, :count])
        return Faces(
            boxes=found.boxes,
            scores=found.scores,
            landmarks=found.landmarks,
            probabilities=np.ascontiguousarray(averages[:, :count]),
            intensities=intensities_of(columns, None if shares is None else averages[:, count:]),
            labels=self.recognizer.labels,
            size=(frame.image.shape[1], frame.image.shape[0]),
            source=self.name,
            track_ids=numbers,
            reported=columns,
            min_confidence=self.recognizer.min_confidence,
        )


class Watching(Looking):
    """An iterator over `Moment`s, made by `watch`. `close`, or the end of a `with`, stops it and frees the video.

    source   what is watched; `source.notes` says what was wrong with it, when it is through
    dropped  frames that came too late, in real time
    """

    def __init__(
        self,
        recognizer: EmotionRecognizer,
        source: Source,
        sampling: Sampling,
        pace: Pace,
        tracker: Tracker,
        smoother: Smoother,
        ahead: int = AHEAD,
    ) -> None:
        super().__init__(recognizer, pace, tracker, smoother, source.name)
        self.source = source
        frames = source.frames(sampling)
        self._ahead = Ahead(frames, ahead, latest=pace.realtime, pace=pace.realtime and not source.live)

    @property
    def dropped(self) -> int:
        return self._ahead.dropped

    @property
    def notes(self) -> list[str]:
        return self.source.notes

    def __iter__(self) -> Watching:
        return self

    def __next__(self) -> Moment:
        began = time.perf_counter()
        frame = next(self._ahead)
        return self.look(frame, {"wait": time.perf_counter() - began}, self._ahead.arrived)

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_ahead"):
            self._ahead.leave()

    def restore(self, time: float, faces: Faces) -> None:
        """Goes on with the persons of an earlier watch, seen at that time, and the emotions it reported of them."""
        if faces.track_ids is not None and faces.reported is not None:
            self.tracker.restore(time, faces.boxes, faces.track_ids)
            self.smoother.restore(faces.track_ids, faces.reported)

    def close(self, patience: float = OPEN_TIMEOUT) -> None:
        """Stops, and frees the video; waits so many seconds at most for a stream that does not answer."""
        self._ahead.close(patience)
        self._search.close()


class _Search:
    """A search for faces in one picture, in a thread of its own, and the gray pictures since then."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._search: Future[tuple[float, Detections]] | None = None
        self._since: list[npt.NDArray[np.uint8]] = []

    @property
    def running(self) -> bool:
        return self._search is not None

    @property
    def done(self) -> bool:
        """It is through, and its faces are waiting to be taken."""
        return self._search is not None and self._search.done()

    def begin(self, recognizer: EmotionRecognizer, image: npt.NDArray[np.uint8], gray: npt.NDArray[np.uint8]) -> None:
        """Searches the picture RGB uint8 (H, W, 3), which in gray is uint8 (H, W)."""
        self._threads = self._threads or ThreadPoolExecutor(1, "mien-search")
        self._search = self._threads.submit(_search, recognizer, image)
        self._since = [gray]

    def take(self, gray: npt.NDArray[np.uint8]) -> tuple[float, Detections, list[npt.NDArray[np.uint8]]] | None:
        """Called with every picture: None, or, once, the seconds that the search took, the faces it found, and a few
        gray pictures from the one that was searched to this one, over which they can be carried here."""
        if self._search is None:
            return None
        self._since.append(gray)
        if not self._search.done():
            return None
        seconds, faces = self._search.result()
        steps = np.linspace(0, len(self._since) - 1, min(HOPS + 1, len(self._since))).round().astype(int)
        pictures = [self._since[step] for step in steps]
        self.drop()
        return seconds, faces, pictures

    def drop(self) -> None:
        """What is being searched is not wanted any more."""
        self._search, self._since = None, []

    def close(self) -> None:
        self.drop()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _search(recognizer: EmotionRecognizer, image: npt.NDArray[np.uint8]) -> tuple[float, Detections]:
    began = time.perf_counter()
    faces = recognizer.find(image)
    return time.perf_counter() - began, faces


def watch(
    recognizer: EmotionRecognizer,
    source: Any,
    *,
    every: int = 1,
    fps: float | None = None,
    start: float = 0.0,
    end: float | None = None,
    detect_every: int | None = None,
    realtime: bool | None = None,
    smoothing: float = 0.2,
    margin: float = 0.1,
    max_gap: float = TrackOptions.max_gap,
    first_track: int = 1,
) -> Watching:
    """Watches a video (whatever `mien.video.open_source` takes, or a source of one's own) with a recognizer.

    every, fps     look at each n-th frame; at no more than so many a second. For a folder `fps` is its rate
    start, end     seconds between which to look
    detect_every   search for faces in each n-th of these frames and follow them between; None: every 0.15 seconds
    realtime       look at the newest frame only and drop what comes too late, searching for faces as often as the time
                   allows; files are then played at their own speed. None: for cameras and live streams
    smoothing      seconds over which probabilities are averaged; 0: not at all
    margin         how much likelier another emotion must be to take the place of the reported one
    max_gap        seconds for which somebody may be out of sight and keep the number
    first_track    the first number to give

    Raises VideoError, InputError or MissingExtraError.
    """
    if detect_every is not None and detect_every < 1:
        raise InputError(f"detect_every: expected a whole number from 1, got {detect_every}")
    sampling = Sampling(every, fps, start, end)
    tracker = Tracker(replace(TrackOptions(), max_gap=max_gap), first_track)
    smoother = Smoother(smoothing, margin)
    opened: Source = source if hasattr(source, "frames") and hasattr(source, "notes") else open_source(source)
    live = opened.live if realtime is None else realtime
    rate = min(opened.rate / every if opened.rate else np.inf, fps or np.inf)
    pace = Pace(detect_every, live, 1 / rate if np.isfinite(rate) else None)
    return Watching(recognizer, opened, sampling, pace, tracker, smoother)


@contextmanager
def _timed(stages: dict[str, float], name: str) -> Iterator[None]:
    """Adds the seconds that a `with` takes to a stage."""
    began = time.perf_counter()
    try:
        yield
    finally:
        stages[name] = stages.get(name, 0.0) + time.perf_counter() - began
