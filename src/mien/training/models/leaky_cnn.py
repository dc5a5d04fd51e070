"""Four wide LeakyReLU convolutions and two dense layers; said to reach 62.7 %, and to overfit from epoch 45 on."""

from __future__ import annotations

from typing import Any

from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import nn

from mien.training.models.base import register
from mien.training.models.conv_net import BLOCK_DROPOUT, CHANNELS, DENSE_DROPOUT, DENSE_WIDTHS, ConvNet


@register("leaky-cnn")
class LeakyCNN(ConvNet):
    """One convolution a block, without normalisation; LeakyReLU throughout."""

    class Options(ConvNet.Options):
        channels: tuple[PositiveInt, ...] = Field((128, 256, 512, 512), min_length=1, description=CHANNELS)
        block_dropouts: tuple[NonNegativeFloat, ...] = Field((0.4, 0.4, 0.4, 0.4), description=BLOCK_DROPOUT)
        dense_widths: tuple[PositiveInt, ...] = Field((512, 256), description=DENSE_WIDTHS)
        dense_dropouts: tuple[NonNegativeFloat, ...] = Field((0.4, 0.3), description=DENSE_DROPOUT)
        slope: float = Field(0.1, ge=0, lt=1, description="of LeakyReLU below zero")

    def convolutions(self, options: Any, block: int, inputs: int, width: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, width, 3, padding=1), nn.LeakyReLU(options.slope)]

    def dense(self, options: Any, inputs: int, width: int) -> list[nn.Module]:
        return [nn.Linear(inputs, width), nn.LeakyReLU(options.slope)]
