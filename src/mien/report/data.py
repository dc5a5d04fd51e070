"""Draw what `mien.datasets.describe` found in a data set, for `mien data describe`.

This module draws; it computes no findings of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mien.datasets.clean import has_conflict
from mien.datasets.describe import Description
from mien.errors import MissingExtraError
from mien.figure_style import SERIES, SOFT, WIDE, new_figure, rgb, show_face, styled, to_png
from mien.labels import FERPLUS

try:
    import seaborn
except ImportError as error:
    raise MissingExtraError("drawing data", "report") from error

SAMPLES = 12
"""Number of faces that are drawn of each class."""

_COLUMNS, _ROWS = 8, 6
_CELL = WIDE / _COLUMNS
_GAP = 0.3  # between two pairs, in faces
_NAME_WIDTH = 20  # characters of a face's name in a caption

Indices = npt.NDArray[np.int64]


def draw_all(description: Description, folder: str | Path, seed: int = 0) -> list[Path]:
    """Write every figure that has content as a PNG into a folder, and return the paths.

    Args:
        description: the description.
        folder: the folder.
        seed: chooses the faces where not all are drawn.
    """
    drawings: dict[str, Callable[[], Figure | None]] = {
        "classes": lambda: draw_classes(description),
        "samples": lambda: draw_samples(description, seed),
        "across_splits": lambda: draw_across_splits(description, seed),
        "conflicts": lambda: draw_conflicts(description, seed),
        "near_copies": lambda: draw_near_copies(description),
        "no_faces": lambda: draw_no_faces(description, seed),
        "ferplus": lambda: draw_agreement(description),
    }
    written = []
    for name, draw in drawings.items():
        figure = draw()
        if figure is not None:
            written.append(to_png(figure, Path(folder) / f"{name}.png"))
    return written


@styled
def draw_classes(description: Description) -> Figure:
    """Draw the share of each class in each split, with the number of faces; a panel for each source."""
    counts = description.class_counts()
    figure = new_figure(WIDE, 2.6 * len(counts))
    panels = figure.subplots(len(counts), 1, squeeze=False)[:, 0]
    for axes, (source, splits) in zip(panels, counts.items(), strict=True):
        rows = [
            (emotion, f"{split} ({sum(numbers.values()):,})", number / sum(numbers.values()), number)
            for split, numbers in splits.items()
            for emotion, number in numbers.items()
        ]
        emotions, names, shares, numbers_ = (list(column) for column in zip(*rows, strict=True))
        seaborn.barplot(x=emotions, y=shares, hue=names, palette=list(SERIES[: len(splits)]), ax=axes, saturation=1)
        for bars, start in zip(axes.containers, range(0, len(rows), len(description.dataset.label_set)), strict=True):
            texts = [f"{number:,}" for number in numbers_[start : start + len(description.dataset.label_set)]]
            axes.bar_label(bars, texts, fontsize=5.5, padding=1.5, color=SOFT)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
        axes.grid(False, axis="x")
        axes.margins(y=0.2)  # room for the legend
        axes.set(title=source, xlabel="", ylabel="share of the split")
        axes.legend(title=None)
    return figure


@styled
def draw_samples(description: Description, seed: int = 0) -> Figure:
    """Draw random faces, a row for each class."""
    data = description.dataset
    rng = np.random.default_rng(seed)
    emotions = data.label_set.names
    figure = new_figure(WIDE, WIDE / (SAMPLES + 1.2) * len(emotions))
    grid = figure.subplots(len(emotions), SAMPLES, squeeze=False, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    for k, (emotion, line) in enumerate(zip(emotions, grid, strict=True)):
        places = rng.permutation(np.flatnonzero(data.labels == k))[:SAMPLES]
        for axes, place in zip(line, places, strict=False):
            show_face(axes, data.faces[place])
        for axes in line[len(places) :]:
            axes.set_axis_off()
        line[0].text(-0.12, 0.5, emotion, transform=line[0].transAxes, ha="right", va="center", fontsize=8)
    return figure


@styled
def draw_across_splits(description: Description, seed: int = 0) -> Figure | None:
    """Draw pairs of identical or nearly identical faces in two splits, which make a score on the second too high.

    Returns:
        The figure, or None without pairs.
    """
    data = description.dataset
    if len(description.splits) < 2:
        return None
    first = data.splits == description.splits[0]
    pairs = []
    for place in np.flatnonzero(~first):
        if (twins := np.flatnonzero(first & (description.near_copies == description.near_copies[place]))).size:
            pairs.append((int(twins[0]), int(place)))
    return _pairs(description, _some(pairs, seed), data.splits)


@styled
def draw_conflicts(description: Description, seed: int = 0) -> Figure | None:
    """Draw faces that have identical copies with different labels, once each, with all labels.

    Returns:
        The figure, or None without conflicts.
    """
    data = description.dataset
    groups = np.unique(description.copies[has_conflict(description.copies, data.labels)])
    chosen = np.random.default_rng(seed).permutation(groups)[: _COLUMNS * _ROWS]
    members = [np.flatnonzero(description.copies == group) for group in np.sort(chosen)]
    captions = ["\n".join(_labels(data.label_set.names, data.labels[each])) for each in members]
    return _gallery(data.faces, np.array([each[0] for each in members], np.int64), captions, lines=2)


@styled
def draw_near_copies(description: Description) -> Figure | None:
    """Draw pairs of near copies, the least similar first, since they show where the threshold is wrong.

    Returns:
        The figure, or None without near copies.
    """
    near = description.near
    if near is None or not len(near):
        return None
    order = np.argsort(near.scores, kind="stable")[: _COLUMNS * _ROWS // 2]
    chosen = [(int(a), int(b)) for a, b in near.pairs[order]]
    texts = np.array(["mirrored" if mirrored else "" for mirrored in near.mirrored[order]])
    titles = [f"{score:.2f} {text}" for score, text in zip(near.scores[order], texts, strict=True)]
    return _pairs(description, chosen, description.dataset.names, titles)


@styled
def draw_no_faces(description: Description, seed: int = 0) -> Figure | None:
    """Draw the pictures that are flat, or no face by most votes.

    Returns:
        The figure, or None if there are none.
    """
    places = np.flatnonzero(description.flat | description.no_face)
    chosen = np.sort(np.random.default_rng(seed).permutation(places)[: _COLUMNS * _ROWS])
    data = description.dataset
    captions = [
        f"{data.label_set.names[data.labels[place]]}\n{'one shade' if description.flat[place] else 'NF votes'}"
        for place in chosen
    ]
    return _gallery(data.faces, chosen, captions, lines=2)


@styled
def draw_agreement(description: Description) -> Figure | None:
    """Draw the labels against the plurality of FER+'s votes, in percent of each label.

    Returns:
        The figure, or None without votes.
    """
    agreement = description.agreement()
    if agreement is None:
        return None
    table = np.array(agreement["table"], np.float64)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = new_figure(4.6, 3.9)
    axes = figure.subplots()
    names: Any = agreement["emotions"]
    seaborn.heatmap(
        100 * shares, annot=True, fmt=".0f", cmap="Blues", vmin=0, vmax=100, cbar=False, square=True, ax=axes,
        xticklabels=names, yticklabels=names, annot_kws={"fontsize": 8},
    )  # fmt: skip
    axes.grid(False)
    axes.tick_params(axis="x", rotation=45)
    axes.tick_params(axis="y", rotation=0)
    axes.set(xlabel="plurality of FER+'s votes", ylabel="label: percent of its faces")
    axes.set_title(f"Labels and votes agree on {agreement['agreement']:.0%} of {agreement['faces']:,} faces")
    return figure


def _labels(names: tuple[str, ...], labels: npt.NDArray[np.int64]) -> list[str]:
    """Return at most two lines with the most frequent labels: "2x fear", "1x sad"."""
    found = sorted(zip(*np.unique(labels, return_counts=True), strict=True), key=lambda pair: -pair[1])
    return [f"{count}x {names[label]}" for label, count in found[:2]]


def _some(pairs: list[tuple[int, int]], seed: int) -> list[tuple[int, int]]:
    order = np.random.default_rng(seed).permutation(len(pairs))[: _COLUMNS * _ROWS // 2]
    return [pairs[k] for k in sorted(order)]


def _pairs(
    description: Description, pairs: list[tuple[int, int]], texts: npt.NDArray[np.str_], titles: list[str] | None = None
) -> Figure | None:
    """Draw faces in pairs, each with its label and a text; a pair's title is the text of its first face."""
    data = description.dataset
    places = np.array(pairs, np.int64).reshape(-1)
    names = data.label_set.names
    captions = [f"{names[data.labels[place]]}\n{texts[place][-_NAME_WIDTH:]}" for place in places]
    if titles:
        captions = [
            f"{names[data.labels[place]]}\n{titles[k // 2] if k % 2 == 0 else ''}" for k, place in enumerate(places)
        ]
    return _gallery(data.faces, places, captions, lines=2, in_pairs=True)


def _gallery(
    faces: npt.NDArray[np.uint8], places: Indices, captions: list[str], lines: int, in_pairs: bool = False
) -> Figure | None:
    if not len(places):
        return None
    rows = -(-len(places) // _COLUMNS)
    figure = new_figure(WIDE, rows * (_CELL + 0.13 * lines))
    widths = [width for k in range(_COLUMNS) for width in ([_GAP, 1] if in_pairs and k and k % 2 == 0 else [1])]
    grid = figure.subplots(rows, len(widths), squeeze=False, width_ratios=widths)
    cells = [axes for line in grid for axes, width in zip(line, widths, strict=True) if width == 1]
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, place, caption in zip(cells, places, captions, strict=False):
        axes.set_axis_on()
        show_face(axes, faces[place])
        _caption(axes, caption)
    return figure


def _caption(axes: Axes, text: str) -> None:
    first, _, rest = text.partition("\n")
    emotion = first.split("x ")[-1]
    if emotion in FERPLUS.names:
        axes.plot(0.04, -0.1, "o", transform=axes.transAxes, clip_on=False, color=rgb(emotion),
                  markeredgecolor=SOFT, markeredgewidth=0.5, markersize=4.5)  # fmt: skip
    axes.text(0.12, -0.04, first, transform=axes.transAxes, va="top", fontsize=7, fontweight="bold")
    axes.text(0.12, -0.19, rest, transform=axes.transAxes, va="top", fontsize=6.5)
