"""Draw the curves of a training run from its `history.csv`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mien.errors import InputError
from mien.figure_style import INK, SOFT, WIDE, new_figure, styled
from mien.labels import line_color
from mien.runs import Row, read_history

PANELS = {
    "loss": "loss",
    "accuracy": "accuracy",
    "precision (macro)": "precision",
    "recall (macro)": "recall",
    "AUC (macro)": "auc",
    "macro-F1": "macro_f1",
    "negative log-likelihood": "nll",
    "learning rate": "learning_rate",
}
"""Title of each panel -> its metric, as in the columns of `history.csv`."""


def columns_of(metric: str, names: Iterable[str]) -> list[str]:
    """Return the columns of a history that belong to a metric: training first, then each head in validation.

    A head's column is `val_<head>_<metric>`, for any label set.
    """
    pattern = re.compile(rf"(train_)?{metric}|val_loss" if metric == "loss" else rf"(train_)?{metric}|val_.+_{metric}")
    found = dict.fromkeys(name for name in names if pattern.fullmatch(name))
    return sorted(found, key=lambda name: not name.startswith("train_"))


@styled
def plot_history(history: str | Path | Sequence[Row], best: int | None = None) -> Figure:
    """Draw training and validation curves: a panel for each of loss, accuracy, ..., learning rate.

    Args:
        history: a run's `history.csv`, or its rows.
        best: the epoch that was kept, marked in every panel. None: the one with the highest `val_accuracy`.

    Raises:
        DataError: the file is damaged.
        InputError: there are no epochs.
    """
    rows = read_history(history) if isinstance(history, str | Path) else tuple(history)
    logged = [name for row in rows for name in row]
    panels = {title: names for title, metric in PANELS.items() if (names := columns_of(metric, logged))}
    if not rows or not panels:
        raise InputError("history: expected at least one epoch with a loss, an accuracy or a learning rate, got none")
    best = best or best_epoch(rows)
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure(WIDE, 0.35 + 1.85 * lines)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for place, (title, names) in enumerate(panels.items()):
        axes = grid.flat[place]
        for name in names:
            _curve(axes, rows, name)
        _finish(axes, title, best)
        if place + columns >= len(panels):
            axes.set_xlabel("epoch")
            axes.tick_params(labelbottom=True)
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    handles = dict(sorted(handles.items(), key=lambda each: (each[0].startswith("epoch"), each[0])))
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles))
    return figure


def best_epoch(rows: Sequence[Row]) -> int | None:
    """Return the epoch of the highest `val_accuracy`, the first of equals; None if no epoch has one."""
    judged = [row for row in rows if "val_accuracy" in row]
    return int(max(judged, key=lambda row: row["val_accuracy"])["epoch"]) if judged else None


def _curve(axes: Axes, rows: Sequence[Row], name: str) -> None:
    points = [(row["epoch"], row[name]) for row in rows if name in row]
    color, label, dashes = _style_of(name)
    marker = "o" if len(points) < 3 else None
    axes.plot(*zip(*points, strict=True), color=color, label=label, linestyle=dashes, marker=marker, markersize=3)


def _style_of(name: str) -> tuple[str, str, str]:
    """Return color, legend and dashes of a column."""
    if name.startswith("train_"):
        return SOFT, "training", (0, (4, 1.5))  # type: ignore[return-value]
    head = re.fullmatch(rf"val_(.+)_(?:{'|'.join(PANELS.values())})", name)
    if head is not None:
        return line_color(head[1]), f"validation, {head[1]}", "-"
    return INK, "_nolegend_" if name == "learning_rate" else "validation, all heads", "-"


def _finish(axes: Axes, title: str, best: int | None) -> None:
    axes.set_title(title)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if title == "learning rate":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if best is not None:
        axes.axvline(best, color=SOFT, linewidth=0.9, linestyle=":", label=f"epoch {best}, kept")
