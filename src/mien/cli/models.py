"""`mien models`: list the released bundles."""

from __future__ import annotations

import argparse
from typing import Any

from mien.cli.exit_codes import OK


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "models", help="list the released bundles with their figures", description=_models.__doc__
    )
    parser.set_defaults(run=_models)


def _models(options: argparse.Namespace) -> int:
    """List the released bundles with their measured figures on PublicTest."""
    from mien.model_card import models_table
    from mien.voice.card import voices_table

    print("\n\n".join(table for table in (models_table(), voices_table()) if table))
    return OK
