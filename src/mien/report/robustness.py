"""Draw corrupted faces, and the accuracy of models at each level of each corruption."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mien.errors import InputError
from mien.evaluation.corruptions import CORRUPTIONS, LEVELS, corrupt
from mien.evaluation.robustness import Robustness
from mien.figure_style import SERIES, WIDE, new_figure, show_face, styled, to_png

COLUMNS = 5


def draw_robustness(models: Mapping[str, Robustness], face: npt.NDArray[np.uint8], out: str | Path) -> tuple[Path, ...]:
    """Write `corruptions.png` and, for each test set, `robustness-NAME.png`; return the paths.

    Args:
        models: name -> scores.
        face: the face for `corruptions.png`, gray, uint8 (48, 48).
        out: the folder.

    Raises:
        InputError: there are more models than colors.
    """
    folder = Path(out)
    written = [to_png(corrupted_face(face), folder / "corruptions.png")]
    check_models(models)
    for test_set in dict.fromkeys(name for each in models.values() for name in each.clean):
        path = folder / f"robustness-{test_set.partition(',')[0]}.png"
        if path in written:
            path = folder / f"robustness-{test_set.replace(', ', '-').replace(' ', '-')}.png"
        written.append(to_png(curves(models, test_set), path))
    return tuple(written)


def check_models(models: Collection[object]) -> None:
    """Check that there are not more models than colors.

    Raises:
        InputError: there are.
    """
    if len(models) > len(SERIES):
        raise InputError(f"models: expected at most {len(SERIES)} to draw beside each other, got {len(models)}")


@styled
def corrupted_face(face: npt.NDArray[np.uint8]) -> Figure:
    """Draw a row for each corruption: the face without it, and at levels 1 to 5 with their strengths."""
    figure = new_figure(WIDE, 1.12 * len(CORRUPTIONS))
    cells = figure.subplots(len(CORRUPTIONS), len(LEVELS) + 1)
    for row, (name, corruption) in zip(cells, CORRUPTIONS.items(), strict=True):
        show_face(row[0], face)
        row[0].set_ylabel(f"{name}\n{corruption.unit}", rotation=0, ha="right", va="center", fontsize=7.5)
        for axes, level, strength in zip(row[1:], LEVELS, corruption.strengths, strict=True):
            show_face(axes, corrupt(face[None], name, level)[0])
            axes.set_title(f"{strength:g}", loc="center", fontsize=7, fontweight="normal", pad=2)
    cells[0][0].set_title("as it is", loc="center", fontsize=7, fontweight="normal", pad=2)
    return figure


@styled
def curves(models: Mapping[str, Robustness], test_set: str) -> Figure:
    """Draw accuracy by level: a panel for each corruption, a line for each model; level 0 is the clean faces."""
    coloured = [
        (name, robustness, colour)
        for (name, robustness), colour in zip(models.items(), SERIES, strict=False)
        if test_set in robustness.clean
    ]
    rows = -(-len(CORRUPTIONS) // COLUMNS)
    figure = new_figure(WIDE, 1.9 * rows + 0.3)
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, name in zip(panels, CORRUPTIONS, strict=False):
        for _, robustness, colour in coloured:
            values = [robustness.clean[test_set]["accuracy"], *robustness.corrupted[test_set]["accuracy"][name]]
            panel.plot([0, *LEVELS], values, color=colour, marker="o", markersize=2.5)
        panel.set_title(name)
        panel.set_ylim(0, 1)
        panel.set_xticks([0, *LEVELS])
    for unused in panels[len(CORRUPTIONS) :]:
        unused.remove()
    figure.supxlabel("level of the corruption", fontsize=8.5)
    figure.supylabel(f"accuracy, {test_set}", fontsize=8.5)
    lines = [
        Line2D([], [], color=colour, label=f"{name} (all: {robustness.mean(test_set):.1%})")
        for name, robustness, colour in coloured
    ]
    figure.legend(handles=lines, loc="outside upper left", ncols=3)
    return figure
