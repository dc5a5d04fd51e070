"""Define what the classic convolutional networks share: pooled blocks, dense layers, heads."""

from __future__ import annotations

from typing import Any

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator
from torch import Tensor, nn

from mien.training.models.base import Heads, Network

CHANNELS = "channels of each block"
BLOCK_DROPOUT = "dropout probability after each block's pooling"
DENSE_WIDTHS = "widths of the dense layers before the heads"
DENSE_DROPOUT = "dropout probability after each dense layer"


class ConvNet(Network):
    """Stack blocks of convolutions, each with pooling to half the size and dropout, then dense layers, then heads.

    A subclass defines the defaults of its `Options`, its convolutions and its dense layers.
    """

    class Options(Network.Options):
        channels: tuple[PositiveInt, ...] = Field((32, 64, 128), min_length=1, description=CHANNELS)
        block_dropouts: tuple[NonNegativeFloat, ...] = Field((0.25, 0.25, 0.25), description=BLOCK_DROPOUT)
        dense_widths: tuple[PositiveInt, ...] = Field((128,), description=DENSE_WIDTHS)
        dense_dropouts: tuple[NonNegativeFloat, ...] = Field((0.5,), description=DENSE_DROPOUT)

        @model_validator(mode="after")
        def _same_lengths(self) -> ConvNet.Options:
            for widths, dropouts in (("channels", "block_dropouts"), ("dense_widths", "dense_dropouts")):
                expected, got = len(getattr(self, widths)), len(getattr(self, dropouts))
                if expected != got:
                    raise ValueError(f"expected as many {dropouts} as {widths} ({expected}), got {got}")
            return self

    def __init__(self, options: Any, heads: dict[str, int], size: int) -> None:
        super().__init__(options, heads, size)
        layers: list[nn.Module] = []
        inputs = 1
        for block, (width, dropout) in enumerate(zip(options.channels, options.block_dropouts, strict=True)):
            layers += [*self.convolutions(options, block, inputs, width), nn.MaxPool2d(2), nn.Dropout(dropout)]
            inputs = width
            size //= 2
        layers.append(nn.Flatten())
        inputs *= size * size
        for width, dropout in zip(options.dense_widths, options.dense_dropouts, strict=True):
            layers += [*self.dense(options, inputs, width), nn.Dropout(dropout)]
            inputs = width
        self.features = nn.Sequential(*layers)
        self.heads = Heads(inputs, heads)

    def convolutions(self, options: Any, block: int, inputs: int, width: int) -> list[nn.Module]:
        """Return the layers of a block before its pooling, from `inputs` channels to `width`."""
        raise TypeError(f"{type(self).__name__} has no convolutions")

    def dense(self, options: Any, inputs: int, width: int) -> list[nn.Module]:
        """Return the layers of a dense block before its dropout."""
        return [nn.Linear(inputs, width), nn.ReLU()]

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        return self.heads(self.features(faces))  # type: ignore[no-any-return]
