"""`mien annotations`: write the episodes of a video for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.exit_codes import OK


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "annotations",
        help="write the emotions of a video for ELAN, Praat, BORIS, BIDS, as subtitles (extra: study)",
        description=_annotations.__doc__,
    )
    parser.add_argument("rows", metavar="ROWS", type=Path, help="rows that `mien video --out` has written")
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        action="append",
        required=True,
        help=".vtt, .srt, .eaf (ELAN), .TextGrid (Praat), .csv (BORIS), _events.tsv (BIDS) or .jsonld (W3C); may be "
        "given several times",
    )
    parser.add_argument("--media", default="", metavar="FILE", help="the film's path or address, which the files name")
    parser.add_argument(
        "--min-seconds", type=float, default=0.0, metavar="SECONDS", help="leave out shorter episodes (default: 0)"
    )
    parser.set_defaults(run=_annotations)


def _annotations(options: argparse.Namespace) -> int:
    """Write the episodes of a video, stretches of one reported emotion of one person, as annotations.

    The format is told by the name's end. Each person is a tier, or a speaker.
    """
    from mien.files import check_outputs
    from mien.studies.annotations import annotations_of, format_of, write_annotations  # first: the extra may be missing
    from mien.studies.reading import read_table

    for path in options.out:
        format_of(path)
    check_outputs(options.out, [options.rows, options.media or None])
    found = annotations_of(read_table(options.rows), options.media, min_seconds=options.min_seconds)
    written = [file for path in options.out for file in write_annotations(found, path)]
    print(f"wrote {len(found.episodes)} episodes into {', '.join(map(str, written))}")
    return OK
