"""The words that most benchmarks' command lines share."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(description: str | None, *, votes: bool = True) -> argparse.ArgumentParser:
    """One that shows the module's docstring, with --data and, where they are wanted, --votes."""
    words = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, required=True, metavar="CSV", help="fer2013.csv")
    if votes:
        words.add_argument("--votes", type=Path, required=True, metavar="CSV", help="fer2013new.csv")
    return words
