"""The timeline of a video, person by person: stacked probabilities, the reported emotion, the strongest moments.

As one HTML page that needs nothing else, light or dark as its reader's screen is, or as a PNG for a paper (extra
`report`). Knows `Summary` and drawing only.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from mien.errors import InputError, MissingExtraError
from mien.files import replacing, write_atomically
from mien.labels import color
from mien.summary import BRIEF, Peak, Person, Stretch, Summary, clock

MOST_PEOPLE = 24
"""Persons that are drawn, those seen longest; the summary tells of all."""

PICTURES = 7
"""Faces on a person's timeline."""

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


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
        _matplotlib()


def drawn_people(summary: Summary) -> list[Person]:
    """Those seen longest, in order of appearance."""
    present = summary.present()
    longest = sorted(present, key=lambda person: -person.seen)[:MOST_PEOPLE]
    return [person for person in present if person in longest]


def ticks(first: float, last: float, most: int = 10) -> list[tuple[float, str]]:
    """Round times from first to last with their labels, mm:ss, at most `most` and one."""
    span = max(last - first, 0.1)
    step = next((step for step in _STEPS if span / step <= most), _STEPS[-1])
    times = np.arange(np.ceil(first / step - 1e-9), last / step + 1e-9) * step
    return [(float(time), clock(float(time)) if step < 1 else clock(float(time))[:-2]) for time in times]


def headline(person: Person) -> str:
    """ "seen 19.6 s: happy 52%, sad 30%"."""
    shares = ", ".join(f"{name} {share:.0%}" for name, share in person.shares.items() if share >= 0.005)
    return f"seen {person.seen:.1f} s: {shares}"


def spread(places: Sequence[float], width: float, low: float, high: float) -> list[float]:
    """Places near the wanted ones, in their order, at least `width` apart and between low and high."""
    moved = list(places)
    for index in range(len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + width if index else low)
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], moved[index + 1] - width if index + 1 < len(moved) else high)
    return moved


def _pictures(person: Person) -> list[Peak]:
    """The strongest moments that have a picture, in order of time."""
    return sorted((peak for peak in person.strongest(PICTURES) if peak.picture), key=lambda peak: peak.time)


# --- HTML ---

_WIDTH, _LEFT, _RIGHT = 1000, 40, 12
_FACE, _AREA, _STRIP, _GAP = 56, 96, 12, 4

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --ink: #1f2328; --soft: #626c77; --grid: #d6dce3; --page: #ffffff; --tint: #f3f5f8; color-scheme: light dark; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --soft: #9aa4af; --grid: #363d46; --page: #15191e; --tint: #1e242b; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.6rem 1.25rem 3rem; max-width: 66rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
.under { color: var(--soft); margin: .2rem 0 .8rem; font-size: .95rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: .5rem 0; font-size: .92rem;
  position: sticky; top: 0; background: var(--page); z-index: 1; }
.legend span { white-space: nowrap; }
i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; vertical-align: -.05em; }
section { margin: 1.1rem 0 1.6rem; break-inside: avoid; }
h2 { font-size: 1.05rem; margin: 0 0 .15rem; }
h2 small { font-weight: 400; font-size: .92rem; color: var(--soft); margin-left: .6rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font-size: 12px; }
.rule { stroke: var(--grid); stroke-width: 1; }
.lead { stroke: var(--soft); stroke-width: 1; fill: none; }
.cursor { stroke: var(--ink); stroke-width: 1; visibility: hidden; }
.now { min-height: 1.5em; font-size: .88rem; color: var(--soft); font-variant-numeric: tabular-nums; padding-left: 4%; }
footer { color: var(--soft); font-size: .88rem; border-top: 1px solid var(--grid); padding-top: .7rem; }
@media print { .legend { position: static; } i, svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
</style>
</head>
<body>
<h1>$title</h1>
<p class="under">$under</p>
<div class="legend">$legend</div>
$people
<footer>Height of a colour: the probability of its emotion, averaged in time. Strip: the emotion that is reported.
Faces: the strongest moments. $more Read by mien.</footer>
<script>
for (const part of document.querySelectorAll("section[data-steps]")) {
  const steps = JSON.parse(part.dataset.steps), names = $names, svg = part.querySelector("svg");
  const cursor = svg.querySelector(".cursor"), now = part.querySelector(".now");
  const clock = t => { const s = Math.round(t * 10) / 10, m = Math.floor(s / 60);
    return String(m).padStart(2, "0") + ":" + (s - 60 * m).toFixed(1).padStart(4, "0"); };
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * $width;
    const t = $first + (x - $left) / ($width - $left - $right) * ($last - $first);
    const run = steps.find(r => t >= r.start && t < r.start + r.width * r.values.length);
    cursor.setAttribute("x1", x); cursor.setAttribute("x2", x);
    cursor.style.visibility = t >= $first && t <= $last ? "visible" : "hidden";
    if (!run) { now.textContent = clock(Math.max(t, $first)) + "  not seen"; return; }
    const row = run.values[Math.floor((t - run.start) / run.width)];
    now.textContent = clock(t) + "  " + row.map((v, k) => [v, names[k]]).filter(p => p[0] >= 1)
      .sort((a, b) => b[0] - a[0]).map(p => p[1] + " " + p[0] + "%").join("  ");
  });
  svg.addEventListener("pointerleave", () => { cursor.style.visibility = "hidden"; now.textContent = ""; });
}
</script>
</body>
</html>
""")


def as_html(summary: Summary) -> str:
    """The page: a part per person, and a readout under the pointer."""
    people = drawn_people(summary)
    first, last = summary.first or 0.0, max(summary.last, (summary.first or 0.0) + 0.1)
    legend = "".join(f'<span><i style="background:rgb{color(name)}"></i>{name}</span>' for name in summary.labels.names)
    name = Path(summary.source).name or "video"
    return _PAGE.substitute(
        title=html.escape(name),
        under=html.escape(f"{clock(first)} to {clock(last)}, {summary.frames} frames, {_count(len(people))}"),
        legend=legend,
        people="\n".join(_part(summary, person, first, last) for person in people),
        more=html.escape(_more(summary, people)),
        names=list(summary.labels.names),
        width=_WIDTH,
        left=_LEFT,
        right=_RIGHT,
        first=f"{first:.3f}",
        last=f"{last:.3f}",
    )


def _part(summary: Summary, person: Person, first: float, last: float) -> str:
    stretches = summary.stretches(person)
    peaks = _pictures(person)
    top = _FACE + 14 if peaks else 4
    foot = top + _AREA + _GAP + _STRIP

    def x(time: float) -> float:
        return round(_LEFT + (time - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT), 2)

    parts = [_axis(x, top, foot, first, last)]
    parts += [_areas(summary, stretch, x, top, last) for stretch in stretches]
    parts += [
        f'<rect x="{x(start)}" y="{foot - _STRIP}" width="{max(0.5, x(min(end, last)) - x(start)):.2f}" '
        f'height="{_STRIP}" fill="rgb{color(summary.labels.at(column))}"><title>{summary.labels.at(column)}, '
        f"{clock(start)} to {clock(end)}</title></rect>"
        for stretch in stretches
        for start, end, column in stretch.spans()
    ]
    parts += _faces(peaks, x, top)
    parts.append(f'<line class="cursor" y1="{top}" y2="{foot}"></line>')
    steps = ",".join(
        f'{{"start":{stretch.start:.3f},"width":{stretch.width:.4g},"values":'
        f"{np.round(stretch.probabilities * 100).astype(int).tolist()}}}"
        for stretch in stretches
    ).replace(" ", "")
    return (
        f"<section data-steps='[{steps}]'><h2>Person {person.number}<small>{html.escape(headline(person))}</small></h2>"
        f'<svg viewBox="0 0 {_WIDTH} {foot + 18}" role="img" aria-label="{html.escape(headline(person))}">'
        f'{"".join(parts)}</svg><div class="now"></div></section>'
    )


def _axis(x: Any, top: float, foot: float, first: float, last: float) -> str:
    lines = [
        f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{top + _AREA * (1 - level):.1f}" '
        f'y2="{top + _AREA * (1 - level):.1f}"></line>'
        f'<text x="{_LEFT - 6}" y="{top + _AREA * (1 - level) + 4:.1f}" text-anchor="end">{level:.0%}</text>'
        for level in (0, 0.5, 1)
    ]
    marks = [
        f'<line class="rule" x1="{x(time)}" x2="{x(time)}" y1="{top}" y2="{foot + 4}"></line>'
        f'<text x="{x(time)}" y="{foot + 16}" text-anchor="middle">{label}</text>'
        for time, label in ticks(first, last)
    ]
    return "".join([*lines, *marks])


def _areas(summary: Summary, stretch: Stretch, x: Any, top: float, last: float) -> str:
    """Stacked areas, the first label at the foot."""
    times, values = _points(stretch, last)
    heights = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    heights /= np.maximum(heights[:, -1:], 1e-6)
    across = [x(time) for time in times]
    shapes = []
    for column, name in enumerate(summary.labels.names):
        if values[:, column].max() < 0.005:
            continue
        upper = [f"{a},{top + _AREA * (1 - b):.1f}" for a, b in zip(across, heights[:, column + 1], strict=True)]
        lower = [f"{a},{top + _AREA * (1 - b):.1f}" for a, b in zip(across, heights[:, column], strict=True)]
        shapes.append(f'<polygon points="{" ".join(upper + lower[::-1])}" fill="rgb{color(name)}"></polygon>')
    return "".join(shapes)


def _faces(peaks: list[Peak], x: Any, top: float) -> list[str]:
    places = spread([x(peak.time) for peak in peaks], _FACE + 4, _LEFT + _FACE / 2, _WIDTH - _RIGHT - _FACE / 2)
    return [
        f'<path class="lead" d="M{place:.1f} {_FACE} L{x(peak.time)} {top}"></path>'
        f'<rect x="{place - _FACE / 2 - 2:.1f}" y="-2" width="{_FACE + 4}" height="{_FACE + 4}" rx="4" '
        f'fill="rgb{color(peak.emotion)}"></rect>'
        f'<image x="{place - _FACE / 2:.1f}" y="0" width="{_FACE}" height="{_FACE}" '
        f'preserveAspectRatio="xMidYMid slice" href="data:image/jpeg;base64,{base64.b64encode(peak.picture).decode()}">'
        f"<title>{peak.emotion} {peak.strength:.0%} at {clock(peak.time)}</title></image>"
        for peak, place in zip(peaks, places, strict=True)
    ]


def _points(stretch: Stretch, last: float) -> tuple[Any, Any]:
    """Times (n + 2,) and values (n + 2, K): the middles of the steps, and both ends."""
    middles = stretch.start + (np.arange(len(stretch.reported)) + 0.5) * stretch.width
    end = max(min(stretch.edges[-1], last), middles[-1])
    values = stretch.probabilities
    return np.concatenate([[stretch.start], middles, [end]]), np.concatenate([values[:1], values, values[-1:]])


def _count(people: int) -> str:
    return {0: "nobody was seen", 1: "1 person"}.get(people, f"{people} persons")


def _more(summary: Summary, people: list[Person]) -> str:
    left = len(summary.people) - len(people)
    brief = sum(person.seen < BRIEF for person in summary.people.values() if person not in people)
    if not left:
        return ""
    return f"Not drawn: {left} more, {brief} of them seen for less than {BRIEF} s."


# --- PNG ---

_HEAD, _PART = 0.55, 1.9
"""Inches of the figure's head and of a person's part."""


def _matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("drawing a timeline as PNG", "report") from error


def as_figure(summary: Summary) -> Any:
    """The timeline as a matplotlib figure, a page's column wide. Needs the extra `report`."""
    _matplotlib()
    from mien.report.style import styled

    return styled(_figure)(summary)


def _figure(summary: Summary) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from mien.report.style import SOFT, WIDE

    people = drawn_people(summary)
    first, last = summary.first or 0.0, max(summary.last, (summary.first or 0.0) + 0.1)
    height = _HEAD + _PART * max(1, len(people)) + 0.1
    figure = Figure(figsize=(WIDE, height))
    present = {
        name
        for person in people
        for stretch in summary.stretches(person)
        for name, most in zip(summary.labels.names, stretch.probabilities.max(axis=0), strict=True)
        if most >= 0.02
    }
    handles = [Patch(color=_hex(name), label=name) for name in summary.labels.names if name in present]
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
    """One person's part: its foot as a share of the figure, whose height is in inches."""
    from mien.report.style import INK, SOFT

    names = summary.labels.names
    left, width = 0.06, 0.925
    strip = figure.add_axes((left, foot + 0.4 / height, width, 0.1 / height))
    areas = figure.add_axes((left, foot + 0.52 / height, width, 0.66 / height), sharex=strip)
    for stretch in summary.stretches(person):
        times, values = _points(stretch, last)
        areas.stackplot(times, values.T, colors=[_hex(name) for name in names], linewidth=0)
        for start, end, column in stretch.spans():
            strip.axvspan(start, min(end, last), color=_hex(summary.labels.at(column)), linewidth=0)
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
    _draw_faces(figure, _pictures(person), (left, foot + 1.18 / height, width), height, first, last)


def _draw_faces(
    figure: Any, peaks: list[Peak], place: tuple[float, float, float], height: float, first: float, last: float
) -> None:
    from matplotlib.lines import Line2D
    from PIL import Image, ImageOps

    from mien.report.style import SOFT, WIDE

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
        axes.spines[:].set(visible=True, color=_hex(peak.emotion), linewidth=1.6)
        figure.add_artist(Line2D([middle, at], [foot + 0.1 / height, foot], color=SOFT, linewidth=0.6))


def _hex(emotion: str) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color(emotion))
