"""Write the timeline of a video as a picture or a page."""

from __future__ import annotations

from pathlib import Path

from mien.errors import InputError
from mien.files import replacing, write_atomically
from mien.video.summary import Summary
from mien.video.timeline.figure import as_figure, require_matplotlib
from mien.video.timeline.html import as_html

TIMELINES = (".png", ".html")
"""Suffixes of a timeline's name."""


def write_timeline(summary: Summary, path: str | Path) -> Path:
    """Writes the timeline as .html or .png, whole or not at all. Raises InputError, or MissingExtraError for a PNG."""
    target = Path(path)
    if target.suffix.lower() == ".html":
        return write_atomically(target, as_html(summary))
    if target.suffix.lower() != ".png":
        raise InputError(f"{target}: expected a timeline's name that ends in .html or .png")
    with replacing(target) as temporary:
        as_figure(summary).savefig(temporary, dpi=200, format="png")
    return target


def check_timeline(path: Path) -> None:
    """Raises MissingExtraError if a timeline of that name cannot be drawn here."""
    if path.suffix.lower() == ".png":
        require_matplotlib()
