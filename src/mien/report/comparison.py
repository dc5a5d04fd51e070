"""Write a comparison of models as a page with figures: scores, differences, training curves, sizes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mien.evaluation.compare import (
    ModelComparison,
    TestSet,
    facts_rows,
    p_text,
    pairs_rows,
    recipe_rows,
    scores_rows,
)
from mien.figure_style import INK, SERIES, WIDE, new_figure, styled
from mien.report.page import PageTable, Plot, Section, write_page
from mien.runs import Row
from mien.version import __version__


def curve_columns(histories: Iterable[tuple[Row, ...]]) -> dict[str, str]:
    """Return the validation curves that any of the histories has: title -> column."""
    logged = list(dict.fromkeys(name for rows in histories for row in rows for name in row))
    shared = {"loss": "val_loss", "accuracy, mean of heads": "val_accuracy"}
    found = {title: name for title, name in shared.items() if name in logged}
    for title, metric in (("accuracy", "accuracy"), ("macro-F1", "macro_f1")):
        heads = {name: re.fullmatch(rf"val_(.+)_{metric}", name) for name in logged}
        found |= {f"{title}, {head[1]}": name for name, head in heads.items() if head is not None}
    return found


def write_comparison(
    comparison: ModelComparison, out: str | Path, progress: Callable[[float], None] = lambda share: None
) -> Path:
    """Write `compare.html` and `figures/*.png` into a folder, and return the page's path.

    Args:
        comparison: the comparison.
        out: the folder.
        progress: called with the share done, 0 to 1.
    """
    return write_page(
        "compare.html",
        Path(out) / "compare.html",
        list(_sections(comparison)),
        progress,
        names=list(comparison.models),
        split=comparison.split,
        digest=comparison.digest[:16],
        emotions=set(),
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
    )


def _sections(comparison: ModelComparison) -> Iterator[Section]:
    tables = [
        _table(rows, caption)
        for each in comparison.test_sets
        for rows, caption in (
            (scores_rows(each), f"Scores on {comparison.split}, with 95 % bootstrap intervals"),
            (pairs_rows(each), "Differences of accuracy in percentage points, with 95 % intervals"),
        )
    ]
    words = "; ".join(f"{_best(each)} on {each.name}" for each in comparison.test_sets)
    yield Section(
        "scores",
        "Scores",
        "All models predict the same faces, so they are compared in pairs: by the difference on the same bootstrap "
        "resamples, and by McNemar's test on the faces that only one of two predicts correctly. The p-values are "
        "two-sided and not corrected for multiple tests.",
        tables=tables,
        plots=[
            Plot(
                "compare-accuracy",
                "Accuracy",
                draw_accuracies(comparison),
                "With 95 % bootstrap intervals, and McNemar's p against the first model. Intervals that overlap do not "
                "mean that there is no difference: the table of pairs shows that.",
                f"Accuracies with intervals; the highest is {words}",
            )
        ],
    )
    histories = {name: subject.history for name, subject in comparison.models.items() if subject.history}
    if histories:
        yield Section(
            "training",
            "Training",
            plots=[
                Plot(
                    "compare-curves",
                    "Validation curves",
                    draw_curves(histories, list(comparison.models)),
                    "Each run's validation scores by epoch; the dot is its best epoch of each curve.",
                    f"Validation curves of {', '.join(histories)}",
                )
            ],
        )
    making = [_table(facts_rows(comparison), "")]
    if comparison.recipes:
        making.append(_table(recipe_rows(comparison), "What differs in the recipes"))
    yield Section("making", "Size, work and recipes", tables=making)


def _best(test_set: TestSet) -> str:
    return max(test_set.results, key=lambda model: test_set.results[model].metrics["accuracy"])


def _table(rows: list[list[str]], caption: str) -> PageTable:
    return PageTable(rows[0], rows[1:], caption)


@styled
def draw_accuracies(comparison: ModelComparison) -> Figure:
    """Draw a panel per test set with a line per model: accuracy, interval, and the p-value against the first model."""
    sets = comparison.test_sets
    figure = new_figure(WIDE, 0.75 + 0.42 * len(comparison.models))
    for axes, test_set in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        names = list(test_set.results)
        against_first = {pair.second: pair for pair in test_set.pairs if pair.first == names[0]}
        for line, name in enumerate(names):
            result = test_set.results[name]
            value = 100 * result.metrics["accuracy"]
            low, high = (100 * end for end in result.intervals.get("accuracy", (value / 100, value / 100)))
            color = _color(comparison, name)
            axes.plot([low, high], [line, line], color=color, linewidth=2)
            axes.plot(value, line, "o", color=color, markersize=6)
            pair = against_first.get(name)
            note = f"{value:.1f}" + (f"   p {_with_sign(p_text(pair.p_mcnemar))}" if pair else "")
            axes.annotate(note, (value, line), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=7.5)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.75)
        axes.margins(x=0.12)
        axes.grid(False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axes.set_title(test_set.name)
    return figure


def _with_sign(text: str) -> str:
    return text if text.startswith("<") else f"= {text}"


def _color(comparison: ModelComparison, name: str) -> str:
    return SERIES[list(comparison.models).index(name) % len(SERIES)]


@styled
def draw_curves(histories: dict[str, tuple[Row, ...]], order: list[str]) -> Figure:
    """Draw a panel per validation score that any run has, with a line per run and its best epoch marked."""
    panels = curve_columns(histories.values())
    columns = min(3, max(1, len(panels)))
    lines = max(1, -(-len(panels) // columns))
    figure = new_figure(WIDE, 0.45 + 2.0 * lines)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes, (title, column) in zip(grid.flat, panels.items(), strict=False):
        for name, rows in histories.items():
            _one_curve(axes, rows, column, name, SERIES[order.index(name) % len(SERIES)])
        axes.set_title(title)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel("epoch")
    if panels:
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)))
    return figure


def _one_curve(axes: Axes, rows: tuple[Row, ...], column: str, name: str, color: str) -> None:
    points = [(row["epoch"], row[column]) for row in rows if column in row]
    if not points:
        axes.plot([], [], color=color, label=name)
        return
    epochs, values = zip(*points, strict=True)
    axes.plot(epochs, values, color=color, label=name)
    best = (
        min(points, key=lambda point: point[1]) if column.endswith("loss") else max(points, key=lambda point: point[1])
    )
    axes.plot(*best, "o", color=color, markersize=4.5, markeredgecolor=INK, markeredgewidth=0.5)
