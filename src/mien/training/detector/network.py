"""The face finder's network: three maps of cells, each cell with a score, a box and five landmarks.

Knows tensors; nothing of pictures' files, labels or losses.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mien.training.detector.recipe import FinderNetworkRecipe

STRIDES = (8, 16, 32)
"""Pixels of the input per cell, of each map."""

CHANNELS = 15
"""Of a cell: score's logit, box (x, y, log width, log height), five landmarks (x, y); in strides, from the middle."""

PIXEL_SCALE = 1 / 128
"""Pixels 0 to 255 are multiplied by it before the first layer; the exported file's first weights contain it."""

LIKELIHOOD_AT_START = 0.01
SHORTCUT_AT_START = 0.2
"""How much a layer with a shortcut changes its input at first."""

USUAL = FinderNetworkRecipe()


class Layer(nn.Sequential):
    """Convolution, batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, groups: int = 1) -> None:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Separable(nn.Sequential):
    """A 3x3 kernel per channel, then a mixture of channels."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        convolution = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(inputs), Layer(inputs, outputs, 1))


class Residual(nn.Module):
    """A layer of equal width whose input is added to its output."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        result: Tensor = features + self.layer(features)
        return result


class FaceNetwork(nn.Module):
    """Pictures `(N, 3, H, W)`, RGB 0 to 255, to one map `(N, 15, H / s, W / s)` per stride s; any sides."""

    def __init__(self, recipe: FinderNetworkRecipe = USUAL) -> None:
        super().__init__()
        first, second = recipe.stem
        self.stem = nn.Sequential(
            Layer(3, first, stride=2),
            Layer(first, second, stride=2),
            *(Residual(Separable(second, second)) for _ in range(recipe.stem_separable)),
        )
        before = (second, *recipe.stages)
        self.stages = nn.ModuleList(
            _stage(before[k], before[k + 1], recipe.plain[k], recipe.separable[k]) for k in range(len(STRIDES))
        )
        self.laterals = nn.ModuleList(Layer(width, recipe.neck, 1) for width in recipe.stages)
        self.heads = nn.ModuleList(
            nn.Sequential(Separable(recipe.neck, recipe.neck), nn.Conv2d(recipe.neck, CHANNELS, 1)) for _ in STRIDES
        )
        self._start()

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the maps, finest first."""
        return self.maps(pictures * PIXEL_SCALE)

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """Return the maps of pictures whose scale is changed already, or is part of the first layer."""
        return self.answers(self.levels(pictures))

    def levels(self, pictures: Tensor) -> list[Tensor]:
        """Return the neck's features of pictures whose scale is changed already, one map per stride."""
        features = self.stem(pictures)
        levels = []
        for stage, lateral in zip(self.stages, self.laterals, strict=True):
            features = stage(features)
            levels.append(lateral(features))
        for fine in range(len(levels) - 2, -1, -1):
            levels[fine] = levels[fine] + enlarged(levels[fine + 1], levels[fine])
        return levels

    def answers(self, levels: list[Tensor]) -> list[Tensor]:
        """Return the maps of the neck's features."""
        return [head(level) for head, level in zip(self.heads, levels, strict=True)]

    def _start(self) -> None:
        """Draw the weights; at first every cell says that a face is unlikely."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, Residual):
                norm = [each for each in module.modules() if isinstance(each, nn.BatchNorm2d)][-1]
                nn.init.constant_(norm.weight, SHORTCUT_AT_START)
        for head in self.heads:
            last = list(head.children())[-1]
            assert isinstance(last, nn.Conv2d)
            assert last.bias is not None
            nn.init.normal_(last.weight, std=0.01)
            nn.init.zeros_(last.bias)
            with torch.no_grad():
                last.bias[0] = torch.logit(torch.tensor(LIKELIHOOD_AT_START))
                last.bias[3:5] = 1.0


def enlarged(coarse: Tensor, fine: Tensor) -> Tensor:
    """Return a map at twice its size, cut to the size of the finer one, whose sides may be odd."""
    return F.interpolate(coarse, scale_factor=2.0, mode="nearest")[..., : fine.shape[-2], : fine.shape[-1]]


def _stage(inputs: int, outputs: int, plain: int, separable: int) -> nn.Sequential:
    """Return layers that halve the map, then keep its size."""
    first = Layer(inputs, outputs, stride=2)
    rest: Sequence[nn.Module] = [Layer(outputs, outputs) for _ in range(plain)]
    rest = [*rest, *(Separable(outputs, outputs) for _ in range(separable))]
    return nn.Sequential(first, *(Residual(layer) for layer in rest))
