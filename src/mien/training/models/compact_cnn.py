"""Define compact-cnn: convolution, pooling, dropout, dense layers; reported: 64 % in validation, 63.93 % in test."""

from __future__ import annotations

from typing import Any

from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import nn

from mien.training.models.base import register
from mien.training.models.conv_net import BLOCK_DROPOUT, CHANNELS, DENSE_DROPOUT, DENSE_WIDTHS, ConvNet


@register("compact-cnn")
class CompactCNN(ConvNet):
    """Stack blocks of one convolution and ReLU, without normalisation."""

    class Options(ConvNet.Options):
        channels: tuple[PositiveInt, ...] = Field((64, 128, 256, 256), min_length=1, description=CHANNELS)
        block_dropouts: tuple[NonNegativeFloat, ...] = Field((0.1, 0.2, 0.2, 0.2), description=BLOCK_DROPOUT)
        dense_widths: tuple[PositiveInt, ...] = Field((512,), description=DENSE_WIDTHS)
        dense_dropouts: tuple[NonNegativeFloat, ...] = Field((0.4,), description=DENSE_DROPOUT)

    def convolutions(self, options: Any, block: int, inputs: int, width: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
