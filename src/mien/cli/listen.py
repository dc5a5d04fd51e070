"""`mien listen`: recognize the emotions of voices in sound and video files, or from a microphone."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.cli.arguments import add_min_confidence
from mien.cli.exit_codes import OK, SOME_FAILED

if TYPE_CHECKING:
    from mien.voice.microphone import Microphone
    from mien.voice.recognizer import VoiceRecognizer
    from mien.voice.rows import SegmentWriter
    from mien.voice.sound import SoundStream
    from mien.voice.voices import Voices

STANDARD_INPUT = "-"
DEFAULT_DEVICE = ""


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "listen", help="recognize the emotions of voices (extra: voice)", description=_listen.__doc__
    )
    parser.add_argument("inputs", nargs="*", metavar="FILE", help="sound or video files, or - for standard input")
    parser.add_argument(
        "--microphone",
        nargs="?",
        const=DEFAULT_DEVICE,
        metavar="DEVICE",
        help="listen to a microphone, by number or name, until Ctrl-C (extra: microphone); a file is played instead",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="stop the microphone after so many seconds")
    parser.add_argument("--out", metavar="FILE", help="rows: .csv, .jsonl or .parquet; - for standard output")
    parser.add_argument("--json", action="store_true", help="print everything as one JSON document")
    parser.add_argument(
        "--timeline", metavar="FILE", type=Path, action="append", default=[], help=".html or .png; may be given twice"
    )
    parser.add_argument("--model", default="mien-voice", metavar="BUNDLE", help="a voice bundle's name or file")
    parser.add_argument(
        "--head", default="votes", help="votes (default): what people would hear; intended: what the speaker would mean"
    )
    parser.add_argument("--window", type=float, metavar="S", help="seconds of a window (default: the bundle's, 3)")
    parser.add_argument("--hop", type=float, default=1.0, metavar="S", help="seconds between windows (default: 1)")
    add_min_confidence(parser)
    parser.set_defaults(run=_listen)


def _listen(options: argparse.Namespace) -> int:
    """Recognize the emotions of voices in sound and video files, window by window.

    In the names of timelines {name} stands for the input's name. Exit code 0: everything was read; 1: something was
    damaged or without sound, the rest is written; 2: wrong usage.
    """
    from mien.errors import InputError, SoundError
    from mien.voice.recognizer import VoiceRecognizer
    from mien.voice.rows import SegmentWriter
    from mien.voice.voices import voices_document

    _check(options)
    live = options.microphone is not None
    if live == bool(options.inputs):
        raise InputError("expected sound files, or --microphone, got " + ("both" if live else "none of them"))
    recognizer = VoiceRecognizer(
        options.model,
        head=options.head,
        window=options.window,
        hop=options.hop,
        min_confidence=options.min_confidence,
    )
    results: list[Voices | SoundError] = []
    with ExitStack() as stack:
        rows = stack.enter_context(SegmentWriter(options.out, recognizer.labels)) if options.out else None
        for source in [options.microphone] if live else options.inputs:
            try:
                results.append(_one(recognizer, source, options, rows))
            except SoundError as error:
                if len(options.inputs) < 2:
                    raise
                print(f"mien: {error}", file=sys.stderr)
                results.append(error)
    if options.json:
        document = voices_document(recognizer.bundle.name, recognizer.labels, results)
        print(json.dumps(document, indent=2, ensure_ascii=False))
    return SOME_FAILED if any(isinstance(result, SoundError) for result in results) else OK


def _one(recognizer: VoiceRecognizer, source: str, options: argparse.Namespace, rows: SegmentWriter | None) -> Voices:
    """Listen to one source; on Ctrl-C what was heard until then is written, and a microphone ends in peace."""
    from mien.progress import ProgressBar
    from mien.video.summary import clock
    from mien.voice.timeline import write_voice_timeline
    from mien.voice.voices import Voices

    live = options.microphone is not None
    shown = not (options.json or options.out == "-")
    parts: list[Voices] = []
    stopped = False
    with _opened(source, options) as stream, ProgressBar(stream.name, stream.duration) as bar:
        length = "" if stream.duration is None else f" of {clock(stream.duration)}"
        try:
            for part in recognizer.listen(stream):
                parts.append(part)
                if rows is not None:
                    rows.write(part)
                if live and shown:
                    print(part[0], flush=True)
                bar.show(float(part.ends[-1]), figures=clock(float(part.ends[-1])) + length)
        except KeyboardInterrupt:
            stopped = True
    none = Voices.none(recognizer.labels, stream.name, min_confidence=recognizer.min_confidence)
    voices = Voices.joined(parts) if parts else none
    written = [write_voice_timeline(voices, _named(path, source)) for path in options.timeline]
    if shown and not live and not options.out and not written:
        print(voices)
    files = [*([options.out] if options.out and options.out != "-" else []), *map(str, written)]
    wrote = f"; wrote {', '.join(files)}" if files else ""
    print(
        f"{voices.source}: {voices.duration:.1f} s, {len(voices)} {'window' if len(voices) == 1 else 'windows'}{wrote}",
        file=sys.stderr,
    )
    if stopped and not live:
        raise KeyboardInterrupt("stopped; what was heard until now is written")
    return voices


def _opened(source: str, options: argparse.Namespace) -> SoundStream | Microphone:
    if options.microphone is None:
        from mien.voice.sound import SoundStream

        return SoundStream(source)
    from mien.voice.microphone import Microphone

    return Microphone(None if source == DEFAULT_DEVICE else source, seconds=options.seconds)


def _check(options: argparse.Namespace) -> None:
    """Check, before any work, that the outputs can be written and that none overwrites an input."""
    from mien.errors import InputError
    from mien.files import check_outputs
    from mien.video.rows import check_target
    from mien.video.timeline.writing import TIMELINES, check_timeline

    if options.out:
        check_target(options.out)
        if options.json and options.out == "-":
            raise InputError("--json and --out -: both would be printed. Name a file for one of them")
    for path in options.timeline:
        if path.suffix.lower() not in TIMELINES:
            raise InputError(f"{path}: expected a timeline's name that ends in {' or '.join(TIMELINES)}")
        check_timeline(path)
    sources = options.inputs or [DEFAULT_DEVICE]
    timelines = [_named(path, source) for path in options.timeline for source in sources]
    inputs = [*options.inputs, options.microphone] if options.microphone else options.inputs
    several = " With several sounds put {name} into it" if len(sources) > 1 else ""
    try:
        check_outputs([options.out], inputs)
        check_outputs([options.out, *timelines], inputs, text=False)
    except InputError as error:
        raise InputError(f"{error}.{several}" if several else str(error)) from error


def _named(pattern: Path, source: str) -> Path:
    """Return a timeline's path with {name} replaced by the input's."""
    name = {STANDARD_INPUT: "stdin", DEFAULT_DEVICE: "microphone"}.get(source, Path(source).stem)
    return Path(str(pattern).replace("{name}", name or "sound"))
