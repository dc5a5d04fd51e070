"""Draw the timeline as one self-contained HTML page."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from mien.labels import color
from mien.video.summary import MIN_SECONDS_SEEN, EmotionPeak, Person, Summary, TrackSegment, clock
from mien.video.timeline.layout import drawn_people, headline, pictures_of, points_of, spread, ticks

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
.curve, .halo { fill: none; stroke: #1f2328; stroke-width: 1.4; }
.halo { stroke: #ffffff; stroke-width: 3.4; }
.legend b { display: inline-block; width: 1.2em; border-top: 2px solid var(--ink); margin-right: .4em;
  vertical-align: .25em; }
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
<footer>Height of a colour: the probability of its emotion, averaged in time. $curve
Strip: the emotion that is reported. Faces: the strongest moments. $more Read by mien.</footer>
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
    const seen = run.curve ? "   expressiveness " + run.curve[Math.floor((t - run.start) / run.width)] + "%" : "";
    now.textContent = clock(t) + "  " + row.map((v, k) => [v, names[k]]).filter(p => p[0] >= 1)
      .sort((a, b) => b[0] - a[0]).map(p => p[1] + " " + p[0] + "%").join("  ") + seen;
  });
  svg.addEventListener("pointerleave", () => { cursor.style.visibility = "hidden"; now.textContent = ""; });
}
</script>
</body>
</html>
""")


def as_html(summary: Summary) -> str:
    """Return the page: a section per person, with the values at the pointer's time."""
    people = drawn_people(summary)
    first, last = summary.first or 0.0, max(summary.last, (summary.first or 0.0) + 0.1)
    legend = "".join(f'<span><i style="background:rgb{color(name)}"></i>{name}</span>' for name in summary.labels.names)
    known = any(person.numbers for person in people)
    if known:
        legend += "<span><b></b>expressiveness</span>"
    name = Path(summary.source).name or "video"
    return _PAGE.substitute(
        title=html.escape(name),
        under=html.escape(f"{clock(first)} to {clock(last)}, {summary.frames} frames, {_count(len(people))}"),
        legend=legend,
        people="\n".join(_part(summary, person, first, last) for person in people),
        curve="Line: the share of people who see any emotion at all." if known else "",
        more=html.escape(_more(summary, people)),
        names=list(summary.labels.names),
        width=_WIDTH,
        left=_LEFT,
        right=_RIGHT,
        first=f"{first:.3f}",
        last=f"{last:.3f}",
    )


def _part(summary: Summary, person: Person, first: float, last: float) -> str:
    segments = summary.segments(person)
    peaks = pictures_of(person)
    top = _FACE + 14 if peaks else 4
    foot = top + _AREA + _GAP + _STRIP

    def x(time: float) -> float:
        return round(_LEFT + (time - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT), 2)

    parts = [_axis(x, top, foot, first, last)]
    parts += [_areas(summary, segment, x, top, last) for segment in segments]
    parts += [
        f'<rect x="{x(start)}" y="{foot - _STRIP}" width="{max(0.5, x(min(end, last)) - x(start)):.2f}" '
        f'height="{_STRIP}" fill="rgb{color(summary.labels.at(column))}"><title>{summary.labels.at(column)}, '
        f"{clock(start)} to {clock(end)}</title></rect>"
        for segment in segments
        for start, end, column in segment.spans()
    ]
    parts += _faces(peaks, x, top)
    parts.append(f'<line class="cursor" y1="{top}" y2="{foot}"></line>')
    steps = ",".join(
        f'{{"start":{segment.start:.3f},"width":{segment.width:.4g},"values":'
        f"{np.round(segment.probabilities * 100).astype(int).tolist()}{_curve_steps(segment)}}}"
        for segment in segments
    ).replace(" ", "")
    return (
        f"<section data-steps='[{steps}]'><h2>Person {person.number}<small>{html.escape(headline(person))}</small></h2>"
        f'<svg viewBox="0 0 {_WIDTH} {foot + 18}" role="img" aria-label="{html.escape(headline(person))}">'
        f'{"".join(parts)}</svg><div class="now"></div></section>'
    )


def _curve_steps(segment: TrackSegment) -> str:
    if np.isnan(segment.expressiveness).any():
        return ""
    return f',"curve":{np.round(segment.expressiveness * 100).astype(int).tolist()}'


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


def _areas(summary: Summary, segment: TrackSegment, x: Any, top: float, last: float) -> str:
    """Return the stacked areas as SVG, the first label at the bottom."""
    times, values, curve = points_of(segment, last)
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
    if not np.isnan(curve).any():
        line = " ".join(f"{a},{top + _AREA * (1 - b):.1f}" for a, b in zip(across, curve, strict=True))
        shapes += [f'<polyline class="{kind}" points="{line}"></polyline>' for kind in ("halo", "curve")]
    return "".join(shapes)


def _faces(peaks: list[EmotionPeak], x: Any, top: float) -> list[str]:
    places = spread([x(peak.time) for peak in peaks], _FACE + 4, _LEFT + _FACE / 2, _WIDTH - _RIGHT - _FACE / 2)
    return [
        f'<path class="lead" d="M{place:.1f} {_FACE} L{x(peak.time)} {top}"></path>'
        f'<rect x="{place - _FACE / 2 - 2:.1f}" y="-2" width="{_FACE + 4}" height="{_FACE + 4}" rx="4" '
        f'fill="rgb{color(peak.emotion)}"></rect>'
        f'<image x="{place - _FACE / 2:.1f}" y="0" width="{_FACE}" height="{_FACE}" '
        f'preserveAspectRatio="xMidYMid slice" href="data:image/jpeg;base64,{base64.b64encode(peak.picture).decode()}">'
        f"<title>{peak.emotion} {peak.probability:.0%} at {clock(peak.time)}</title></image>"
        for peak, place in zip(peaks, places, strict=True)
    ]


def _count(people: int) -> str:
    return {0: "nobody was seen", 1: "1 person"}.get(people, f"{people} persons")


def _more(summary: Summary, people: list[Person]) -> str:
    left = len(summary.people) - len(people)
    brief = sum(person.seen < MIN_SECONDS_SEEN for person in summary.people.values() if person not in people)
    if not left:
        return ""
    return f"Not drawn: {left} more, {brief} of them seen for less than {MIN_SECONDS_SEEN} s."
