"""Define plain-cnn: convolutions with batch normalisation and dropout, a usual first network; reported: 61 %."""

from __future__ import annotations

from typing import Any

from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import nn

from mien.training.models.base import register
from mien.training.models.conv_net import BLOCK_DROPOUT, CHANNELS, DENSE_DROPOUT, DENSE_WIDTHS, ConvNet


@register("plain-cnn")
class PlainCNN(ConvNet):
    """Stack blocks of one convolution, batch normalisation and ReLU."""

    class Options(ConvNet.Options):
        channels: tuple[PositiveInt, ...] = Field((32, 64, 128, 256), min_length=1, description=CHANNELS)
        block_dropouts: tuple[NonNegativeFloat, ...] = Field((0.1, 0.1, 0.2, 0.2), description=BLOCK_DROPOUT)
        dense_widths: tuple[PositiveInt, ...] = Field((256,), description=DENSE_WIDTHS)
        dense_dropouts: tuple[NonNegativeFloat, ...] = Field((0.4,), description=DENSE_DROPOUT)

    def convolutions(self, options: Any, block: int, inputs: int, width: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
