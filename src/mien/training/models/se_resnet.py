"""Define se-resnet: a small residual network with attention (He et al. 2016; Hu et al. 2018) for 32 to 48 pixels.

The stem keeps the resolution: at this size an early stride costs more accuracy than it saves time.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from mien.training.models.attention import Attention, attention
from mien.training.models.base import ACTIVATIONS, Heads, Network, register
from mien.training.models.residual import stages

ATTENTION = "attention in the residual blocks: none, se (squeeze-and-excitation) or cbam (channels and positions)"
SQUEEZE = "reduction of the channels in the attention's bottleneck; 0: no attention"


@register("se-resnet")
class SEResNet(Network):
    """Stack a stem, stages of residual blocks, global average pooling, dropout and one dense layer per head."""

    class Options(Network.Options):
        stem: int = Field(32, ge=1, description="channels of the first convolution")
        widths: tuple[PositiveInt, ...] = Field((32, 64, 128, 256), description="channels of each stage")
        depths: tuple[PositiveInt, ...] = Field((1, 1, 1, 1), description="residual blocks of each stage")
        strides: tuple[PositiveInt, ...] = Field((1, 2, 2, 2), description="stride of each stage's first block")
        activation: Literal["relu", "silu"] = Field(
            "relu", description="on a CPU relu trains 1.4 times as fast as silu"
        )
        attention: Attention = Field("se", description=ATTENTION)
        squeeze: int = Field(8, ge=0, description=SQUEEZE)
        dropout: float = Field(0.2, ge=0, lt=1, description="dropout probability before the heads")

        @model_validator(mode="after")
        def _same_length(self) -> SEResNet.Options:
            if not len(self.widths) == len(self.depths) == len(self.strides) > 0:
                raise ValueError(
                    "expected widths, depths and strides of the same number of stages, "
                    f"got {len(self.widths)}, {len(self.depths)} and {len(self.strides)}"
                )
            return self

    any_size = True

    def __init__(self, options: Options, heads: dict[str, int], size: int) -> None:
        super().__init__(options, heads, size)
        activation = ACTIVATIONS[options.activation]
        self.stem = nn.Sequential(
            nn.Conv2d(1, options.stem, 3, padding=1, bias=False),
            nn.BatchNorm2d(options.stem),
            activation(),
        )
        self.blocks = stages(
            options.stem,
            options.widths,
            options.depths,
            options.strides,
            activation,
            lambda channels: attention(options.attention, channels, options.squeeze),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(options.dropout)
        self.heads = Heads(options.widths[-1], heads)

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        features = self.pool(self.blocks(self.stem(faces))).flatten(1)
        return self.heads(self.dropout(features))  # type: ignore[no-any-return]
