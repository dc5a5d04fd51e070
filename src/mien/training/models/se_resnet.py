"""A small residual network with squeeze-and-excitation (He et al. 2016; Hu et al. 2018), for faces of 32 to 48 pixels.

The stem keeps the resolution: at this size an early stride costs more accuracy than it saves time.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from mien.training.models.base import Network, register

ACTIVATIONS: dict[str, type[nn.ReLU] | type[nn.SiLU]] = {"relu": nn.ReLU, "silu": nn.SiLU}


@register("se-resnet")
class SEResNet(Network):
    """Stem, four stages of residual blocks, global average pooling, dropout, one dense layer per head."""

    class Options(Network.Options):
        stem: int = Field(32, ge=1, description="channels of the first convolution")
        widths: tuple[PositiveInt, ...] = Field((32, 64, 128, 256), description="channels of each stage")
        depths: tuple[PositiveInt, ...] = Field((1, 1, 1, 1), description="residual blocks of each stage")
        strides: tuple[PositiveInt, ...] = Field((1, 2, 2, 2), description="stride of each stage's first block")
        activation: Literal["relu", "silu"] = Field("relu", description="on a CPU relu trains 1.4 times as fast")
        squeeze: int = Field(8, ge=0, description="reduction of squeeze-and-excitation; 0: none")
        dropout: float = Field(0.2, ge=0, lt=1, description="before the heads")

        @model_validator(mode="after")
        def _same_length(self) -> SEResNet.Options:
            if not len(self.widths) == len(self.depths) == len(self.strides) > 0:
                raise ValueError(
                    "expected widths, depths and strides of the same number of stages, "
                    f"got {len(self.widths)}, {len(self.depths)} and {len(self.strides)}"
                )
            return self

    def __init__(self, options: Options, heads: dict[str, int]) -> None:
        super().__init__(options, heads)
        activation = ACTIVATIONS[options.activation]
        self.stem = nn.Sequential(
            nn.Conv2d(1, options.stem, 3, padding=1, bias=False),
            nn.BatchNorm2d(options.stem),
            activation(inplace=True),
        )
        blocks: list[nn.Module] = []
        channels = options.stem
        for width, depth, stride in zip(options.widths, options.depths, options.strides, strict=True):
            for index in range(depth):
                blocks.append(ResidualBlock(channels, width, stride if index == 0 else 1, activation, options.squeeze))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(options.dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(channels, labels) for name, labels in heads.items()})

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        features = self.dropout(self.pool(self.blocks(self.stem(faces))).flatten(1))
        return {name: head(features) for name, head in self.heads.items()}


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, each batch-normalised, scaled per channel, added to their input."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, activation: type[nn.ReLU] | type[nn.SiLU], squeeze: int
    ) -> None:
        super().__init__()
        last_norm = nn.BatchNorm2d(outputs)
        nn.init.zeros_(last_norm.weight)  # every block starts as the identity
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            activation(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            last_norm,
        )
        self.scale = SqueezeExcitation(outputs, max(8, outputs // squeeze)) if squeeze else nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            pool = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.activation = activation(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.scale(self.residual(x)) + self.shortcut(x))  # type: ignore[no-any-return]


class SqueezeExcitation(nn.Module):
    """A factor from 0 to 1 for every channel, from the means of all channels."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.factors = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factors(x)  # type: ignore[no-any-return]
