"""Define elu-cnn: three blocks of two ELU convolutions, as in many notebooks; reported: 68.4 % in validation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import nn

from mien.training.models.base import register
from mien.training.models.conv_net import BLOCK_DROPOUT, CHANNELS, DENSE_DROPOUT, DENSE_WIDTHS, ConvNet


@register("elu-cnn")
class EluCNN(ConvNet):
    """Use He-normal weights, ELU and batch normalisation in every convolution and dense layer."""

    class Options(ConvNet.Options):
        channels: tuple[PositiveInt, ...] = Field((64, 128, 256), min_length=1, description=CHANNELS)
        block_dropouts: tuple[NonNegativeFloat, ...] = Field((0.4, 0.4, 0.5), description=BLOCK_DROPOUT)
        dense_widths: tuple[PositiveInt, ...] = Field((128,), description=DENSE_WIDTHS)
        dense_dropouts: tuple[NonNegativeFloat, ...] = Field((0.6,), description=DENSE_DROPOUT)
        first_kernel: Literal[3, 5, 7] = Field(5, description="side of the first block's kernels")

    def __init__(self, options: Options, heads: dict[str, int], size: int) -> None:
        super().__init__(options, heads, size)
        for layer in self.features:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight)  # He et al. 2015
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def convolutions(self, options: Any, block: int, inputs: int, width: int) -> list[nn.Module]:
        kernel = 3 if block else options.first_kernel
        layers: list[nn.Module] = []
        for channels in (inputs, width):
            layers += [nn.Conv2d(channels, width, kernel, padding=kernel // 2), nn.ELU(), nn.BatchNorm2d(width)]
        return layers

    def dense(self, options: Any, inputs: int, width: int) -> list[nn.Module]:
        return [nn.Linear(inputs, width), nn.ELU(), nn.BatchNorm1d(width)]
