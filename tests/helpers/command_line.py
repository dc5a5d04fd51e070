"""What tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mien.cli.main import main

Output = pytest.CaptureFixture[str]


def write_picture(path: Path, value: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (value, value, value)).save(path)
    return path


def usage_error(*arguments: str) -> int:
    """The exit code, also where argparse leaves through SystemExit."""
    try:
        return main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
