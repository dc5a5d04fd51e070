"""Define the block that the residual networks share (He et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

MakeLayer = Callable[[], nn.Module]


class ResidualBlock(nn.Module):
    """Add two 3x3 convolutions, each batch-normalised, with attention, to their input.

    Args:
        inputs: input channels.
        outputs: output channels.
        stride: stride of the first convolution.
        activation: makes an activation.
        attention: module that keeps the shape.
        dropout: probability that a whole channel of the branch is dropped (spatial dropout).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        activation: MakeLayer,
        attention: nn.Module,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        last_norm = nn.BatchNorm2d(outputs)
        nn.init.zeros_(last_norm.weight)  # every block starts as the identity
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            activation(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            last_norm,
        )
        self.scale = attention
        self.dropout = nn.Dropout2d(dropout)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            pool = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        branch = self.dropout(self.scale(self.residual(x)))
        return self.activation(branch + self.shortcut(x))  # type: ignore[no-any-return]


def stages(
    inputs: int,
    widths: tuple[int, ...],
    depths: tuple[int, ...],
    strides: tuple[int, ...],
    activation: MakeLayer,
    attention: Callable[[int], nn.Module],
    dropout: float = 0.0,
) -> nn.Sequential:
    """Build all residual blocks in order.

    Args:
        inputs: input channels.
        widths: channels of each stage.
        depths: number of blocks of each stage.
        strides: stride of the first block of each stage.
        activation: makes an activation.
        attention: makes the attention of a block from its channels.
        dropout: probability that a whole channel of a block's branch is dropped.
    """
    blocks: list[nn.Module] = []
    for width, depth, stride in zip(widths, depths, strides, strict=True):
        for index in range(depth):
            step = stride if index == 0 else 1
            blocks.append(ResidualBlock(inputs, width, step, activation, attention(width), dropout))
            inputs = width
    return nn.Sequential(*blocks)
