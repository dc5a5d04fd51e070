"""Write figures, tables and text as one HTML file without external files. Knows nothing of models."""

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
    """Hold a figure with its texts.

    Attributes:
        name: name of its PNG file.
        title: title.
        figure: the figure.
        caption: text below the title.
        alt: text that describes the content.
        half: two such figures share a line on a wide page.
    """

    name: str
    title: str
    figure: Figure
    caption: str
    alt: str
    half: bool = False


@dataclass(frozen=True)
class PageTable:
    """Hold a table of text cells; the first column has names, and an emotion's name gets its color.

    Attributes:
        header: the first line.
        rows: the other lines.
        caption: caption.
        best: cells (row, column) that are bold.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    best: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Section:
    """Hold a chapter of a page: text, then tables, then figures.

    Attributes:
        name: anchor of the chapter.
        title: title.
        text: the text.
        tables: the tables.
        plots: the figures.
    """

    name: str
    title: str
    text: str = ""
    tables: Sequence[PageTable] = ()
    plots: Sequence[Plot] = ()


def write_page(
    template: str,
    path: Path,
    sections: Sequence[Section],
    progress: Callable[[float], None] = lambda share: None,
    **values: Any,
) -> Path:
    """Write the page, and every figure as `figures/NAME.png` next to it; return the page's path.

    Args:
        template: name of the template in `mien/report/pages`.
        path: the file to write.
        sections: the chapters.
        progress: called with the share done, 0 to 1.
        **values: other values for the template.
    """
    plots = [plot for section in sections for plot in section.plots]
    drawn = {}
    for number, plot in enumerate(plots, 1):
        to_png(plot.figure, path.parent / "figures" / f"{plot.name}.png")
        plot.figure.set_layout_engine("none")  # the layout is done; computing it again takes as long as drawing
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
