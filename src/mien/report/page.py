"""Figures, tables and words as one HTML file that needs nothing else. Knows nothing of models."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from mien.figure_style import to_png, to_svg
from mien.files import write_atomically
from mien.labels import hex_color


@dataclass(frozen=True)
class Plot:
    """A figure with what is said about it. `name` is that of its PNG; `alt` says in words what it shows; `half` ones
    stand beside each other where the page is wide."""

    name: str
    title: str
    figure: Figure
    caption: str
    alt: str
    half: bool = False


@dataclass(frozen=True)
class PageTable:
    """Cells as text, the first column being names; an emotion's name gets its colour. `best` places (row, column) are
    bold."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    best: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Section:
    """A chapter of a page: words, then tables, then figures."""

    name: str
    title: str
    words: str = ""
    tables: Sequence[PageTable] = ()
    plots: Sequence[Plot] = ()


def write_page(
    template: str,
    path: Path,
    sections: Sequence[Section],
    progress: Callable[[float], None] = lambda share: None,
    **values: Any,
) -> Path:
    """Writes the page, and every figure as `figures/NAME.png` beside it; returns the page's path."""
    plots = [plot for section in sections for plot in section.plots]
    drawn = {}
    for number, plot in enumerate(plots, 1):
        to_png(plot.figure, path.parent / "figures" / f"{plot.name}.png")
        plot.figure.set_layout_engine("none")  # its places are found; finding them again takes as long as drawing
        drawn[plot.name] = Markup(to_svg(plot.figure, plot.name, plot.alt))
        progress(number / len(plots))
    text = _environment().get_template(template).render(sections=sections, drawn=drawn, **values)
    return write_atomically(path, text)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mien.report", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["color"] = hex_color
    return environment
