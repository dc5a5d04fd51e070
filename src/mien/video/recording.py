"""Record a video: analyze it once and write rows, an annotated video, timelines and a summary.

This module knows files and sources; nothing of terminals. `EmotionRecognizer.record` and `mien video` use it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mien.drawing import VideoAnnotator
from mien.errors import InputError
from mien.files import check_outputs
from mien.pipeline import FacePipeline
from mien.results import Faces
from mien.video.analysis import VideoAnalysis, analyze
from mien.video.io.frames import Source
from mien.video.io.opening import open_source
from mien.video.io.prefetch import Prefetcher
from mien.video.io.writer import VideoWriter
from mien.video.moment import Moment
from mien.video.options import RESUME_TOLERANCE, AnalysisOptions, Sampling
from mien.video.resume import ResumeFile, ResumePoint, find_resume_point
from mien.video.rows import RowWriter, check_target, journal_of, read_rows
from mien.video.summary import Summary
from mien.video.timeline.writing import TIMELINES, check_timeline, write_timeline

STANDARD_INPUT = "-"
STANDARD_OUTPUT = "-"


@dataclass(frozen=True)
class RecordingFiles:
    """The files that are written of one video; None: that file is not written.

    Attributes:
        rows: a row per face and frame, .csv, .jsonl or .parquet; "-" is standard output.
        annotated: the video with boxes and captions, .mp4.
        timelines: .html or .png.
        summary: the summary per person, .json.
        csv_bom: begin the rows, if they are CSV, with a byte order mark, as Excel needs it.
    """

    rows: str | None = None
    annotated: Path | None = None
    timelines: tuple[Path, ...] = ()
    summary: Path | None = None
    csv_bom: bool = False

    @classmethod
    def of(
        cls,
        rows: str | os.PathLike[str] | None = None,
        annotated: str | os.PathLike[str] | None = None,
        timelines: Sequence[str | os.PathLike[str]] = (),
        summary: str | os.PathLike[str] | None = None,
        csv_bom: bool = False,
    ) -> RecordingFiles:
        """Make it of paths of any kind; the arguments are the attributes."""
        return cls(
            None if rows is None else os.fspath(rows),
            None if annotated is None else Path(annotated),
            tuple(Path(path) for path in timelines),
            None if summary is None else Path(summary),
            csv_bom,
        )

    @property
    def paths(self) -> list[Path]:
        """All files; standard output is none."""
        rows = Path(self.rows) if self.rows and self.rows != STANDARD_OUTPUT else None
        return [file for file in (rows, self.annotated, *self.timelines, self.summary) if file is not None]


@dataclass(frozen=True, eq=False)
class Recording:
    """The result of recording a video.

    Attributes:
        summary: the persons and their emotions.
        files: the files that were written.
        notes: what was wrong with the video, for people to read.
        seconds: how long the recording took.
    """

    summary: Summary
    files: RecordingFiles
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def record_video(
    pipeline: FacePipeline,
    source: Any,
    files: RecordingFiles,
    options: AnalysisOptions | None = None,
    *,
    resume: bool = False,
    progress: Callable[[float], None] | None = None,
    started: Callable[[Source], None] | None = None,
    add_voice: Callable[[Moment], Moment] | None = None,
) -> Recording:
    """Analyze a video and write rows, an annotated video, timelines and a summary.

    On a KeyboardInterrupt the files are completed with what was analyzed; then it is raised again.

    Args:
        pipeline: detects, crops and classifies faces: an `EmotionRecognizer`, for instance.
        source: what `mien.video.io.opening.open_source` takes; "-" is standard input, and digits are a camera's number.
        files: the files to write.
        options: how the video is analyzed.
        resume: continue after the last whole frame in the file of rows.
        progress: called after each frame with its time in seconds.
        started: called with the opened video, before it is analyzed.
        add_voice: adds what is heard to each moment, as `mien.voice.tracking.VoiceTrack.add` does; not with `resume`.

    Raises:
        VideoError: the video cannot be read, or the annotated one not written.
        InputError: a file cannot be written under its name.
        DataError: the file to resume does not hold rows of these labels.
        MissingExtraError: an extra is not installed.
    """
    options = options or AnalysisOptions()
    check_files([(source, files)])
    if resume and add_voice is not None:
        raise InputError("resume: a recording with the voice cannot be continued. Record it anew")
    earlier = find_resume_point(files.rows, pipeline.labels) if resume and files.rows else None
    opened = _open(source)
    if started is not None:
        started(opened)
    summary = Summary(pipeline.labels, opened.name)
    notes: list[str] = []
    journal = journal_of(Path(files.rows)) if files.rows else None
    resume_file = ResumeFile(journal) if journal is not None else None
    if resume_file is not None and earlier is None:
        resume_file.remove()  # of an earlier recording under this name
    began, stopped = time.monotonic(), False
    with ExitStack() as stack:
        rows = _rows(stack, files, pipeline, earlier, add_voice is not None)
        film = stack.enter_context(_film(files.annotated, source, opened, options)) if files.annotated else None
        annotator = VideoAnnotator()
        analysis = stack.enter_context(_analysis(pipeline, opened, options, earlier))
        try:
            for moment, is_new in _moments(analysis, source, options.sampling, files, pipeline, earlier):
                moment = moment if add_voice is None else add_voice(moment)
                if rows is not None and is_new:
                    if resume_file is not None and moment.state is not None:
                        resume_file.save(moment.state, rows.size or 0)
                    rows.write(moment)
                summary.add(moment.time, moment.faces, moment.image if files.timelines else None)
                if film is not None and moment.image is not None:
                    film.write(moment.time, annotator.draw(moment.time, moment.image, moment.faces))
                if progress is not None:
                    progress(moment.time)
        except KeyboardInterrupt:  # the timeline and the summary of what was analyzed are still written
            stopped = True
            if rows is not None:
                rows.leave_unfinished()
        notes += [*analysis.notes, *(film.notes if film is not None else [])]
    if resume_file is not None and not stopped and (options.end is None or journal != Path(files.rows or "")):
        resume_file.remove()  # nothing is left to do, or the rows are in a Parquet file
    for path in files.timelines:
        write_timeline(summary, path)
    if files.summary:
        summary.to_json(files.summary)
    if stopped:
        raise KeyboardInterrupt(_stopped(files))
    return Recording(summary, files, notes, time.monotonic() - began)


def _rows(
    stack: ExitStack, files: RecordingFiles, pipeline: FacePipeline, earlier: ResumePoint | None, voice: bool
) -> RowWriter | None:
    """Return the writer of the rows, open until the stack's end; None if they are not written."""
    if not files.rows:
        return None
    return stack.enter_context(RowWriter(files.rows, pipeline.labels, earlier, bom=files.csv_bom, voice=voice))


def check_files(jobs: Sequence[tuple[Any, RecordingFiles]]) -> None:
    """Check, before any work, that the files of all videos can be written and that none overwrites another.

    Args:
        jobs: the source and the files of each video.

    Raises:
        InputError: a file is an input, is named twice, is a folder, or has a name of another kind.
        MissingExtraError: an extra is not installed that a file needs.
    """
    inputs = [Path(source) for source, _ in jobs if isinstance(source, str | os.PathLike)]
    for _, files in jobs:
        if files.rows:
            check_target(files.rows)
        for path in files.timelines:
            if path.suffix.lower() not in TIMELINES:
                raise InputError(f"{path}: expected a timeline's name that ends in {' or '.join(TIMELINES)}")
            check_timeline(path)
    try:
        check_outputs([path for _, files in jobs for path in files.paths], inputs, text=False)
    except InputError as error:
        several = " With several videos put {name} into it" if len(jobs) > 1 else ""
        raise InputError(f"{error}.{several}" if several else str(error)) from error
    check_outputs([files.summary for _, files in jobs])


def _open(source: Any) -> Source:
    if isinstance(source, str) and source == STANDARD_INPUT:
        return open_source(sys.stdin.buffer)
    return open_source(int(source) if isinstance(source, str) and source.isdecimal() else source)


def _film(target: Path, source: Any, opened: Source, options: AnalysisOptions) -> VideoWriter:
    """Return the writer of the annotated video, with the sound of the original."""
    sound = str(source) if isinstance(source, str | os.PathLike) and Path(source).is_file() else None
    rate = options.fps or (opened.rate / options.every if opened.rate else None)
    return VideoWriter(target, sound=sound, start=options.start, end=options.end, rate=rate)


@contextmanager
def _analysis(
    pipeline: FacePipeline, opened: Source, options: AnalysisOptions, earlier: ResumePoint | None
) -> Iterator[VideoAnalysis]:
    """Begin the analysis; with `earlier`, at the resume point and with the persons of the last whole frame."""
    if earlier is not None:
        options = replace(options, first_track=earlier.next_track)
    analysis = analyze(pipeline, opened, options, resume=earlier.resume if earlier else 0.0)
    if earlier is not None and earlier.state is not None:
        analysis.restore(earlier.state)
    elif earlier is not None and earlier.last is not None:
        analysis.restore_people(earlier.last.time, earlier.last.faces)
    with analysis:
        yield analysis


def _moments(
    analysis: VideoAnalysis,
    source: Any,
    sampling: Sampling,
    files: RecordingFiles,
    pipeline: FacePipeline,
    earlier: ResumePoint | None,
) -> Iterator[tuple[Moment, bool]]:
    """Yield the moments of the interrupted recording, read from its rows, and then the new ones, which are marked."""
    if earlier is not None:
        for moment in _replay(source, sampling, files, pipeline, earlier):
            yield moment, False
    moments = Prefetcher((moment for moment in analysis), depth=2)  # analyzed while those before are drawn and encoded
    try:
        for moment in moments:
            yield moment, True
    finally:
        analysis.close()
        moments.close()


def _replay(
    source: Any, sampling: Sampling, files: RecordingFiles, pipeline: FacePipeline, earlier: ResumePoint
) -> Iterator[Moment]:
    """Yield the moments of an interrupted recording from its rows; decode frames only if pictures are drawn of them."""
    journal = journal_of(Path(files.rows or ""))
    assert journal is not None
    seen = (
        replace(one, faces=replace(one.faces, min_confidence=pipeline.min_confidence))
        for one in read_rows(journal, pipeline.labels, earlier.resume)
    )
    if files.annotated is None and not files.timelines:
        yield from seen
        return
    no_faces = Faces.none(pipeline.labels, with_tracks=True)
    waiting = next(seen, None)
    frames = Prefetcher(_open(source).frames(replace(sampling, end=earlier.resume - RESUME_TOLERANCE)))
    try:
        for frame in frames:
            while waiting is not None and waiting.frame < frame.number:
                waiting = next(seen, None)
            faces = waiting.faces if waiting is not None and waiting.frame == frame.number else no_faces
            yield Moment(frame.time, frame.number, faces, frame.image)
    finally:
        frames.close()


def _stopped(files: RecordingFiles) -> str:
    go_on = "; --resume goes on from there" if files.rows and files.rows != STANDARD_OUTPUT else ""
    return f"stopped; what was seen until now is written{go_on}"
