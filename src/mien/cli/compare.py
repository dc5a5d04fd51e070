"""`mien compare`: compare models on the same faces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.arguments import add_data, read_data
from mien.cli.exit_codes import OK
from mien.errors import InputError
from mien.progress import share_bar, stage_bar


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser("compare", help="compare models on the same faces", description=_compare.__doc__)
    parser.add_argument("models", nargs="+", metavar="RUN_OR_BUNDLE", help="runs' folders or bundles' files")
    add_data(parser, required=False)
    parser.add_argument("--split", help="default: PublicTest, or else Test, Validation or Training")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write a page with figures there (extra: report)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    """Compare the scores, sizes, costs and recipes of runs or bundles, with paired tests of every difference.

    Runs that hold predictions of the same faces need no --data.
    """
    if options.out:
        from mien.report.comparison import write_comparison  # first, since the extra may be missing
    from mien.datasets import default_split
    from mien.evaluation.compare import compare
    from mien.files import check_outputs
    from mien.runs import open_model_source

    check_outputs([options.json], [*options.models, *(options.data or ()), options.votes])
    if options.votes and not options.data:
        raise InputError("--votes: expected --data too, the faces that the votes are for, got none")
    dataset, split = None, options.split or "PublicTest"
    if options.data:
        dataset = read_data(options, open_model_source(options.models[0]).bundle.heads, set_aside=False)
        split = options.split or default_split(dataset)
    with stage_bar() as stage:
        comparison = compare(options.models, dataset, split, progress=stage)
    print(comparison.table())
    written = [comparison.to_json(options.json)] if options.json else []
    if options.out:
        with share_bar("drawing") as bar:
            written.append(write_comparison(comparison, options.out, bar))
    for path in written:
        print(f"wrote {path}")
    return OK
