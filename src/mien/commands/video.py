"""`mien video`: faces and emotions in videos."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from mien.commands.words import add_min_confidence, add_reading, positive


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "video", help="read the emotions in videos, person by person (extra: video)", description=_video.__doc__
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
    parser.add_argument("--resume", action="store_true", help="go on after the last whole frame of --out")
    parser.add_argument("--every", type=positive, default=1, metavar="N", help="look at each n-th frame (default: 1)")
    parser.add_argument(
        "--fps", type=float, metavar="RATE", help="look at no more frames a second; a folder's pictures' rate"
    )
    parser.add_argument("--start", type=seconds, default=0.0, metavar="TIME", help="where to begin: 90 or 1:30")
    parser.add_argument("--end", type=seconds, metavar="TIME", help="where to stop")
    parser.add_argument(
        "--detect-every",
        type=positive,
        metavar="N",
        help="search for faces in each n-th frame, follow them between (default: every 0.15 s)",
    )
    parser.add_argument("--realtime", action="store_true", help="keep up with the clock, dropping late frames")
    parser.add_argument(
        "--smoothing", type=float, default=0.2, metavar="SECONDS", help="average over so long (default: 0.2; 0: not)"
    )
    parser.add_argument(
        "--max-gap", type=float, default=2.0, metavar="SECONDS", help="who is away longer is a new person (default: 2)"
    )
    add_reading(parser, size=640)
    add_min_confidence(parser)
    parser.set_defaults(run=_video)


def seconds(text: str) -> float:
    """ "90", "90.5", "1:30" or "1:02:03.5" as seconds."""
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", text.strip()):
        raise argparse.ArgumentTypeError(f"expected a time like 90, 1:30 or 1:02:03.5, got {text}")
    total = 0.0
    for part in text.strip().split(":"):
        total = 60 * total + float(part)
    return total


def _video(options: argparse.Namespace) -> int:
    """Finds the faces in videos, follows each person and reads their emotions; writes rows as they come, an annotated
    video with the original sound, a timeline and a summary. In names of outputs {name} stands for the input's.
    Exit code 0: all was read; 1: something was damaged or missing, the rest is written; 2: wrong usage."""
    from mien.record import record_files

    return record_files(options)
