"""The networks, one file each, by name. Each is called with its `Options` and the width of every head."""

from __future__ import annotations

from mien.training.models.base import NETWORKS, Network, build, gflop, register
from mien.training.models.se_resnet import SEResNet

__all__ = ["NETWORKS", "Network", "SEResNet", "build", "gflop", "register"]
