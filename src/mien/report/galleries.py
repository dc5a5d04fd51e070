"""Faces with what the model says of them."""

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
    """Where the model is wrong, the surest first: int64."""
    wrong = np.flatnonzero(p.argmax(axis=1) != labels)
    return wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")]


def most_uncertain(p: ProbabilityArray) -> Indices:
    """All places, those with the highest entropy first: int64."""
    return np.argsort(-entropy(p), kind="stable")


def distinct(faces: FaceArray, places: Indices, number: int) -> Indices:
    """The first `number` of these places whose faces differ: FER2013 has many faces more than once, some of them cut a
    little differently."""
    kept: list[int] = []
    looks: list[npt.NDArray[np.float64]] = []
    for place in places:
        look = faces[place].reshape(12, 4, 12, 4).mean(axis=(1, 3)).ravel()
        look = look - look.mean()
        look /= max(float(np.linalg.norm(look)), 1e-9)
        if all(look @ other < 0.95 for other in looks):
            kept.append(int(place))
            looks.append(look)
        if len(kept) == number:
            break
    return np.array(kept, np.int64)


def entropy(p: ProbabilityArray) -> npt.NDArray[np.float64]:
    """Of each row, in bits, float64 `(N,)`: 0 for one certain class, 2.81 for seven equal ones."""
    values = p.astype(np.float64)
    return np.asarray(-(values * np.log2(np.maximum(values, 1e-12))).sum(axis=1), np.float64)


def samples(labels: LabelArray, number: int, seed: int = 0) -> Indices:
    """Places drawn at random, the classes in turn as far as they reach: int64, at most `number`."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    turn = np.zeros(len(labels), np.int64)
    for k in np.unique(labels):
        mine = order[labels[order] == k]
        turn[mine] = np.arange(len(mine))
    return order[np.argsort(turn[order], kind="stable")][:number]


def mistakes_gallery(faces: FaceArray, p: ProbabilityArray, labels: LabelArray, names: Sequence[str]) -> Figure | None:
    """The most confident mistakes, each with what it is read as and what its label is; None without mistakes."""
    places = distinct(faces, confident_mistakes(p, labels), COLUMNS * ROWS)
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
    """The most uncertain faces, each with its two likeliest classes and its label."""
    places = distinct(faces, most_uncertain(p), COLUMNS * ROWS)

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
    """Faces drawn at random, every class in turn, with the whole distribution; the label's name is bold."""
    places = samples(labels, number, seed)
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
    """A caption below a face: its first line beside a dot of the emotion's colour."""
    axes.plot(0.035, -0.105, "o", transform=axes.transAxes, clip_on=False, color=rgb(emotion),
              markeredgecolor=SOFT, markeredgewidth=0.5, markersize=5)  # fmt: skip
    axes.text(0.11, -0.045, first, transform=axes.transAxes, va="top", fontsize=6.9, fontweight="bold")
    axes.text(0.11, -0.185, second, transform=axes.transAxes, va="top", fontsize=6.8)
