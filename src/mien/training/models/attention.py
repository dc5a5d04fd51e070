"""Weight channels and positions inside convolutional blocks (attention). Each module keeps the shape (N, C, H, W)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Attention = Literal["none", "se", "cbam"]


def attention(name: Attention, channels: int, squeeze: int) -> nn.Module:
    """Build the attention module of that name.

    Args:
        name: "none", "se" or "cbam".
        channels: number of channels.
        squeeze: divides the channels in the bottleneck. 0: no attention.
    """
    if name == "none" or not squeeze:
        return nn.Identity()
    hidden = max(8, channels // squeeze)
    return CBAM(channels, hidden) if name == "cbam" else SqueezeExcitation(channels, hidden)


class SqueezeExcitation(nn.Module):
    """Multiply every channel by a factor from 0 to 1, computed from the means of all channels (Hu et al. 2018)."""

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


class CBAM(nn.Module):
    """Apply channel attention and then spatial attention: convolutional block attention (Woo et al. 2018)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, hidden)
        self.spatial = SpatialAttention()

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.channel(x)
        return x * self.spatial(x)  # type: ignore[no-any-return]


class ChannelAttention(nn.Module):
    """Compute factors (N, C, 1, 1) from 0 to 1, from each channel's mean and maximum, by one small network."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        mean, highest = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        return torch.sigmoid(self.shared(mean) + self.shared(highest))


class SpatialAttention(nn.Module):
    """Compute a map (N, 1, H, W) from 0 to 1, from the mean and maximum over channels."""

    def __init__(self, kernel: int = 7) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2, 1, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return torch.sigmoid(self.mix(both))
