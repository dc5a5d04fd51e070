"""Video analysis: frames -> faces, detected or tracked -> persons -> emotions -> `Moment`s.

Frames are analyzed while the next ones are decoded (`mien.video.io.prefetch.Prefetcher`). A moment holds only faces
that are visible in its frame; nothing of an earlier frame is repeated. This module knows no files and draws nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.detection.detections import Detections, non_maximum_suppression
from mien.pipeline import FacePipeline
from mien.pipeline_options import ESTIMATE
from mien.results import Faces
from mien.video.background import BackgroundDetection
from mien.video.film_prior import with_estimated_prior
from mien.video.frame_result import FrameResult
from mien.video.io.frames import OPEN_TIMEOUT, Frame, Source
from mien.video.io.opening import open_source
from mien.video.io.prefetch import PREFETCHED, Prefetcher
from mien.video.moment import Moment
from mien.video.options import AnalysisOptions, Sampling
from mien.video.schedule import DetectionSchedule
from mien.video.tracking.cuts import CutDetector
from mien.video.tracking.flow import FaceFlow, move_faces
from mien.video.tracking.smoothing import Smoother
from mien.video.tracking.tracker import Tracker, TrackOptions, appearance_of
from mien.video.window import CentredWindow

OVERLAP = 0.3
"""Tracked faces that overlap more (IoU) may have slipped onto one another: faces are detected at once."""

Tracked = tuple[Detections, npt.NDArray[np.int64]]
"""Faces and the numbers of their persons, int64 (n,)."""


class FrameAnalyzer:
    """Analyze frames one after the other: detect or move faces, track persons, classify and average.

    Args:
        pipeline: detects, crops and classifies faces.
        schedule: decides when faces are detected.
        tracker: numbers the persons.
        smoother: averages their probabilities.
        name: the name of the source in the results.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        schedule: DetectionSchedule,
        tracker: Tracker,
        smoother: Smoother,
        name: str = "frames",
    ) -> None:
        self.pipeline = pipeline
        self.schedule = schedule
        self.tracker = tracker
        self.smoother = smoother
        self.name = name
        self._flow = FaceFlow()
        self._faces: Detections | None = None  # those of the last frame, with their numbers
        self._numbers = np.zeros(0, np.int64)
        self.cuts = CutDetector()
        self._detection = BackgroundDetection()  # used where the schedule says so
        self._next: tuple[FacePipeline, Smoother] | None = None
        self._values: dict[int, tuple[int, npt.NDArray[np.float32]]] = {}  # person -> when classified, and the values
        self._turn = 0

    def switch_to(self, pipeline: FacePipeline, smoothing: float | None = None) -> None:
        """Use another pipeline from the next frame on, with other labels for instance; averages begin anew.

        It may be called from any thread. Persons keep their numbers.

        Args:
            pipeline: detects, crops and classifies faces from then on.
            smoothing: seconds over which probabilities are averaged; None: as before.
        """
        seconds = self.smoother.seconds if smoothing is None else smoothing
        self._next = pipeline, Smoother(seconds, self.smoother.margin)

    def analyze(self, frame: Frame, stages: dict[str, float] | None = None, arrived: float = 0.0) -> Moment:
        """Analyze the next frame, with averages over the frames before it; frames come in the order of their times.

        Args:
            frame: the frame.
            stages: seconds of earlier stages; those of the analysis are added.
            arrived: when the frame was ready, in seconds of `time.perf_counter`.
        """
        result = self.classify_frame(frame, self.cuts.update(frame), stages, arrived)
        averages = self.smoother.average(frame.time, result.numbers, result.values)
        columns = self.smoother.report(result.numbers, averages[:, : len(self.pipeline.labels)])
        return result.moment(self.name, averages, columns)

    def classify_frame(
        self, frame: Frame, after_cut: bool, stages: dict[str, float] | None = None, arrived: float = 0.0
    ) -> FrameResult:
        """Detect or move the faces of the next frame, track persons and classify, without averages.

        Args:
            frame: the frame.
            after_cut: whether a new shot begins with it: all tracks end, and faces are detected.
            stages: as in `analyze`.
            arrived: as in `analyze`.
        """
        stages = {} if stages is None else stages
        if self._next is not None:
            (self.pipeline, self.smoother), self._next = self._next, None
            self._values.clear()
        resized = self._flow.last is not None and self._flow.last.shape != frame.image.shape[:2]
        if after_cut:
            self.tracker.end_all()
            self.smoother.keep_only(set())
            self._values.clear()
        elif resized:
            self.tracker.expect_anywhere()
        if after_cut or resized:
            self._faces = None
        due = self.schedule.due(frame.time)
        resumable = due and not self.schedule.realtime and not after_cut and not resized
        state = {"tracker": self.tracker.state(), "cuts": self.cuts.state()} if resumable else None
        background = self.schedule.in_background and self._faces is not None and not self._faces.are_frames
        tracked = self._follow(frame, stages, keep=not self._detection.done) if background or not due else None
        detected = tracked is None
        if tracked is None:
            tracked = self._detect(frame, stages)
        elif background:
            searched = self._detect_in_background(frame, due, stages)
            detected = searched is not None
            tracked = searched or tracked
        faces, numbers = tracked
        order = np.argsort(-(faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(axis=1), kind="stable")
        self._faces, self._numbers = faces.select(order), numbers[order]
        with _timed(stages, "classify"):
            values, classified = self._classify(frame.image)
        self.schedule.learn(stages, classified)
        return FrameResult(frame, self._faces, self._numbers, values, self.pipeline, detected, stages, arrived, state)

    def _classify(self, image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], int]:
        """Classify the faces of the frame, or in real time those whose turn it is; the others keep their last values.

        Returns:
            Probabilities and, where the model has them, vote shares, float32 (n, K) or (n, 2 K); and how many faces
            were classified.
        """
        assert self._faces is not None
        known = [int(number) in self._values for number in self._numbers]
        ages = np.array([self._values[int(n)][0] if yes else -1 for n, yes in zip(self._numbers, known, strict=True)])
        count = max(self.schedule.classified(len(ages)), len(ages) - sum(known))
        chosen = np.sort(np.argsort(ages, kind="stable")[:count])  # new faces first, then the longest ago
        probabilities, shares = self.pipeline.classify(self.pipeline.crop(image, self._faces.select(chosen)))
        fresh = probabilities if shares is None else np.concatenate([probabilities, shares], axis=1)
        self._turn += 1
        before = self._values
        self._values = {int(n): before[int(n)] for n, yes in zip(self._numbers, known, strict=True) if yes}
        self._values |= {
            int(self._numbers[row]): (self._turn, values) for row, values in zip(chosen, fresh, strict=True)
        }
        rows = [self._values[int(number)][1] for number in self._numbers]
        return (np.stack(rows) if rows else fresh), len(chosen)

    def close(self) -> None:
        """End the thread that detects in the background."""
        self._detection.close()

    def _follow(self, frame: Frame, stages: dict[str, float], keep: bool = True) -> Tracked | None:
        """Move the faces of the last frame into this one; return None if they must be detected instead.

        Args:
            frame: this frame.
            stages: seconds of each stage, which are completed.
            keep: update their tracks too.
        """
        if self._faces is None or self._faces.are_frames:
            return None
        with _timed(stages, "flow"):
            faces, lost = self._flow.move(self._faces, frame.image)
            seen = np.flatnonzero(~lost)
            apart = non_maximum_suppression(faces.boxes[seen], faces.scores[seen], OVERLAP)
            if not self.schedule.realtime and len(apart) < len(lost):
                return None
            kept = seen[apart]
            faces, numbers = faces.select(kept), self._numbers[kept]
            if keep:
                self.tracker.update_positions(frame.time, faces.boxes, numbers)
        return faces, numbers

    def _detect(self, frame: Frame, stages: dict[str, float]) -> Tracked:
        with _timed(stages, "detect"):
            faces = self.pipeline.find(frame.image)
        self._flow.remember(frame.image)
        self._detection.discard()
        self.schedule.detected(frame.time)
        return faces, self._track(frame, faces, stages)

    def _detect_in_background(self, frame: Frame, due: bool, stages: dict[str, float]) -> Tracked | None:
        """Begin a detection if it is due; if one has ended, return its faces, moved into this frame."""
        assert self._flow.last is not None
        found = self._detection.take(self._flow.last)
        if due and not self._detection.running:
            self._detection.begin(self.pipeline, frame.image, self._flow.last)
            self.schedule.detected(frame.time)
        if found is None:
            return None
        stages["detect"], faces, pictures = found
        with _timed(stages, "flow"):
            for before, after in pairwise(pictures):
                faces, lost = move_faces(faces, before, after)
                faces = faces.select(np.flatnonzero(~lost))
            faces = faces.select(non_maximum_suppression(faces.boxes, faces.scores, OVERLAP))
        return faces, self._track(frame, faces, stages)

    def _track(self, frame: Frame, faces: Detections, stages: dict[str, float]) -> npt.NDArray[np.int64]:
        with _timed(stages, "track"):
            numbers = self.tracker.update(frame.time, faces.boxes, appearance_of(frame.image, faces.boxes))
            self.smoother.keep_only(self.tracker.numbers)
        return numbers


class VideoAnalysis:
    """Iterate over the `Moment`s of a video; made by `analyze`.

    `close`, or the end of a `with`, stops the analysis and frees the video.

    Attributes:
        analyzer: the analyzer of the frames.
        source: the source of the frames.
    """

    def __init__(
        self, analyzer: FrameAnalyzer, source: Source, sampling: Sampling, prefetched: int = PREFETCHED
    ) -> None:
        self.analyzer = analyzer
        self.source = source
        realtime = analyzer.schedule.realtime
        self._frames = Prefetcher(
            source.frames(sampling), prefetched, latest=realtime, paced=realtime and not source.live
        )
        self._marked = analyzer.cuts.mark(self._frames)
        self._window = (
            None if realtime else CentredWindow(analyzer, analyzer.smoother.seconds, analyzer.smoother.margin)
        )

    @property
    def dropped(self) -> int:
        """Number of frames that were dropped in real time, since they came too late."""
        return self._frames.dropped

    @property
    def notes(self) -> list[str]:
        """What was wrong with the video, for people to read; complete after the last moment."""
        return self.source.notes

    def __iter__(self) -> VideoAnalysis:
        return self

    def __next__(self) -> Moment:
        began = time.perf_counter()
        if self._window is None:
            frame = next(self._frames)
            return self.analyzer.analyze(frame, {"wait": time.perf_counter() - began}, self._frames.arrived)
        while (moment := self._window.take()) is None:
            marked = next(self._marked, None)
            if marked is None:
                self._window.end()
                if (moment := self._window.take()) is None:
                    raise StopIteration
                return moment
            stages = {"wait": time.perf_counter() - began}
            self._window.add(self.analyzer.classify_frame(*marked, stages, self._frames.arrived))
            began = time.perf_counter()
        return moment

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the `state` of a moment of an earlier analysis of the same video."""
        if self._window is not None:
            self._window.restore(state)

    def restore_people(self, time: float, faces: Faces) -> None:
        """Continue with the persons of an earlier analysis and their reported emotions; averages begin anew.

        Args:
            time: when they were seen, in seconds.
            faces: the faces of that moment, with track_ids.
        """
        if faces.track_ids is not None and faces.reported is not None:
            self.analyzer.tracker.restore(time, faces.boxes, faces.track_ids)
            reporter = self.analyzer.smoother.reporter if self._window is None else self._window.reporter
            reporter.reported.update(zip(faces.track_ids.tolist(), faces.reported.tolist(), strict=True))

    def __enter__(self) -> VideoAnalysis:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_frames"):
            self._frames.request_stop()

    def close(self, timeout: float = OPEN_TIMEOUT) -> None:
        """Stop and free the video; wait at most `timeout` seconds for a stream that does not answer."""
        self._frames.close(timeout)
        self.analyzer.close()


def analyze(
    pipeline: FacePipeline, source: Any, options: AnalysisOptions | None = None, *, resume: float = 0.0
) -> VideoAnalysis:
    """Analyze a video and return an iterator over its `Moment`s.

    Args:
        pipeline: detects, crops and classifies faces: an `EmotionRecognizer`, for instance.
        source: what `mien.video.io.opening.open_source` takes, or any other `Source`.
        options: how the video is analyzed.
        resume: time of the frame at which an earlier run stopped, in seconds; frames before it are left out, and the
            others are those that one run would have analyzed.

    Raises:
        VideoError: the source cannot be read.
        InputError: `source` is nothing that can be opened.
        MissingExtraError: the extra `video` is needed and not installed.
    """
    options = options or AnalysisOptions()
    opened: Source = source if hasattr(source, "frames") and hasattr(source, "notes") else open_source(source)
    if pipeline.prior == ESTIMATE:
        pipeline = with_estimated_prior(pipeline, source, opened, options.sampling)
    realtime = opened.live if options.realtime is None else options.realtime
    rate = min(opened.rate / options.every if opened.rate else np.inf, options.fps or np.inf)
    analyzer = FrameAnalyzer(
        pipeline,
        DetectionSchedule(options.detect_every, realtime, 1 / rate if np.isfinite(rate) else None),
        Tracker(replace(TrackOptions(), max_gap=options.max_gap), options.first_track),
        Smoother(options.smoothing, options.margin),
        opened.name,
    )
    return VideoAnalysis(analyzer, opened, replace(options.sampling, resume=resume))


@contextmanager
def _timed(stages: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds that a `with` takes to a stage."""
    began = time.perf_counter()
    try:
        yield
    finally:
        stages[name] = stages.get(name, 0.0) + time.perf_counter() - began
