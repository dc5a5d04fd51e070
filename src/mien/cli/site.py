"""`mien site`: write the page as a folder of static files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.exit_codes import OK


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "site", help="write the page as a folder of static files, for any host", description=_site.__doc__
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder")
    parser.set_defaults(run=_site)


def _site(options: argparse.Namespace) -> int:
    """Write the page as a folder for any web server: faces are read in the visitor's browser, nothing is sent.

    The folder works from any path, needs no headers, and after the first visit no network. Cameras need https, or
    localhost.
    """
    from mien.serve.site import write_site

    files = write_site(options.folder)
    size = sum((options.folder / path).stat().st_size for path in files)
    print(f"wrote {len(files)} files, {size / 1e6:.1f} MB, into {options.folder}")
    print(f"Copy it to any web server, or look at it: python -m http.server --directory {options.folder}")
    return OK
