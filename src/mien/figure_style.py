"""Define the style of every matplotlib figure, and write figures as PNG, and as SVG for a light or dark page.

Matplotlib is an extra (`report`) and is imported inside the functions that need it.

A figure is drawn once, in the light colours below. Its PNG has these on white. In its SVG they become CSS variables of
the page, so that text is light on a dark page; the emotions keep their colours on both.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.files import write_atomically
from mien.labels import color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, GRID, PAPER = "#1f2328", "#6a737d", "#d6dce3", "#fefefe"
VARIABLES = {INK: "var(--ink)", SOFT: "var(--soft)", GRID: "var(--grid)", PAPER: "var(--paper)"}
SERIES = ("#3b7dd8", "#b8508f", "#4a9a4a", "#c9822b", "#7d62c9", "#2b9aa0", "#a4604a", "#84903a")
"""Colours of the models in one figure."""
ACCENT = SERIES[0]
WIDE, HALF = 7.4, 3.6
"""Widths of figures in inches: a whole page, half a page."""

_SETTINGS: dict[str, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.linewidth": 0.6,
    "grid.color": GRID,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "svg.fonttype": "none",  # keep text as text, for search, screen readers and the page's font
    "svg.hashsalt": "mien",
    "path.simplify_threshold": 0.4,
}

P = ParamSpec("P")
Drawn = TypeVar("Drawn", bound="Figure | None")


def styled(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Decorate a drawing function so that its figure has mien's style, independent of the caller's settings."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        import matplotlib

        with matplotlib.rc_context(_SETTINGS):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Return a figure without pyplot and without a window.

    Args:
        width: in inches.
        height: in inches.
        layout: matplotlib's layout engine.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def rgb(emotion: str) -> tuple[float, float, float]:
    """Return the emotion's colour for matplotlib, 0 to 1."""
    red, green, blue = color(emotion)
    return red / 255, green / 255, blue / 255


def outline_effect() -> list[Any]:
    """Return path effects that give a line a thin border, so that yellow is visible on white."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2.2, foreground=SOFT, capstyle="butt")]


def percent_axis(axes: Axes, which: str = "both") -> None:
    """Set an axis to 0 to 1, with ticks at quarters.

    Args:
        axes: the axes.
        which: "x", "y" or "both".
    """
    for axis, limits in ((axes.xaxis, axes.set_xlim), (axes.yaxis, axes.set_ylim)):
        if which in ("both", axis.axis_name):
            limits(-0.01, 1.01)
            axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])


def hide_axes(axes: Axes) -> None:
    """Remove grid, ticks and frame from axes."""
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def show_face(axes: Axes, face: npt.NDArray[np.uint8]) -> None:
    """Show a face, gray (H, W) or RGB (H, W, 3); an SVG keeps its resolution."""
    hide_axes(axes)
    image = face if face.ndim == 3 else np.repeat(face[..., None], 3, axis=2)
    axes.imshow(image, interpolation="none", aspect="equal")


def to_png(figure: Figure, path: Path, dpi: int = 200) -> Path:
    """Write the figure as PNG on white, atomically, and return the path."""
    import matplotlib

    memory = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(memory, format="png", dpi=dpi, facecolor="white", metadata={"Software": "mien"})
    return write_atomically(path, memory.getvalue())


def to_svg(figure: Figure, name: str, alt: str) -> str:
    """Return the figure as an `<svg>` for a page: transparent, in the page's colours, with unique ids.

    Args:
        figure: the figure.
        name: prefix of the ids.
        alt: text that describes the content.
    """
    import matplotlib

    memory = io.StringIO()
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(memory, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = memory.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"data:image/png;base64,([^\"]+)", _smaller, text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    used = {first or second for first, second in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)}
    text = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r' xmlns(:xlink)?="[^"]+"', "", text).replace("xlink:href", "href")
    text = re.sub(r"font-family: [^;\"]+", "font-family: var(--sans)", text)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)  # it would style the whole page
    text = re.sub(r' (?:d|x|y|transform|points)="[^"]+"', _rounded, text)
    for ink, variable in VARIABLES.items():
        text = text.replace(ink, variable)
    head = re.match(r"<svg[^>]*>", text)
    assert head is not None
    box = re.search(r'viewBox="([^"]+)"', head[0])
    assert box is not None
    width = float(box[1].split()[2])
    size = f"max-width:{width * 1.73:.0f}px"
    opening = f'<svg viewBox="{box[1]}" role="img" aria-label="{_attribute(alt)}" style="{size}">'
    return opening + text[head.end() :].strip()


def _rounded(attribute: re.Match[str]) -> str:
    """Round coordinates to a hundredth of a point."""
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", attribute[0])


def _smaller(found: re.Match[str]) -> str:
    """Convert an embedded PNG to a gray PNG, or to JPEG if it has colors: a fifth of the size."""
    image = Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB")
    pixels, memory = np.asarray(image), io.BytesIO()
    gray = bool((pixels[..., :1] == pixels).all())
    if gray:
        image.convert("L").save(memory, "PNG", optimize=True)
    else:
        image.save(memory, "JPEG", quality=88)
    return f"data:image/{'png' if gray else 'jpeg'};base64,{base64.b64encode(memory.getvalue()).decode()}"


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
