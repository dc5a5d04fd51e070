"""`mien video`: videos in; rows, annotated video, timeline and summary out. Knows files and terminals only."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.ahead import Ahead
from mien.draw import VideoPen
from mien.encode import VideoWriter
from mien.errors import InputError, VideoError
from mien.predict import recognizer_of
from mien.recognizer import EmotionRecognizer
from mien.results import Faces
from mien.rows import Earlier, RowWriter, check_target, find_earlier, journal_of, read_rows
from mien.summary import Summary
from mien.video import Sampling, Source, open_source
from mien.watching import Watching, watch

STANDARD_INPUT = "-"
TIMELINES = (".png", ".html")


@dataclass(frozen=True)
class Targets:
    """Where the answers to one video go; None: nowhere."""

    rows: str | None
    video: Path | None
    timelines: tuple[Path, ...]
    summary: Path | None

    @property
    def named(self) -> list[Path]:
        files = [Path(self.rows) if self.rows and self.rows != "-" else None, self.video, *self.timelines, self.summary]
        return [file for file in files if file is not None]


@dataclass(frozen=True, eq=False)
class Look:
    """One frame as outputs need it; `image` is None where only rows are read back."""

    time: float
    frame: int
    faces: Faces
    image: Any
    new: bool


def record_files(options: argparse.Namespace) -> int:
    """Runs `mien video` with its parsed options; returns the exit code."""
    jobs = [(source, _targets(options, source)) for source in options.inputs]
    _check(jobs)
    recognizer = recognizer_of(options)
    failed = False
    for source, targets in jobs:
        try:
            notes = record(recognizer, source, targets, options)
        except VideoError as error:
            if len(jobs) == 1:
                raise
            notes = [str(error)]
        for note in notes:
            print(f"mien: {source}: {note}", file=sys.stderr)
        failed = failed or bool(notes)
    return 1 if failed else 0


def record(recognizer: EmotionRecognizer, source: str, targets: Targets, options: argparse.Namespace) -> list[str]:
    """Watches one video and writes what was asked for; returns what a reader should be told of it."""
    earlier = find_earlier(targets.rows, recognizer.labels) if options.resume and targets.rows else None
    opened = _open(source)
    sampling = Sampling(options.every, options.fps, options.start, options.end)
    summary = Summary(recognizer.labels, opened.name)
    notes: list[str] = []
    began, stopped = time.monotonic(), False
    with ExitStack() as stack:
        rows = stack.enter_context(RowWriter(targets.rows, recognizer.labels, earlier)) if targets.rows else None
        film = stack.enter_context(_film(targets.video, source, opened, sampling)) if targets.video else None
        pen = VideoPen()
        bar = stack.enter_context(_progress(opened, sampling))
        watching = stack.enter_context(_watching(recognizer, opened, options, earlier))
        try:
            for look in _looks(watching, source, sampling, targets, recognizer, earlier):
                if rows is not None and look.new:
                    rows.write(look.time, look.frame, look.faces)
                summary.add(look.time, look.faces, look.image if targets.timelines else None)
                if film is not None:
                    film.write(look.time, pen.draw(look.time, look.image, look.faces))
                bar(look.time)
        except KeyboardInterrupt:  # what was seen until now is worth its timeline and summary
            stopped = True
        notes += [*watching.notes, *(film.notes if film is not None else [])]
    _finish(summary, targets, options, time.monotonic() - began)
    if stopped:
        raise KeyboardInterrupt(_stopped(targets))
    return notes


def _open(source: str) -> Source:
    return open_source(sys.stdin.buffer if source == STANDARD_INPUT else int(source) if source.isdecimal() else source)


def _film(target: Path, source: str, opened: Source, sampling: Sampling) -> VideoWriter:
    sound = source if Path(source).is_file() else None
    rate = sampling.fps or (opened.rate / sampling.every if opened.rate else None)
    return VideoWriter(target, sound=sound, start=sampling.start, end=sampling.end, rate=rate)


@contextmanager
def _watching(
    recognizer: EmotionRecognizer, opened: Source, options: argparse.Namespace, earlier: Earlier | None
) -> Iterator[Watching]:
    """The video from where to go on, with the persons of the last whole frame, if an earlier run left one."""
    watching = watch(
        recognizer,
        opened,
        every=options.every,
        fps=options.fps,
        start=earlier.resume if earlier else options.start,
        end=options.end,
        detect_every=options.detect_every,
        realtime=options.realtime or None,
        smoothing=options.smoothing,
        max_gap=options.max_gap,
        first_track=earlier.next_track if earlier else 1,
    )
    if earlier is not None and earlier.last is not None:
        watching.restore(earlier.last.time, earlier.last.faces)
    with watching:
        yield watching


def _looks(
    watching: Watching,
    source: str,
    sampling: Sampling,
    targets: Targets,
    recognizer: EmotionRecognizer,
    earlier: Earlier | None,
) -> Iterator[Look]:
    """What an earlier run saw, read back from its rows, and then what is seen now."""
    if earlier is not None:
        yield from _replay(source, sampling, targets, recognizer, earlier)
    moments = Ahead((moment for moment in watching), depth=2)  # read while those before are drawn and encoded
    try:
        for moment in moments:
            yield Look(moment.time, moment.frame, moment.faces, moment.image, new=True)
    finally:
        watching.close()
        moments.close()


def _replay(
    source: str, sampling: Sampling, targets: Targets, recognizer: EmotionRecognizer, earlier: Earlier
) -> Iterator[Look]:
    """Nothing is found or classified again; frames are decoded only where pictures are drawn from them."""
    journal = journal_of(Path(targets.rows or ""))
    assert journal is not None
    seen = (
        replace(one, faces=replace(one.faces, min_confidence=recognizer.min_confidence))
        for one in read_rows(journal, recognizer.labels, earlier.resume)
    )
    if targets.video is None and not targets.timelines:
        yield from (Look(one.time, one.frame, one.faces, None, new=False) for one in seen)
        return
    nobody = _nobody(recognizer)
    waiting = next(seen, None)
    again = Sampling(sampling.every, sampling.fps, sampling.start, earlier.resume)
    frames = Ahead(_open(source).frames(again))
    try:
        for frame in frames:
            while waiting is not None and waiting.frame < frame.number:
                waiting = next(seen, None)
            faces = waiting.faces if waiting is not None and waiting.frame == frame.number else nobody
            yield Look(frame.time, frame.number, faces, frame.image, new=False)
    finally:
        frames.close()


def _nobody(recognizer: EmotionRecognizer) -> Faces:
    empty = np.zeros(0, np.float32)
    return Faces(
        boxes=empty.reshape(0, 4),
        scores=empty,
        landmarks=empty.reshape(0, 5, 2),
        probabilities=empty.reshape(0, len(recognizer.labels)),
        intensities=empty,
        labels=recognizer.labels,
        size=(0, 0),
        track_ids=np.zeros(0, np.int64),
    )


def _finish(summary: Summary, targets: Targets, options: argparse.Namespace, seconds: float) -> None:
    """Draws and prints what needs the whole video."""
    for path in targets.timelines:
        from mien.timeline import write_timeline

        write_timeline(summary, path)
    if targets.summary:
        summary.to_json(targets.summary)
    to_stdout = targets.rows == "-"
    if options.summary or not (targets.named or to_stdout):
        print(summary.table(), file=sys.stderr if to_stdout else sys.stdout)
    span = summary.last - (summary.first or 0.0)
    written = f"; wrote {', '.join(map(str, targets.named))}" if targets.named else ""
    print(
        f"{summary.source}: {summary.frames} frames, {span:.1f} s of video in {seconds:.1f} s{written}", file=sys.stderr
    )


def _stopped(targets: Targets) -> str:
    go_on = "; --resume goes on from there" if targets.rows and targets.rows != "-" else ""
    return f"stopped; what was seen until now is written{go_on}"


@contextmanager
def _progress(source: Source, sampling: Sampling) -> Iterator[Any]:
    """A bar with the time of the video, and of the work that is left; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from mien.summary import clock

    ends = [end for end in (source.duration, sampling.end) if end is not None]
    total = min(ends) - sampling.start if ends else None
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[at]}"),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(Path(source.name).name, total=total, at=clock(sampling.start))
        of = f" of {clock(min(ends))}" if ends else ""
        yield lambda seconds: bar.update(task, completed=seconds - sampling.start, at=clock(seconds) + of)


def _targets(options: argparse.Namespace, source: str) -> Targets:
    """The names of one video's outputs; {name} in them stands for the video's own."""
    name = "stdin" if source == STANDARD_INPUT else Path(source).stem or "video"

    def named(pattern: Any) -> str:
        return str(pattern).replace("{name}", name)

    return Targets(
        rows=named(options.out) if options.out else None,
        video=Path(named(options.annotate)) if options.annotate else None,
        timelines=tuple(Path(named(path)) for path in options.timeline),
        summary=Path(named(options.summary_json)) if options.summary_json else None,
    )


def _check(jobs: list[tuple[str, Targets]]) -> None:
    """Before the work, which may last for hours: can the files be written, and does none take another's place?"""
    taken: dict[Path, str] = {}
    for source, targets in jobs:
        if targets.rows:
            check_target(targets.rows)
        for path in targets.timelines:
            if path.suffix.lower() not in TIMELINES:
                raise InputError(f"{path}: expected a timeline's name that ends in {' or '.join(TIMELINES)}")
            from mien.timeline import check_timeline

            check_timeline(path)
        for path in targets.named:
            file = path.resolve()
            if file in taken or any(Path(other).exists() and Path(other).resolve() == file for other, _ in jobs):
                what = "is an input" if file not in taken else "is named twice"
                raise InputError(f"{path} {what}. Choose another name; with several videos put {{name}} into it")
            taken[file] = source
            if path.is_dir():
                raise InputError(f"{path}: expected a file to write, got a folder. Name a file in it")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{path}: its folder cannot be made ({error.strerror}). Choose another") from error
