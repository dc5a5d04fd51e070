"""`mien study`: analyze a study of many videos."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from mien.cli.exit_codes import OK, SOME_FAILED
from mien.progress import stage_bar


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "study", help="tables, statistics and a report of many videos (extra: study)", description=_study.__doc__
    )
    parser.add_argument("plan", metavar="PLAN", type=Path, help="the study's plan, a .toml file")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the results (default: NAME-results, beside the plan)"
    )
    parser.set_defaults(run=_study)


def _study(options: argparse.Namespace) -> int:
    """Analyze a study: measure the emotions of participants in videos and compare conditions.

    Films without rows are read first; an interrupted run goes on where it stopped. Writes tables, a page and what the
    results depend on into one folder. Exit code 1: a film could not be read, or was damaged; the rest is done.
    """
    from mien.studies.page import write_study_page
    from mien.studies.plan import load_plan  # first, since the extra may be missing
    from mien.studies.run import run_study

    plan = load_plan(options.plan)
    out = options.out or options.plan.with_name(f"{options.plan.stem}-results")
    with stage_bar() as stage:
        result = run_study(plan, out, stage)
        page = write_study_page(result, out, stage)
    for note in result.notes:
        print(f"mien: {note}", file=sys.stderr)
    print(f"wrote {page} and {len(result.tables) + 1} tables in {out / 'tables'}")
    return SOME_FAILED if result.failed else OK
