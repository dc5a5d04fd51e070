"""Draw which parts of a face a network uses: class maps on faces, and the factors of its attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mien.figure_style import ACCENT, SOFT, WIDE, new_figure, rgb, show_face, styled
from mien.preprocess import InputSpec, to_input
from mien.report.galleries import first_distinct
from mien.report.gradcam import on_frame, overlay

if TYPE_CHECKING:
    from torch import nn

FaceArray = npt.NDArray[np.uint8]
Maps = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float32]

EXAMPLES = 6


def confident_examples(
    faces: FaceArray, p: npt.NDArray[np.floating], labels: npt.NDArray[np.int64], k: int, number: int
) -> npt.NDArray[np.int64]:
    """Return indices of different faces of class k that are predicted correctly, the most confident first.

    Args:
        faces: gray, uint8 (N, 48, 48).
        p: probabilities, (N, K).
        labels: int64 (N,).
        k: the class.
        number: the most indices to return.
    """
    right = np.flatnonzero((labels == k) & (p.argmax(axis=1) == k))
    return first_distinct(faces, right[np.argsort(-p[right, k], kind="stable")], number)


def class_maps(
    faces: FaceArray,
    p: npt.NDArray[np.floating],
    labels: npt.NDArray[np.int64],
    names: Sequence[str],
    saliency: Callable[[FaceArray, npt.NDArray[np.int64]], Maps],
    number: int,
) -> Figure | None:
    """Draw a row per class: the mean map on the mean face, then the most confident faces, each with its own map.

    Args:
        faces: gray, uint8 (N, 48, 48).
        p: probabilities, (N, K).
        labels: int64 (N,).
        names: the K emotions.
        saliency: computes maps (M, 48, 48) for faces and classes.
        number: faces per class in the mean map.

    Returns:
        The figure, without the classes that are never predicted correctly; None if no class is.
    """
    chosen = {k: places for k in range(len(names)) if len(places := confident_examples(faces, p, labels, k, number))}
    if not chosen:
        return None
    every = np.concatenate(list(chosen.values()))
    maps = dict(zip(map(int, every), saliency(faces[every], labels[every]), strict=True))
    return _draw_maps(faces, chosen, maps, names)


@styled
def _draw_maps(
    faces: FaceArray, chosen: dict[int, npt.NDArray[np.int64]], maps: dict[int, Maps], names: Sequence[str]
) -> Figure:
    figure = new_figure(WIDE, 0.3 + 0.98 * len(chosen), layout=None)
    grid = figure.subplots(len(chosen), EXAMPLES + 1, squeeze=False)
    figure.subplots_adjust(0.115, 0.01, 0.995, 1 - 0.25 / (0.3 + 0.98 * len(chosen)), wspace=0.05, hspace=0.06)
    for row, (k, places) in zip(grid, chosen.items(), strict=True):
        own = np.stack([maps[int(place)] for place in places])
        show_face(row[0], overlay(faces[places].mean(axis=0).astype(np.uint8), _full(own.mean(axis=0))))
        for axes, place, heat in zip(row[1:], places, own, strict=False):
            show_face(axes, overlay(faces[place], heat))
        for axes in row[1 + len(places) :]:
            axes.set_visible(False)
        row[0].text(-0.07, 0.56, names[k], transform=row[0].transAxes, ha="right", fontweight="bold")
        row[0].text(
            -0.07, 0.4, f"{len(places)} face{'s' if len(places) > 1 else ''}",
            transform=row[0].transAxes, ha="right", fontsize=7.5, color=SOFT,
        )  # fmt: skip
        for side in ("left", "right", "top", "bottom"):
            row[0].spines[side].set(visible=True, color=rgb(names[k]), linewidth=2)
    grid[0, 0].set_title("mean", loc="center", fontweight="normal", fontsize=8.5)
    grid[0, 1].set_title("most confident", fontweight="normal", fontsize=8.5)
    return figure


@dataclass(frozen=True)
class Attention:
    """Hold the outputs of a network's attention modules by name, in the order of computation, all 0 to 1.

    Attributes:
        channels: factors of the channels, (N, C).
        spatial: maps over positions, (N, h, w).
    """

    channels: dict[str, FloatArray]
    spatial: dict[str, FloatArray]

    def __bool__(self) -> bool:
        return bool(self.channels or self.spatial)


def read_attention(network: nn.Module, crops: FaceArray, spec: InputSpec) -> Attention:
    """Compute the factors and maps of every attention module on crops uint8 (N, 48, 48). Needs torch.

    The modules are those of `mien.training.models.attention`: SqueezeExcitation (its `factors`), ChannelAttention and
    SpatialAttention.
    """
    import torch

    channels: dict[str, FloatArray] = {}
    spatial: dict[str, FloatArray] = {}

    def into(found: dict[str, FloatArray], name: str, axes: tuple[int, ...]) -> Callable[..., None]:
        def keep(_: Any, __: Any, output: Any) -> None:
            found[name] = output.detach().numpy().squeeze(axes)

        return keep

    hooks = []
    for name, module in network.named_modules():
        kind = type(module).__name__
        if kind == "SqueezeExcitation":
            hooks.append(module.factors.register_forward_hook(into(channels, name, (2, 3))))
        elif kind == "ChannelAttention":
            hooks.append(module.register_forward_hook(into(channels, name, (2, 3))))
        elif kind == "SpatialAttention":
            hooks.append(module.register_forward_hook(into(spatial, name, (1,))))
    if hooks:
        with torch.no_grad():
            network(torch.from_numpy(to_input(crops, spec)))
    for hook in hooks:
        hook.remove()
    return Attention(channels, spatial)


@styled
def channel_attention(channels: dict[str, FloatArray], labels: npt.NDArray[np.int64], names: Sequence[str]) -> Figure:
    """Draw the factors of each block's channels (left), and those of the last block by class (right)."""
    figure = new_figure(WIDE, max(2.6, 1.3 + 0.28 * max(len(channels), len(names))))
    left, right = figure.subplots(1, 2, width_ratios=[1, 2.1])
    for line, values in enumerate(channels.values()):
        low, q1, middle, q3, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
        left.plot([low, high], [line, line], color=ACCENT, linewidth=1.2)
        left.plot([q1, q3], [line, line], color=ACCENT, linewidth=6, alpha=0.6, solid_capstyle="butt")
        left.plot(middle, line, "o", color=ACCENT, markersize=5, markeredgecolor=SOFT, markeredgewidth=0.5)
    left.set_yticks(range(len(channels)), [_short(name) for name in channels])
    left.set_ylim(len(channels) - 0.5, -0.5)
    left.set_xlim(-0.02, 1.02)
    left.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    left.grid(False, axis="y")
    left.set_xlabel("factor of a channel")
    left.set_title("every block")
    last = list(channels)[-1]
    _class_factors(figure, right, channels[last], labels, names)
    right.set_title(f"{_short(last)}, by class")
    return figure


def _class_factors(
    figure: Figure, axes: Any, values: FloatArray, labels: npt.NDArray[np.int64], names: Sequence[str]
) -> None:
    """Draw each class's mean factor minus the mean of all classes, for the channels in which classes differ most."""
    present = [k for k in range(len(names)) if (labels == k).any()]
    means = np.stack([values[labels == k].mean(axis=0) for k in present])
    off = means - means.mean(axis=0)
    best = np.argsort(-off.std(axis=0))[:40]
    best = best[np.argsort(off[:, best].argmax(axis=0), kind="stable")]
    limit = max(float(np.abs(off[:, best]).max()), 1e-6)
    mesh = axes.pcolormesh(off[:, best], cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_yticks(np.arange(len(present)) + 0.5, [names[k] for k in present])
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.grid(False)
    axes.tick_params(length=0)
    axes.set_xlabel(f"the {len(best)} of {values.shape[1]} channels in which classes differ most")
    bar = figure.colorbar(mesh, ax=axes, shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.2g}"))


@styled
def spatial_attention(faces: FaceArray, places: dict[str, FloatArray], spec: InputSpec) -> Figure:
    """Draw a row per block: the mean map over all faces, then its map on some faces; warmer means a higher factor."""
    figure = new_figure(WIDE, 0.3 + 0.98 * len(places), layout=None)
    grid = figure.subplots(len(places), EXAMPLES + 1, squeeze=False)
    figure.subplots_adjust(0.16, 0.01, 0.995, 1 - 0.25 / (0.3 + 0.98 * len(places)), wspace=0.05, hspace=0.06)
    for row, (name, maps) in zip(grid, places.items(), strict=True):
        low, high = float(maps.min()), float(maps.max())
        scaled = on_frame((maps - low) / max(high - low, 1e-6), spec)
        show_face(row[0], overlay(faces.mean(axis=0).astype(np.uint8), _full(scaled.mean(axis=0))))
        for axes, face, heat in zip(row[1:], faces, scaled, strict=False):
            show_face(axes, overlay(face, heat))
        row[0].text(-0.07, 0.56, _short(name), transform=row[0].transAxes, ha="right", fontweight="bold")
        row[0].text(
            -0.07, 0.4, f"{low:.2f} to {high:.2f}", transform=row[0].transAxes, ha="right", fontsize=7.5, color=SOFT
        )
    grid[0, 0].set_title("mean", loc="center", fontweight="normal", fontsize=8.5)
    return figure


def _full(heat: Maps) -> Maps:
    """Scale a map so that its maximum is 1."""
    return np.asarray(heat / max(float(heat.max()), 1e-6), np.float32)


def _short(name: str) -> str:
    """Shorten a module's name: "blocks.3" for blocks.3.scale.channel."""
    return ".".join(part for part in name.split(".") if part not in ("scale", "channel", "spatial", "attention"))
