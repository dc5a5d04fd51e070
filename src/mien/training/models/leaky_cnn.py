"""Define leaky-cnn: four wide LeakyReLU convolutions, two dense layers; reported: 62.7 %, overfitting from epoch 45."""

from __future__ import annotations

from typing import Any

from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import nn

from mien.training.models.base import register
from mien.training.models.conv_net import BLOCK_DROPOUT, CHANNELS, DENSE_DROPOUT, DENSE_WIDTHS, ConvNet


@register("leaky-cnn")
class LeakyCNN(ConvNet):
    """Stack blocks of one convolution and LeakyReLU, without normalisation."""

    class Options(ConvNet.Options):
        channels: tuple[PositiveInt, ...] = Field((128, 256, 512, 512), min_length=1, description=CHANNELS)
        block_dropouts: tuple[NonNegativeFloat, ...] = Field((0.4, 0.4, 0.4, 0.4), description=BLOCK_DROPOUT)
        dense_widths: tuple[PositiveInt, ...] = Field((512, 256), description=DENSE_WIDTHS)
        dense_dropouts: tuple[NonNegativeFloat, ...] = Field((0.4, 0.3), description=DENSE_DROPOUT)
        slope: float = Field(0.1, ge=0, lt=1, description="slope of LeakyReLU below zero")

    def convolutions(self, options: Any, block: int, inputs: int, width: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, width, 3, padding=1), nn.LeakyReLU(options.slope)]

    def dense(self, options: Any, inputs: int, width: int) -> list[nn.Module]:
        return [nn.Linear(inputs, width), nn.LeakyReLU(options.slope)]
