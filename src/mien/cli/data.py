"""`mien data`: describe labelled faces, and list those to leave out of training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.arguments import add_data, read_data
from mien.cli.data_label import add_label
from mien.cli.exit_codes import OK
from mien.progress import share_bar


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser("data", help="describe data, and list faces to leave out")
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    describe = inner.add_parser("describe", help="describe data and their problems", description=_describe.__doc__)
    add_data(describe, positional=True)
    describe.add_argument("--no-near", action="store_true", help="skip the search for near copies, which takes longest")
    describe.add_argument("--out", type=Path, metavar="DIR", help="write pictures there (extra: report)")
    describe.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    describe.set_defaults(run=_describe)
    clean = inner.add_parser("clean", help="list what to leave out of training", description=_clean.__doc__)
    add_data(clean, positional=True)
    clean.add_argument("--out", required=True, type=Path, metavar="FILE", help="the list, a csv")
    clean.add_argument(
        "--reasons",
        type=lambda text: [word.strip() for word in text.split(",")],
        metavar="REASON,...",
        help="copy-of-test, near-copy-of-test, conflict, no-face, flat, copy, near-copy (default: all but the last)",
    )
    clean.add_argument(
        "--all-splits",
        action="store_true",
        help="list faces of validation and test splits too, if they are no faces, flat or in conflict",
    )
    clean.set_defaults(run=_clean)
    add_label(inner)


def _describe(options: argparse.Namespace) -> int:
    """Describe labelled faces: counts by source, split and class, copies, and problems.

    It finds exact and near copies within splits and across them, identical faces with different labels, and pictures of
    one shade; with --votes also pictures that are no faces, and how well labels and votes agree.
    """
    if options.out:
        from mien.report.data import draw_all  # first, since the extra may be missing
    from mien.datasets.describe import describe
    from mien.files import check_outputs

    check_outputs([options.json], [*options.data, options.votes])
    dataset = read_data(options)
    with share_bar("comparing the faces") as bar:
        description = describe(dataset, near=not options.no_near, progress=bar)
    print(description.table())
    written = [description.to_json(options.json)] if options.json else []
    if options.out:
        written += draw_all(description, options.out)
    for path in written:
        print(f"wrote {path}")
    return OK


def _clean(options: argparse.Namespace) -> int:
    """List the faces that are better left out of training, with the reasons; 'mien train --leave-out' reads the list.

    Only Training faces are listed, so that scores stay comparable: of a picture that is in Training and in a test
    split, the copy in Training is left out.
    """
    from mien.datasets import near_copies
    from mien.datasets.clean import DEFAULT_REASONS, NEEDS_NEAR, check_reasons, find_unfit, write_list
    from mien.files import check_outputs

    check_outputs([options.out], [*options.data, options.votes])
    reasons = options.reasons or DEFAULT_REASONS
    check_reasons(reasons)
    dataset = read_data(options)
    near = None
    if NEEDS_NEAR & set(reasons):
        with share_bar("comparing the faces") as bar:
            near = near_copies(dataset.faces, bar)
    unfit = find_unfit(dataset, near, reasons, options.all_splits)
    for note in dataset.notes:
        print(note)
    for reason, count in unfit.counts().items():
        print(f"{count:>7,}  {reason}")
    print(f"{len(unfit):>7,}  of {len(dataset):,} faces")
    print(f"wrote {write_list(options.out, dataset, unfit)}")
    return OK
