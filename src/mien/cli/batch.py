"""`mien batch`: folders and buckets of pictures and videos, on many cores and machines."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from mien.cli.arguments import OK, SOME_FAILED, add_options, add_reading, positive
from mien.video.options import AnalysisOptions

if TYPE_CHECKING:
    from mien.batch.reading import PartReport
    from mien.batch.run import BatchProgress


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "batch", help="read many pictures and videos into Parquet files (extra: scale)", description=_batch.__doc__
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="files, folders with all in them, globs, addresses (s3://...), or @FILE, a list with a name a line",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="a folder for the Parquet files, or an address")
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="recognizers side by side (default: as many as there is room for)"
    )
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="cores of each of them (default: 1)")
    parser.add_argument(
        "--address", metavar="ADDRESS", help="a Ray cluster: auto, host:port or ray://host:port (default: this machine)"
    )
    videos = parser.add_argument_group("videos")
    add_options(videos, AnalysisOptions, ("every", "fps", "detect_every", "smoothing", "max_gap"))
    add_reading(parser)
    parser.set_defaults(run=_batch)


def _batch(options: argparse.Namespace) -> int:
    """Finds the faces in many pictures and videos and reads their emotions, on all cores or on a Ray cluster; writes
    Parquet files. The same command goes on after a stop, and reads only what is new. Exit code 0: all was read; 1: some
    files were not, each has a row that says why, or a part is left for the next run; 2: wrong usage."""
    from dataclasses import fields

    from mien.batch.run import run_batch
    from mien.batch.settings import ReadSettings
    from mien.progress import ProgressBar

    settings = ReadSettings(**{field.name: getattr(options, field.name) for field in fields(ReadSettings)})
    try:
        with ProgressBar("looking for files") as bar:

            def progress(tally: BatchProgress, _: PartReport | None) -> None:
                rate = tally.done / tally.seconds if tally.seconds else 0.0
                figures = (
                    f"{tally.done:,}/{tally.files:,} files  {tally.faces:,} faces  {tally.errors:,} errors  "
                    f"{rate:.1f} files/s"
                )
                bar.show(tally.done, total=tally.files, label="reading", figures=figures)

            tally = run_batch(
                options.sources,
                options.out,
                settings,
                workers=options.workers,
                threads=options.threads,
                address=options.address,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; what is finished is kept, and the same command goes on from there") from None
    print(f"{options.out}: {summary(tally)}", file=sys.stderr)
    for part, reason in tally.failed.items():
        print(f"mien: {part} is left for the next run: {reason}", file=sys.stderr)
    return SOME_FAILED if tally.failed or tally.errors else OK


def summary(tally: BatchProgress) -> str:
    """One line on what was done."""
    before = f"; {tally.before:,} were done before" if tally.before else ""
    if not tally.files:
        return f"nothing to do{before}"
    rate = tally.done / tally.seconds if tally.seconds else 0.0
    return (
        f"{tally.done:,} of {tally.files:,} files, {tally.faces:,} faces, {tally.errors:,} errors "
        f"in {tally.seconds:.1f} s ({rate:.1f} files/s, {tally.workers} workers){before}"
    )
