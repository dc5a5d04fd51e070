"""`mien video`: analyze the faces and emotions in videos."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.cli.arguments import add_csv_bom, add_min_confidence, add_options, add_reading, options_of, recognizer_of
from mien.cli.exit_codes import OK, SOME_FAILED
from mien.video.options import AnalysisOptions

if TYPE_CHECKING:
    from mien.recognizer import EmotionRecognizer
    from mien.video.io.frames import Source
    from mien.video.recording import Recording, RecordingFiles
    from mien.voice.tracking import VoiceTrack

STANDARD_INPUT = "-"
OPTIONS = ("every", "fps", "start", "end", "detect_every", "realtime", "smoothing", "margin", "max_gap")


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "video", help="analyze the emotions in videos, person by person (extra: video)", description=_video.__doc__
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="files, folders of pictures, addresses, a camera's number, or -"
    )
    parser.add_argument("--out", metavar="FILE", help="rows: .csv, .jsonl or .parquet; - for standard output")
    parser.add_argument("--annotate", metavar="FILE", type=Path, help="the video with boxes and captions, .mp4")
    parser.add_argument(
        "--timeline", metavar="FILE", type=Path, action="append", default=[], help=".html or .png; may be given twice"
    )
    parser.add_argument("--summary", action="store_true", help="print a summary per person (default without files)")
    parser.add_argument("--summary-json", metavar="FILE", type=Path, help="write the summary as JSON")
    parser.add_argument("--resume", action="store_true", help="continue after the last whole frame of --out")
    parser.add_argument(
        "--voice",
        action="store_true",
        help="listen too, and join faces with the voice (extra: voice); not with --resume",
    )
    add_options(parser, AnalysisOptions, OPTIONS)
    add_reading(parser)
    add_csv_bom(parser)
    add_min_confidence(parser)
    parser.set_defaults(run=_video)


def _video(options: argparse.Namespace) -> int:
    """Analyze videos: detect faces, track each person, predict the emotions, and write the results.

    Results are rows, an annotated video with the original sound, a timeline and a summary. In the names of outputs
    {name} stands for the input's name. Exit code 0: everything was read; 1: something was damaged or missing, the rest
    is written; 2: wrong usage.
    """
    from mien.errors import VideoError
    from mien.video.recording import check_files

    jobs = [(source, _files(options, source)) for source in options.inputs]
    check_files(jobs)
    recognizer = recognizer_of(options)
    failed = False
    for source, files in jobs:
        try:
            recording = _record(recognizer, source, files, options)
            notes = recording.notes
            _report(recording, options.summary)
        except VideoError as error:
            if len(jobs) == 1:
                raise
            notes = [error.reason]
        for note in notes:
            print(f"mien: {source}: {note}", file=sys.stderr)
        failed = failed or bool(notes)
    return SOME_FAILED if failed else OK


def _record(
    recognizer: EmotionRecognizer, source: str, files: RecordingFiles, options: argparse.Namespace
) -> Recording:
    from mien.progress import ProgressBar
    from mien.video.recording import record_video
    from mien.video.summary import clock

    chosen = options_of(options, AnalysisOptions, OPTIONS)
    heard = _heard(source, options)
    length = ""
    with ProgressBar(source) as bar:

        def started(opened: Source) -> None:
            nonlocal length
            ends = [end for end in (opened.duration, chosen.end) if end is not None]
            if ends:
                length = f" of {clock(min(ends))}"
            bar.show(0, total=min(ends) - chosen.start if ends else None, label=Path(opened.name).name)

        def progress(seconds: float) -> None:
            bar.show(seconds - chosen.start, figures=clock(seconds) + length)

        recording = record_video(
            recognizer,
            source,
            files,
            chosen,
            resume=options.resume,
            progress=progress,
            started=started,
            add_voice=None if heard is None else heard.add,
        )
    recording.notes[:0] = [] if heard is None else heard.notes
    return recording


def _heard(source: str, options: argparse.Namespace) -> VoiceTrack | None:
    """Return what is heard in a video with --voice, else None."""
    if not options.voice:
        return None
    from mien.errors import InputError
    from mien.voice.tracking import VoiceTrack

    if options.resume:
        raise InputError("--voice and --resume do not go together. Leave one of them out")
    return VoiceTrack(source)


def _report(recording: Recording, with_summary: bool) -> None:
    """Print the summary, and a line on what was done."""
    summary, files = recording.summary, recording.files
    to_stdout = files.rows == "-"
    if with_summary or not (files.paths or to_stdout):
        print(summary.table(), file=sys.stderr if to_stdout else sys.stdout)
    span = summary.last - (summary.first or 0.0)
    written = f"; wrote {', '.join(map(str, files.paths))}" if files.paths else ""
    print(
        f"{summary.source}: {summary.frames} frames, {span:.1f} s of video in {recording.seconds:.1f} s{written}",
        file=sys.stderr,
    )


def _files(options: argparse.Namespace, source: str) -> RecordingFiles:
    """Return the outputs of one video, with {name} in their names replaced by the video's."""
    from mien.video.recording import RecordingFiles

    name = "stdin" if source == STANDARD_INPUT else Path(source).stem or "video"

    def named(pattern: Any) -> str | None:
        return str(pattern).replace("{name}", name) if pattern else None

    return RecordingFiles.of(
        rows=named(options.out),
        annotated=named(options.annotate),
        timelines=[str(path).replace("{name}", name) for path in options.timeline],
        summary=named(options.summary_json),
        csv_bom=options.csv_bom,
    )
