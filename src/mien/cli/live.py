"""`mien live`: show a camera or a stream in a window, with the emotions of its faces."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from mien.cli.arguments import add_min_confidence, add_options, add_reading, options_of, positive, recognizer_of
from mien.cli.exit_codes import OK
from mien.live.options import LiveOptions

OPTIONS = ("mirror", "details", "fullscreen", "snapshots", "out", "seconds", "reconnect", "detect_every", "smoothing")


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "live", help="show a camera in a window, with the emotions of its faces", description=_live.__doc__
    )
    parser.add_argument(
        "--camera", default="0", metavar="SOURCE", help="a camera's number, an address or a file (default: 0)"
    )
    parser.add_argument("--width", type=positive, metavar="PIXELS", help="the window's width (default: the picture's)")
    parser.add_argument("--height", type=positive, metavar="PIXELS", help="the window's height")
    add_options(parser, LiveOptions, OPTIONS)
    add_reading(parser)
    add_min_confidence(parser)
    parser.set_defaults(run=_live)


def _live(options: argparse.Namespace) -> int:
    """Show a camera, stream or video with boxes, emotions and bars; frames that come too late are dropped.

    Keys: q quit, s snapshot, r record, d details, l labels, h help. Exit code 0: it was closed or has ended; 1: there
    is no such camera, or it cannot be read; 2: no display, or wrong usage.
    """
    from mien.live.show import show_live

    chosen = options_of(options, LiveOptions, OPTIONS, window=_window(options.width, options.height))
    camera = int(options.camera) if options.camera.isdecimal() else options.camera
    stats = show_live(recognizer_of(options), camera, chosen)
    losses = f", lost {stats.losses} time{'s'[: stats.losses - 1]}" if stats.losses else ""
    print(
        f"{stats.shown} pictures in {stats.seconds:.1f} s, {stats.rate:.1f} a second; {stats.dropped} dropped{losses}",
        file=sys.stderr,
        flush=True,
    )
    return OK


def _window(width: int | None, height: int | None) -> tuple[int, int] | None:
    """Return width and height of the window; if only one is given, the window is 16 to 9."""
    if width is None and height is None:
        return None
    return (width or round((height or 0) * 16 / 9), height or round((width or 0) * 9 / 16))
