"""Draw what is heard over time, as a self-contained HTML page or as a picture (extra `report`)."""

from __future__ import annotations

import html
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from mien.errors import InputError
from mien.files import replacing, write_atomically
from mien.labels import NO_SPEECH, color, hex_color
from mien.video.timeline.figure import require_matplotlib
from mien.video.timeline.layout import ticks
from mien.video.timeline.writing import TIMELINES
from mien.voice.voices import Voices

_WIDTH, _LEFT, _RIGHT = 1000, 48, 12
_AREA, _STRIP, _LEVEL, _GAP = 120, 12, 44, 8
LOUDEST, FAINTEST = 0.0, -60.0
"""Decibels at the upper and lower edge of the loudness."""

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --ink: #1f2328; --soft: #626c77; --grid: #d6dce3; --page: #ffffff; color-scheme: light dark; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --soft: #9aa4af; --grid: #363d46; --page: #15191e; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.6rem 1.25rem 3rem; max-width: 66rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
.under, footer { color: var(--soft); font-size: .95rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: .5rem 0; font-size: .92rem; }
i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; vertical-align: -.05em; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font-size: 12px; }
.rule { stroke: var(--grid); stroke-width: 1; }
.level { stroke: var(--soft); stroke-width: 1.5; fill: none; }
</style>
</head>
<body>
<h1>$title</h1>
<p class="under">$under</p>
<div class="legend">$legend</div>
<svg viewBox="0 0 $width $height" role="img" aria-label="$under">$shapes</svg>
<footer>Height of a colour: the probability of its emotion in the window around that time. Strip: the emotion that is
reported. Line: loudness in decibels of full scale. Empty: nobody speaks. Heard by mien.</footer>
</body>
</html>
""")


def write_voice_timeline(voices: Voices, path: str | Path) -> Path:
    """Write the timeline, whole or not at all, and return the path.

    Args:
        voices: what is heard in a sound.
        path: .html or .png.

    Raises:
        InputError: the name ends in something else.
        MissingExtraError: a .png needs the extra `report`.
    """
    target = Path(path)
    if target.suffix.lower() == ".html":
        return write_atomically(target, as_page(voices))
    if target.suffix.lower() != ".png":
        raise InputError(f"{target}: expected a timeline's name that ends in {' or '.join(TIMELINES)}")
    require_matplotlib()
    with replacing(target) as temporary:
        as_picture(voices).savefig(temporary, dpi=200, format="png")
    return target


def cells_of(voices: Voices) -> list[tuple[float, float]]:
    """Return the stretch of time that each window stands for: around its middle, without gap or overlap."""
    if not len(voices):
        return []
    middles = (voices.starts + voices.ends) / 2
    edges = [float(voices.starts[0]), *((middles[1:] + middles[:-1]) / 2).tolist(), float(voices.ends[-1])]
    return list(pairwise(edges))


def as_page(voices: Voices) -> str:
    """Return the page."""
    last = max(voices.duration, 0.1)

    def x(time: float) -> float:
        return round(_LEFT + time / last * (_WIDTH - _LEFT - _RIGHT), 2)

    foot = _AREA + _GAP + _STRIP + _GAP + _LEVEL
    spoken = f"{int(voices.speech.sum())} of {len(voices)} windows with speech"
    return _PAGE.substitute(
        title=html.escape(Path(voices.source).name or "sound"),
        under=html.escape(f"{voices.duration:.1f} s, {spoken}"),
        legend="".join(
            f'<span><i style="background:rgb{color(name)}"></i>{name}</span>' for name in voices.labels.names
        ),
        width=_WIDTH,
        height=foot + 22,
        shapes="".join([_rules(x, foot, last), *_columns(voices, x), _loudness(voices, x, foot)]),
    )


def _rules(x: Any, foot: float, last: float) -> str:
    levels = [
        f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_AREA * (1 - share)}" y2="{_AREA * (1 - share)}">'
        f'</line><text x="{_LEFT - 6}" y="{_AREA * (1 - share) + 4}" text-anchor="end">{share:.0%}</text>'
        for share in (0, 0.5, 1)
    ]
    marks = [
        f'<line class="rule" x1="{x(time)}" x2="{x(time)}" y1="0" y2="{foot + 4}"></line>'
        f'<text x="{x(time)}" y="{foot + 17}" text-anchor="middle">{label}</text>'
        for time, label in ticks(0.0, last)
    ]
    decibels = f'<text x="{_LEFT - 6}" y="{foot - _LEVEL + 10}" text-anchor="end">{LOUDEST:.0f} dB</text>'
    return "".join([*levels, *marks, decibels])


def _columns(voices: Voices, x: Any) -> list[str]:
    shapes = []
    for (start, end), voice in zip(cells_of(voices), voices, strict=True):
        foot, width = float(_AREA), max(x(end) - x(start), 0.5)
        for name, share in (voice.probabilities or {}).items():
            height = _AREA * share
            foot -= height
            shapes.append(
                f'<rect x="{x(start)}" y="{foot:.1f}" width="{width:.2f}" height="{height:.1f}" '
                f'fill="rgb{color(name)}"></rect>'
            )
        if voice.emotion != NO_SPEECH:
            shapes.append(
                f'<rect x="{x(start)}" y="{_AREA + _GAP}" width="{width:.2f}" height="{_STRIP}" '
                f'fill="rgb{color(voice.emotion)}"><title>{html.escape(str(voice))}</title></rect>'
            )
    return shapes


def _loudness(voices: Voices, x: Any, foot: float) -> str:
    middles = (voices.starts + voices.ends) / 2
    shares = (np.clip(voices.loudness, FAINTEST, LOUDEST) - FAINTEST) / (LOUDEST - FAINTEST)
    points = [f"{x(time)},{foot - _LEVEL * share:.1f}" for time, share in zip(middles, shares, strict=True)]
    return f'<polyline class="level" points="{" ".join(points)}"></polyline>'


def as_picture(voices: Voices) -> Any:
    """Return the timeline as a matplotlib figure; raise MissingExtraError without matplotlib."""
    require_matplotlib()
    from mien.figure_style import styled

    return styled(_figure)(voices)


def _figure(voices: Voices) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from mien.figure_style import SOFT, WIDE

    figure = Figure(figsize=(WIDE, 3.0))
    figure.suptitle(Path(voices.source).name, x=0.07, y=0.97, ha="left", va="top", fontsize=9.5, weight="bold")
    names = voices.labels.names
    handles = [Patch(color=hex_color(name), label=name) for name in names]
    figure.legend(handles=handles, loc="upper left", ncols=8, bbox_to_anchor=(0.06, 0.92))
    level = figure.add_axes((0.07, 0.16, 0.915, 0.2))
    areas = figure.add_axes((0.07, 0.42, 0.915, 0.38), sharex=level)
    for (start, end), voice in zip(cells_of(voices), voices, strict=True):
        foot = 0.0
        for name, share in (voice.probabilities or {}).items():
            areas.bar(start, share, end - start, foot, align="edge", color=hex_color(name), linewidth=0)
            foot += share
    level.plot((voices.starts + voices.ends) / 2, np.maximum(voices.loudness, FAINTEST), color=SOFT)
    areas.set(xlim=(0, max(voices.duration, 0.1)), ylim=(0, 1), yticks=[0, 0.5, 1])
    areas.set_yticklabels(["0", "50%", "100%"], fontsize=7)
    areas.tick_params(labelbottom=False, bottom=False)
    level.set(ylim=(FAINTEST, LOUDEST), yticks=[FAINTEST, LOUDEST])
    level.set_ylabel("dB", fontsize=7, color=SOFT)
    level.set_xlabel("time, mm:ss", fontsize=7, labelpad=1, color=SOFT)
    marks = ticks(0.0, max(voices.duration, 0.1), 8)
    level.set_xticks([time for time, _ in marks], [label for _, label in marks])
    return figure
