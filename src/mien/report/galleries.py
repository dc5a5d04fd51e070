"""Draw faces with the model's predictions.

Everywhere `faces` is uint8 (N, 48, 48), `p` float (N, K), `labels` int64 (N,), and `names` the K emotions in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mien.figure_style import SOFT, WIDE, new_figure, rgb, show_face, styled

FaceArray = npt.NDArray[np.uint8]
ProbabilityArray = npt.NDArray[np.floating]
LabelArray = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int64]

COLUMNS, ROWS = 8, 3


def confident_mistakes(p: ProbabilityArray, labels: LabelArray) -> Indices:
    """Return the indices of the wrong predictions, the most confident first: int64 (M,)."""
    wrong = np.flatnonzero(p.argmax(axis=1) != labels)
    return wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")]


def most_uncertain(p: ProbabilityArray) -> Indices:
    """Return all indices, those of the highest entropy first: int64 (N,)."""
    return np.argsort(-entropy(p), kind="stable")


def first_distinct(faces: FaceArray, places: Indices, number: int) -> Indices:
    """Return the first `number` indices whose faces differ; FER2013 has many exact and near copies."""
    kept: list[int] = []
    thumbnails: list[npt.NDArray[np.float64]] = []
    for place in places:
        thumbnail = faces[place].reshape(12, 4, 12, 4).mean(axis=(1, 3)).ravel()
        thumbnail = thumbnail - thumbnail.mean()
        thumbnail /= max(float(np.linalg.norm(thumbnail)), 1e-9)
        if all(thumbnail @ other < 0.95 for other in thumbnails):
            kept.append(int(place))
            thumbnails.append(thumbnail)
        if len(kept) == number:
            break
    return np.array(kept, np.int64)


def entropy(p: ProbabilityArray) -> npt.NDArray[np.float64]:
    """Return the entropy of each row in bits, float64 (N,): 0 for one certain class, 2.81 for seven equal ones."""
    values = p.astype(np.float64)
    return np.asarray(-(values * np.log2(np.maximum(values, 1e-12))).sum(axis=1), np.float64)


def stratified_sample(labels: LabelArray, number: int, seed: int = 0) -> Indices:
    """Return random indices, the classes in turn as long as they have faces: int64, at most `number`."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    turn = np.zeros(len(labels), np.int64)
    for k in np.unique(labels):
        mine = order[labels[order] == k]
        turn[mine] = np.arange(len(mine))
    return order[np.argsort(turn[order], kind="stable")][:number]


def mistakes_gallery(faces: FaceArray, p: ProbabilityArray, labels: LabelArray, names: Sequence[str]) -> Figure | None:
    """Draw the most confident mistakes, each with prediction and label; None without mistakes."""
    places = first_distinct(faces, confident_mistakes(p, labels), COLUMNS * ROWS)
    return _draw_mistakes(faces, places, p, labels, names) if len(places) else None


@styled
def _draw_mistakes(
    faces: FaceArray, places: Indices, p: ProbabilityArray, labels: LabelArray, names: Sequence[str]
) -> Figure:

    def caption(axes: Axes, place: int) -> None:
        read, label = int(p[place].argmax()), int(labels[place])
        _two_lines(axes, names[read], f"{names[read]} {p[place, read]:.2f}", f"label: {names[label]}")

    return _gallery(faces, places, caption)


@styled
def uncertain_gallery(faces: FaceArray, p: ProbabilityArray, labels: LabelArray, names: Sequence[str]) -> Figure:
    """Draw the most uncertain faces, each with its two most probable classes."""
    places = first_distinct(faces, most_uncertain(p), COLUMNS * ROWS)

    def caption(axes: Axes, place: int) -> None:
        first, second = np.argsort(-p[place], kind="stable")[:2]
        _two_lines(
            axes, names[first], f"{names[first]} {p[place, first]:.2f}", f"{names[second]} {p[place, second]:.2f}"
        )

    return _gallery(faces, places, caption)


@styled
def samples_gallery(
    faces: FaceArray, p: ProbabilityArray, labels: LabelArray, names: Sequence[str], number: int = 12, seed: int = 0
) -> Figure:
    """Draw random faces, the classes in turn, each with all its probabilities; the label is bold."""
    places = stratified_sample(labels, number, seed)
    columns = 3
    lines = -(-len(places) // columns)
    figure = new_figure(WIDE, 1.38 * lines)
    cells = figure.subplots(lines, 2 * columns, squeeze=False, width_ratios=[1, 1.05] * columns)
    for cell in range(lines * columns):
        picture, bars = cells[cell // columns, 2 * (cell % columns) : 2 * (cell % columns) + 2]
        if cell >= len(places):
            picture.remove()
            bars.remove()
            continue
        place = places[cell]
        show_face(picture, faces[place])
        _distribution(bars, p[place], int(labels[place]), names)
    return figure


def _distribution(axes: Axes, p: ProbabilityArray, label: int, names: Sequence[str]) -> None:
    k = len(names)
    axes.barh(range(k), p, color=[rgb(name) for name in names], edgecolor=SOFT, linewidth=0.4, height=0.72)
    axes.set_ylim(k - 0.4, -0.6)
    axes.set_xlim(0, 1.25)
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks(range(k), names, fontsize=6.5)
    axes.tick_params(axis="y", length=0, pad=1)
    axes.get_yticklabels()[label].set_fontweight("bold")
    read = int(p.argmax())
    mark = "" if read == label else " ✗"
    axes.text(p[read] + 0.03, read, f"{p[read]:.2f}{mark}", va="center", fontsize=7, fontweight="bold")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _gallery(faces: FaceArray, places: Indices, caption: Callable[[Axes, int], None]) -> Figure:
    lines = -(-len(places) // COLUMNS)
    figure = new_figure(WIDE, 1.2 * lines, layout=None)  # by hand: captions must not push the faces apart
    grid = figure.subplots(lines, COLUMNS, squeeze=False)
    figure.subplots_adjust(0.005, 0.28 / (1.2 * lines), 0.995, 1, wspace=0.08, hspace=0.42)
    for place, axes in zip(places, grid.flat, strict=False):
        show_face(axes, faces[place])
        caption(axes, int(place))
    for axes in grid.flat[len(places) :]:
        axes.remove()
    return figure


def _two_lines(axes: Axes, emotion: str, first: str, second: str) -> None:
    """Write a caption below a face; its first line follows a dot in the emotion's color."""
    axes.plot(0.035, -0.105, "o", transform=axes.transAxes, clip_on=False, color=rgb(emotion),
              markeredgecolor=SOFT, markeredgewidth=0.5, markersize=5)  # fmt: skip
    axes.text(0.11, -0.045, first, transform=axes.transAxes, va="top", fontsize=6.9, fontweight="bold")
    axes.text(0.11, -0.185, second, transform=axes.transAxes, va="top", fontsize=6.8)
