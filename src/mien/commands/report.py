"""`mien report` and `mien compare`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.commands.words import OK, add_data, progress, read_data, stages
from mien.errors import InputError


def add(commands: Any) -> None:
    _add_report(commands)
    _add_compare(commands)


def _add_report(commands: Any) -> None:
    parser = commands.add_parser(
        "report", help="draw everything known of a model, as one page (extra: report)", description=_report.__doc__
    )
    parser.add_argument("model", metavar="RUN_OR_BUNDLE", help="a run's folder, a bundle's file or a released name")
    add_data(parser)
    parser.add_argument("--split", help="default: PublicTest, or else Test, Validation or Training")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write (default: report in the run, or NAME-report here)"
    )
    parser.set_defaults(run=_report)


def _add_compare(commands: Any) -> None:
    parser = commands.add_parser("compare", help="set models side by side", description=_compare.__doc__)
    parser.add_argument("models", nargs="+", metavar="RUN_OR_BUNDLE", help="runs' folders or bundles' files")
    add_data(parser, required=False)
    parser.add_argument("--split", help="default: PublicTest, or else Test, Validation or Training")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write a page with figures there (extra: report)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.set_defaults(run=_compare)


def _report(options: argparse.Namespace) -> int:
    """Writes one HTML page that needs nothing else, and its figures as PNG: training curves, scores per class,
    confusion, precision-recall and ROC, calibration, risk and coverage, mistakes, uncertain and sample faces, the
    network, and where it looks. Grad-CAM and attention need a run and the extra train; a bundle alone gets occlusion
    maps."""
    from mien.datasets import default_split
    from mien.report import write_report  # before the work: the extra may be missing
    from mien.runs import open_subject

    dataset = read_data(options, open_subject(options.model).bundle.heads, set_aside=False)
    split = options.split or default_split(dataset)
    with stages() as stage:
        page = write_report(options.model, dataset, options.out, split, progress=stage)
    print(f"wrote {page}")
    return OK


def _compare(options: argparse.Namespace) -> int:
    """Scores, size, work and recipes of runs or bundles side by side, with paired tests of every difference. Runs that
    keep predictions of the same faces need no --data."""
    if options.out:
        from mien.report.comparison import write_comparison  # before the work: the extra may be missing
    from mien.compare import compare
    from mien.datasets import default_split
    from mien.runs import open_subject

    if options.votes and not options.data:
        raise InputError("--votes: expected --data beside it, the faces that the votes are for")
    dataset, split = None, options.split or "PublicTest"
    if options.data:
        dataset = read_data(options, open_subject(options.models[0]).bundle.heads, set_aside=False)
        split = options.split or default_split(dataset)
    with stages() as stage:
        comparison = compare(options.models, dataset, split, progress=stage)
    print(comparison.table())
    written = [comparison.to_json(options.json)] if options.json else []
    if options.out:
        with progress("drawing") as bar:
            written.append(write_comparison(comparison, options.out, bar))
    for path in written:
        print(f"wrote {path}")
    return OK
