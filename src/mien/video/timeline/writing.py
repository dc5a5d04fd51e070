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
    """Write the timeline, whole or not at all, and return the path.

    Args:
        summary: the summary of the video.
        path: .html or .png.

    Raises:
        InputError: the name ends in something else.
        MissingExtraError: a .png needs the extra `report`.
    """
    target = Path(path)
    if target.suffix.lower() == ".html":
        return write_atomically(target, as_html(summary))
    if target.suffix.lower() != ".png":
        raise InputError(f"{target}: expected a timeline's name that ends in .html or .png")
    with replacing(target) as temporary:
        as_figure(summary).savefig(temporary, dpi=200, format="png")
    return target


def check_timeline(path: Path) -> None:
    """Raise MissingExtraError if a timeline of that name needs an extra that is not installed."""
    if path.suffix.lower() == ".png":
        require_matplotlib()
