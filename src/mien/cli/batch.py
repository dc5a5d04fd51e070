"""`mien batch`: predict many pictures and videos, on all cores or a Ray cluster."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from mien.cli.arguments import add_options, add_reading, positive
from mien.cli.exit_codes import OK, SOME_FAILED
from mien.video.options import AnalysisOptions

if TYPE_CHECKING:
    from mien.batch.reading import PartReport
    from mien.batch.run import BatchProgress


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "batch", help="predict many pictures and videos into Parquet files (extra: scale)", description=_batch.__doc__
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="files, folders (with their subfolders), globs, addresses (s3://...), or @FILE, a list, one name per line",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="a folder for the Parquet files, or an address")
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="number of parallel recognizers (default: as many as fit)"
    )
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="cores of each worker (default: 1)")
    parser.add_argument(
        "--address", metavar="ADDRESS", help="a Ray cluster: auto, host:port or ray://host:port (default: this machine)"
    )
    videos = parser.add_argument_group("videos")
    add_options(videos, AnalysisOptions, ("every", "fps", "detect_every", "smoothing", "max_gap"))
    add_reading(parser)
    parser.set_defaults(run=_batch)


def _batch(options: argparse.Namespace) -> int:
    """Predict the emotions of the faces in many pictures and videos, and write Parquet files.

    It uses all cores, or a Ray cluster. After an interruption the same command continues, and reads only new files.
    Exit code 0: everything was read; 1: some files could not be read (each has a row with the reason), or a part is
    left for the next run; 2: wrong usage.
    """
    from dataclasses import fields

    from mien.batch.run import run_batch
    from mien.batch.settings import ReadSettings
    from mien.progress import ProgressBar

    settings = ReadSettings(**{field.name: getattr(options, field.name) for field in fields(ReadSettings)})
    try:
        with ProgressBar("listing files") as bar:

            def progress(state: BatchProgress, _: PartReport | None) -> None:
                rate = state.done / state.seconds if state.seconds else 0.0
                figures = (
                    f"{state.done:,}/{state.files:,} files  {state.faces:,} faces  {state.errors:,} errors  "
                    f"{rate:.1f} files/s"
                )
                bar.show(state.done, total=state.files, label="reading", figures=figures)

            result = run_batch(
                options.sources,
                options.out,
                settings,
                workers=options.workers,
                threads=options.threads,
                address=options.address,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; finished parts are kept, and the same command continues from there") from None
    print(f"{options.out}: {summary(result)}", file=sys.stderr)
    for unread in result.unread:
        print(f"mien: {unread}", file=sys.stderr)
    if result.errors > len(result.unread):
        more = result.errors - len(result.unread)
        print(f"mien: {more:,} more could not be read; the column `error` of the tables names them", file=sys.stderr)
    for part, reason in result.failed.items():
        print(f"mien: {part} is left for the next run: {reason}", file=sys.stderr)
    return SOME_FAILED if result.failed or result.errors else OK


def summary(state: BatchProgress) -> str:
    """Return one line on what was done."""
    before = f"; {state.before:,} were done before" if state.before else ""
    if not state.files:
        return f"nothing to do{before}"
    rate = state.done / state.seconds if state.seconds else 0.0
    return (
        f"{state.done:,} of {state.files:,} files, {state.faces:,} faces, {state.errors:,} errors "
        f"in {state.seconds:.1f} s ({rate:.1f} files/s, {state.workers} workers){before}"
    )
