"""Run the command line: `python -m mien`."""

from __future__ import annotations

import sys

from mien.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
