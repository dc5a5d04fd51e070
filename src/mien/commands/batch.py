"""`mien batch`: folders and buckets of pictures and videos, on many cores and machines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mien.commands.words import OK, SOME_FAILED, add_reading, positive

if TYPE_CHECKING:
    from mien.batch.reading import Report
    from mien.batch.run import Tally


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
    parser.add_argument("--every", type=positive, default=1, metavar="N", help="videos: each n-th frame (default: 1)")
    parser.add_argument("--fps", type=float, metavar="RATE", help="videos: no more frames a second")
    parser.add_argument(
        "--detect-every",
        type=positive,
        metavar="N",
        help="videos: search for faces in each n-th frame, follow them between (default: every 0.15 s)",
    )
    parser.add_argument(
        "--smoothing", type=float, default=0.2, metavar="SECONDS", help="videos: average over so long (default: 0.2)"
    )
    parser.add_argument(
        "--max-gap", type=float, default=2.0, metavar="SECONDS", help="videos: away longer is a new person (default: 2)"
    )
    add_reading(parser)
    parser.set_defaults(run=_batch)


def _batch(options: argparse.Namespace) -> int:
    """Finds the faces in many pictures and videos and reads their emotions, on all cores or on a Ray cluster; writes
    Parquet files. The same command goes on after a stop, and reads only what is new. Exit code 0: all was read; 1: some
    files were not, each has a row that says why, or a part is left for the next run; 2: wrong usage."""
    from dataclasses import fields

    from mien.batch.run import run_batch
    from mien.batch.settings import Settings

    settings = Settings(**{field.name: getattr(options, field.name) for field in fields(Settings)})
    try:
        with _bar() as progress:
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


def summary(tally: Tally) -> str:
    """One line on what was done."""
    before = f"; {tally.before:,} were done before" if tally.before else ""
    if not tally.files:
        return f"nothing to do{before}"
    rate = tally.done / tally.seconds if tally.seconds else 0.0
    return (
        f"{tally.done:,} of {tally.files:,} files, {tally.faces:,} faces, {tally.errors:,} errors "
        f"in {tally.seconds:.1f} s ({rate:.1f} files/s, {tally.workers} workers){before}"
    )


@contextmanager
def _bar() -> Iterator[Callable[[Tally, Report | None], None]]:
    """Files, faces, rate and the time that is left, on standard error; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("looking for files", total=None, figures="")

        def show(tally: Tally, report: Report | None) -> None:
            rate = tally.done / tally.seconds if tally.seconds else 0.0
            figures = f"files  {tally.faces:,} faces  {tally.errors:,} errors  {rate:.1f} files/s"
            bar.update(task, description="reading", total=tally.files, completed=tally.done, figures=figures)

        yield show
