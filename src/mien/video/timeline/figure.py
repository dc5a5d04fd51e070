"""Draw the timeline as a matplotlib figure (extra `report`)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from mien.errors import MissingExtraError
from mien.labels import hex_color
from mien.video.summary import EmotionPeak, Person, Summary
from mien.video.timeline.layout import drawn_people, headline, pictures_of, points_of, spread, ticks

_HEAD, _PART = 0.55, 1.9
"""Heights in inches: the figure's head, and the part of each person."""


def require_matplotlib() -> None:
    """Raise MissingExtraError if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("drawing a timeline as PNG", "report") from error


def as_figure(summary: Summary) -> Any:
    """Return the timeline as a matplotlib figure as wide as a page; raise MissingExtraError without matplotlib."""
    require_matplotlib()
    from mien.figure_style import styled

    return styled(_figure)(summary)


def _figure(summary: Summary) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from mien.figure_style import INK, SOFT, WIDE

    people = drawn_people(summary)
    first, last = summary.first or 0.0, max(summary.last, (summary.first or 0.0) + 0.1)
    height = _HEAD + _PART * max(1, len(people)) + 0.1
    figure = Figure(figsize=(WIDE, height))
    present = {
        name
        for person in people
        for segment in summary.segments(person)
        for name, most in zip(summary.labels.names, segment.probabilities.max(axis=0), strict=True)
        if most >= 0.02
    }
    handles: list[Any] = [Patch(color=hex_color(name), label=name) for name in summary.labels.names if name in present]
    if any(person.numbers for person in people):
        handles.append(Line2D([], [], color=INK, linewidth=1.4, label="expressiveness"))
    figure.suptitle(
        f"{Path(summary.source).name}", x=0.06, y=1 - 0.08 / height, ha="left", va="top", fontsize=9.5, weight="bold"
    )
    figure.legend(
        handles=handles,
        loc="upper left",
        ncols=8,
        bbox_to_anchor=(0.06, 1 - 0.24 / height),
        columnspacing=1.1,
        borderpad=0,
        borderaxespad=0,
        handlelength=0.8,
        handleheight=0.8,
    )
    if not people:
        figure.text(0.5, 0.4, "nobody was seen", ha="center", color=SOFT)
    for row, person in enumerate(people):
        _draw_person(figure, summary, person, (height - _HEAD - _PART * (row + 1)) / height, height, first, last)
    return figure


def _draw_person(
    figure: Any, summary: Summary, person: Person, foot: float, height: float, first: float, last: float
) -> None:
    """Draw the part of one person.

    Args:
        figure: the figure.
        summary: the summary of the video.
        person: the person.
        foot: lower edge of the part, as a share of the figure's height.
        height: height of the figure in inches.
        first: time of the left edge, in seconds.
        last: time of the right edge, in seconds.
    """
    from matplotlib.patheffects import withStroke

    from mien.figure_style import INK, SOFT

    names = summary.labels.names
    left, width = 0.06, 0.925
    strip = figure.add_axes((left, foot + 0.4 / height, width, 0.1 / height))
    areas = figure.add_axes((left, foot + 0.52 / height, width, 0.66 / height), sharex=strip)
    for segment in summary.segments(person):
        times, values, curve = points_of(segment, last)
        areas.stackplot(times, values.T, colors=[hex_color(name) for name in names], linewidth=0)
        areas.plot(times, curve, color=INK, linewidth=1.1, path_effects=[withStroke(linewidth=2.4, foreground="white")])
        for start, end, column in segment.spans():
            strip.axvspan(start, min(end, last), color=hex_color(summary.labels.at(column)), linewidth=0)
    areas.set(xlim=(first, last), ylim=(0, 1), yticks=[0, 0.5, 1])
    areas.set_yticklabels(["0", "50%", "100%"], fontsize=7)
    strip.set_xlabel("time, mm:ss", fontsize=7, labelpad=1, color=SOFT)
    areas.tick_params(labelbottom=False, bottom=False)
    areas.spines[:].set_visible(False)
    strip.set(yticks=[], ylim=(0, 1))
    strip.spines[:].set_visible(False)
    strip.grid(False)
    marks = ticks(first, last, 8)
    strip.set_xticks([time for time, _ in marks], [label for _, label in marks])
    figure.text(left, foot + 1.78 / height, f"Person {person.number}", weight="bold", color=INK, va="center")
    figure.text(left + 0.1, foot + 1.78 / height, headline(person), color=SOFT, va="center", fontsize=8)
    _draw_faces(figure, pictures_of(person), (left, foot + 1.18 / height, width), height, first, last)


def _draw_faces(
    figure: Any, peaks: list[EmotionPeak], place: tuple[float, float, float], height: float, first: float, last: float
) -> None:
    from matplotlib.lines import Line2D
    from PIL import Image, ImageOps

    from mien.figure_style import SOFT, WIDE

    left, foot, width = place
    side = 0.4  # inches
    wanted = [left + width * (peak.time - first) / (last - first) for peak in peaks]
    half = side / WIDE / 2
    for peak, at, middle in zip(
        peaks, wanted, spread(wanted, 2 * half + 0.008, left + half, left + width - half), strict=True
    ):
        axes = figure.add_axes((middle - half, foot + 0.1 / height, 2 * half, side / height))
        axes.imshow(ImageOps.fit(Image.open(io.BytesIO(peak.picture)), (96, 96)))
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        axes.spines[:].set(visible=True, color=hex_color(peak.emotion), linewidth=1.6)
        figure.add_artist(Line2D([middle, at], [foot + 0.1 / height, foot], color=SOFT, linewidth=0.6))
