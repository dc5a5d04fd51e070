"""What the tests of the command line share: a folder of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.command_line import write_picture


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    for name in ("a.png", "b.jpg", "deep/a.png", "deep/er/c.jpg"):
        write_picture(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    return folder
