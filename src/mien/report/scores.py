"""Draw the scores of a head: per class, confusion, curves, calibration, selective prediction.

Everywhere `p` is float (N, K), `labels` int64 (N,), and `names` the K emotions in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from mien.evaluation import metrics
from mien.figure_style import (
    ACCENT,
    GRID,
    HALF,
    INK,
    SOFT,
    WIDE,
    new_figure,
    outline_effect,
    percent_axis,
    rgb,
    styled,
)

ProbabilityArray = npt.NDArray[np.floating]
LabelArray = npt.NDArray[np.int64]


@styled
def per_class(p: ProbabilityArray, labels: LabelArray, names: Sequence[str]) -> Figure:
    """Draw precision, recall and F1 of every class as marks on one line, the classes ordered by F1."""
    scores = metrics.per_class(p, labels)
    order = np.argsort(scores.f1, kind="stable")
    figure = new_figure(WIDE, 0.9 + 0.3 * len(names))
    axes = figure.subplots()
    for place, k in enumerate(order):
        low, high = sorted((scores.precision[k], scores.recall[k]))
        axes.plot([low, high], [place, place], color=rgb(names[k]), linewidth=5, alpha=0.45, solid_capstyle="round")
        axes.plot(scores.precision[k], place, ">", color=rgb(names[k]), markersize=6, **_EDGE)
        axes.plot(scores.recall[k], place, "s", color=rgb(names[k]), markersize=5.5, **_EDGE)
        axes.plot(scores.f1[k], place, "|", color=INK, markersize=11, markeredgewidth=1.6)
    axes.set_yticks(range(len(names)), [f"{names[k]}  ({scores.support[k]:,})" for k in order])
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks(np.linspace(0, 1, 11))
    key = {"precision": ">", "recall": "s", "F1": "|"}
    marks = [
        Line2D([], [], color=INK, marker=mark, linestyle="", markersize=7, label=label, markeredgewidth=1.3)
        for label, mark in key.items()
    ]
    figure.legend(handles=marks, loc="outside upper right", ncols=3)
    return figure


_EDGE: dict[str, Any] = {"markeredgecolor": INK, "markeredgewidth": 0.6}


@styled
def confusion(p: ProbabilityArray, labels: LabelArray, names: Sequence[str]) -> Figure:
    """Draw the confusion matrix in counts and in shares of each row; row: label, column: prediction."""
    counts = metrics.confusion_matrix(p, labels)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = new_figure(WIDE, 3.75)
    left, right = figure.subplots(1, 2, sharey=True)
    _cells(left, shares, [[f"{count:,}" for count in row] for row in counts], names)
    _cells(right, shares, [[_share(share) for share in row] for row in shares], names)
    left.set_title("faces")
    right.set_title("share of the label's faces")
    left.set_ylabel("label")
    return figure


def _share(share: float) -> str:
    return f"{share:.2f}".removeprefix("0") if share >= 0.005 else "0" if share == 0 else "<.01"


def _cells(axes: Axes, shares: npt.NDArray[np.float64], texts: list[list[str]], names: Sequence[str]) -> None:
    """Draw squares of one color, more opaque for a larger share, so that they fit a light and a dark page."""
    k = len(names)
    for row in range(k):
        for column in range(k):
            share = float(shares[row, column])
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=ACCENT, alpha=0.9 * share**0.8, linewidth=0)
            )
            axes.text(
                column, row, texts[row][column], ha="center", va="center", fontsize=7.5 if k < 8 else 7,
                color="white" if share > 0.55 else INK if texts[row][column] != "0" else SOFT,
                fontweight="bold" if row == column else "normal",
            )  # fmt: skip
    axes.set_xlim(-0.5, k - 0.5)
    axes.set_ylim(k - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(k), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(k), names)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.set_xlabel("prediction")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(GRID)


@styled
def curves(p: ProbabilityArray, labels: LabelArray, names: Sequence[str]) -> Figure:
    """Draw precision-recall and ROC curves, one class against the rest, with the areas in the legends."""
    figure = new_figure(WIDE, 4.55)
    left, right = figure.subplots(1, 2)
    for k, name in enumerate(names):
        positive = labels == k
        if not 0 < positive.sum() < len(labels):
            continue
        style = {"color": rgb(name), "path_effects": outline_effect(), "linewidth": 1.4}
        precision, recall, _ = precision_recall_curve(positive, p[:, k])
        average = average_precision_score(positive, p[:, k])
        left.plot(recall, precision, label=f"{name}  {average:.2f}", **style)
        wrong, right_ones, _ = roc_curve(positive, p[:, k])
        right.plot(wrong, right_ones, label=f"{name}  {roc_auc_score(positive, p[:, k]):.3f}", **style)
    right.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
    for axes, labels_of_axes, title in (
        (left, ("recall", "precision"), "average precision"),
        (right, ("false positive rate", "true positive rate"), "area under the curve"),
    ):
        axes.set_xlabel(labels_of_axes[0])
        axes.set_ylabel(labels_of_axes[1])
        percent_axis(axes)
        axes.set_aspect("equal")
        handles, texts = axes.get_legend_handles_labels()
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17)}
        axes.legend(handles, texts, title=title, ncols=3, alignment="left", **place)
    left.set_title("precision-recall")
    right.set_title("ROC")
    return figure


@styled
def reliability(p: ProbabilityArray, labels: LabelArray) -> Figure:
    """Draw accuracy against confidence in 15 bins with 95 % intervals, and below it the share of faces in each bin."""
    bins = metrics.reliability(p, labels)
    filled = bins.count > 0
    confidence, accuracy, count = bins.confidence[filled], bins.accuracy[filled], bins.count[filled]
    low, high = _wilson(accuracy, count)
    figure = new_figure(HALF, 4.2)
    upper, lower = figure.subplots(2, 1, height_ratios=[3.4, 1], sharex=True)
    upper.plot([0, 1], [0, 1], color=SOFT, linewidth=0.9, linestyle=":", label="calibrated")
    upper.fill_between(confidence, confidence, accuracy, color=ACCENT, alpha=0.2, linewidth=0)
    errors = np.clip([accuracy - low, high - accuracy], 0, None)
    upper.errorbar(confidence, accuracy, errors, color=ACCENT, marker="o", markersize=4, linewidth=1.4, elinewidth=1)
    upper.text(
        0.03, 0.97, f"ECE {metrics.ece(p, labels):.3f}\n{len(labels):,} faces", transform=upper.transAxes, va="top"
    )
    upper.set_ylabel("accuracy")
    percent_axis(upper)
    edges = np.linspace(0, 1, len(bins.count) + 1)
    lower.bar(edges[:-1], bins.count / len(labels), width=np.diff(edges) * 0.92, align="edge", color=ACCENT, alpha=0.7)
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    lower.set_ylabel("faces")
    lower.set_xlabel("confidence")
    lower.grid(False, axis="x")
    return figure


def _wilson(share: npt.NDArray[np.float64], n: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], ...]:
    """Return Wilson's 95 % interval of a share of n."""
    z = 1.96
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


@styled
def risk_coverage(p: ProbabilityArray, labels: LabelArray) -> Figure:
    """Draw the risk-coverage curve, between no order of the faces and the best possible one."""
    coverage, risk = metrics.risk_coverage(p, labels)
    error = float(risk[-1])
    n = len(labels)
    best = np.maximum(0, np.arange(1, n + 1) - round((1 - error) * n)) / np.arange(1, n + 1)
    figure = new_figure(HALF, 4.2)
    axes = figure.subplots()
    thin = np.unique(np.concatenate([np.arange(min(n, 60)), np.linspace(0, n - 1, 400).astype(int)]))
    axes.axhline(error, color=SOFT, linewidth=0.9, linestyle=":", label="in no order")
    axes.plot(coverage[thin], risk[thin], color=ACCENT, label=f"by confidence, AURC {metrics.aurc(p, labels):.3f}")
    axes.plot(coverage[thin], best[thin], color=SOFT, linewidth=1, linestyle="--", label="best possible order")
    for share in (0.5, 0.8):
        at = max(1, round(share * n)) - 1
        axes.plot(coverage[at], risk[at], "o", color=ACCENT, markersize=4.5)
        axes.annotate(
            f"{100 * risk[at]:.1f} % wrong\nat {100 * share:.0f} %", (coverage[at], risk[at]),
            xytext=(-6, 6), textcoords="offset points", ha="right", va="bottom", fontsize=8,
        )  # fmt: skip
    axes.set_xlim(0, 1.01)
    top = max(1.35 * max(error, float(risk[n // 20 :].max())), 0.02)  # room for the legend
    axes.set_ylim(0, top)
    axes.set_yticks([tick for tick in axes.get_yticks() if tick <= min(top, 1)])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axes.set_xlabel("faces answered, most confident first")
    axes.set_ylabel("wrong among them")
    axes.legend(loc="upper left")
    return figure


@styled
def histograms(p: ProbabilityArray, labels: LabelArray, names: Sequence[str]) -> Figure:
    """Draw a panel per class: its probability on its own faces and on all others (shares, log scale)."""
    figure = new_figure(WIDE, 3.7)
    grid = figure.subplots(2, 4, sharex=True, sharey=True)
    edges = np.linspace(0, 1, 21)
    for k, (axes, name) in enumerate(zip(grid.flat, names, strict=False)):
        own = labels == k
        for chosen, style in (
            (~own, {"histtype": "step", "color": SOFT, "linewidth": 1.1}),
            (own, {"histtype": "stepfilled", "facecolor": (*rgb(name), 0.75), "edgecolor": SOFT, "linewidth": 0.6}),
        ):
            if chosen.any():
                axes.hist(p[chosen, k], edges, weights=np.full(chosen.sum(), 1 / chosen.sum()), **style)
        axes.set_title(f"{name}  ({own.sum():,})")
        axes.set_yscale("log")
        axes.set_ylim(3e-4, 1.3)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.minorticks_off()
        axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
        if k + 4 >= len(names):
            axes.tick_params(labelbottom=True)
    for axes in grid.flat[len(names) :]:
        axes.remove()
    figure.supxlabel("probability given to the class", fontsize=8.5)
    figure.supylabel("share of faces", fontsize=8.5)
    key = [
        Rectangle((0, 0), 1, 1, facecolor=SOFT, alpha=0.6, label="faces of the class"),
        Line2D([], [], color=SOFT, label="all other faces"),
    ]
    figure.legend(handles=key, loc="outside upper right", ncols=2)
    return figure
