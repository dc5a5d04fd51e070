"""Define swish-resnet: residual, with Swish, spatial dropout and a sharpened softmax; reported: 72.25 to 73.25 %."""

from __future__ import annotations

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from mien.training.models.attention import Attention, attention
from mien.training.models.base import ACTIVATIONS, Heads, Network, register
from mien.training.models.residual import stages
from mien.training.models.se_resnet import ATTENTION, SQUEEZE


@register("swish-resnet")
class SwishResNet(Network):
    """Stack a stem, residual stages with spatial dropout, global average pooling, a dense layer and tempered logits.

    Every convolution and the dense layer are batch-normalised. The logits are divided by a temperature.
    """

    class Options(Network.Options):
        stem: int = Field(32, ge=1, description="channels of the first convolution")
        stages: tuple[PositiveInt, ...] = Field(
            (32, 64, 128, 256),
            min_length=1,
            description="channels of each stage; all but the first halve the resolution",
        )
        blocks: int = Field(1, ge=1, description="residual blocks of each stage")
        attention: Attention = Field("none", description=ATTENTION)
        squeeze: int = Field(8, ge=0, description=SQUEEZE)
        dropout2d: float = Field(0.1, ge=0, lt=1, description="probability that a channel of a block is dropped")
        dense: int = Field(128, ge=1, description="width of the dense layer before the heads")
        dense_dropout: float = Field(0.3, ge=0, lt=1, description="dropout probability after the dense layer")
        softmax_temperature: float = Field(0.7, gt=0, description="divides the logits, in training too")

    any_size = True

    def __init__(self, options: Options, heads: dict[str, int], size: int) -> None:
        super().__init__(options, heads, size)
        swish = ACTIVATIONS["silu"]
        depth = len(options.stages)
        self.stem = nn.Sequential(
            nn.Conv2d(1, options.stem, 3, padding=1, bias=False), nn.BatchNorm2d(options.stem), swish()
        )
        self.blocks = stages(
            options.stem,
            options.stages,
            (options.blocks,) * depth,
            (1,) + (2,) * (depth - 1),
            swish,
            lambda channels: attention(options.attention, channels, options.squeeze),
            options.dropout2d,
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dense = nn.Sequential(
            nn.Linear(options.stages[-1], options.dense, bias=False), nn.BatchNorm1d(options.dense), swish()
        )
        self.dropout = nn.Dropout(options.dense_dropout)
        self.heads = Heads(options.dense, heads)
        self.temperature = options.softmax_temperature

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        features = self.dense(self.pool(self.blocks(self.stem(faces))).flatten(1))
        return {name: logits / self.temperature for name, logits in self.heads(self.dropout(features)).items()}
