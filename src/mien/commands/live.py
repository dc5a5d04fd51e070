"""`mien live`: a camera or stream in a window, with the emotions of its faces."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from mien.commands.words import add_min_confidence, add_reading, positive


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "live", help="read the emotions before a camera, in a window", description=_live.__doc__
    )
    parser.add_argument(
        "--camera", default="0", metavar="SOURCE", help="a camera's number, an address or a file (default: 0)"
    )
    parser.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="show it as a mirror would (default: cameras by number yes, all else no)",
    )
    parser.add_argument(
        "--details", action=argparse.BooleanOptionalAction, default=True, help="begin with all bars (default: yes)"
    )
    parser.add_argument("--width", type=positive, metavar="PIXELS", help="the window's width (default: the picture's)")
    parser.add_argument("--height", type=positive, metavar="PIXELS", help="the window's height")
    parser.add_argument("--fullscreen", action="store_true", help="fill the screen")
    parser.add_argument(
        "--snapshots",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where snapshots and recordings go (default: the current folder)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="rows: .csv, .jsonl or .parquet")
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after so long")
    parser.add_argument(
        "--reconnect",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open a lost camera or stream again (default: yes)",
    )
    parser.add_argument(
        "--detect-every",
        type=positive,
        metavar="N",
        help="search for faces in each n-th frame, follow them between (default: as often as there is time)",
    )
    parser.add_argument(
        "--smoothing", type=float, default=0.2, metavar="SECONDS", help="average over so long (default: 0.2; 0: not)"
    )
    add_reading(parser, size=640)
    add_min_confidence(parser)
    parser.set_defaults(run=_live)


def _live(options: argparse.Namespace) -> int:
    """Shows a camera, stream or video with boxes, emotions and bars, dropping frames that come too late. Keys: q quit,
    s snapshot, r record, d details, l labels, h help. Exit code 0: it was closed or has ended; 2: no display, or wrong
    usage; 1: there is no such camera, or it cannot be read."""
    from mien.live import LiveOptions, show_live
    from mien.predict import recognizer_of

    chosen = LiveOptions(
        mirror=options.mirror,
        details=options.details,
        snapshots=options.snapshots,
        rows=options.out,
        seconds=options.seconds,
        size=_size(options.width, options.height),
        fullscreen=options.fullscreen,
        reconnect=options.reconnect,
        detect_every=options.detect_every,
        smoothing=options.smoothing,
    )
    camera = int(options.camera) if options.camera.isdecimal() else options.camera
    tally = show_live(recognizer_of(options), camera, chosen, say=_say)
    losses = f", lost {tally.losses} time{'s'[: tally.losses - 1]}" if tally.losses else ""
    _say(f"{tally.shown} pictures in {tally.seconds:.1f} s, {tally.rate:.1f} a second; {tally.dropped} dropped{losses}")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _size(width: int | None, height: int | None) -> tuple[int, int] | None:
    """A window of this width and height; a missing one makes it 16 to 9."""
    if width is None and height is None:
        return None
    return (width or round((height or 0) * 16 / 9), height or round((width or 0) * 9 / 16))
