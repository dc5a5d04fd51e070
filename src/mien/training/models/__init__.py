"""Define the networks, one file each, by name. A network is built from its `Options`, its heads and its input size."""

from __future__ import annotations

from mien.training.models.base import NETWORKS, Network, build, gflop, register
from mien.training.models.compact_cnn import CompactCNN
from mien.training.models.elu_cnn import EluCNN
from mien.training.models.leaky_cnn import LeakyCNN
from mien.training.models.plain_cnn import PlainCNN
from mien.training.models.se_resnet import SEResNet
from mien.training.models.swish_resnet import SwishResNet
from mien.training.models.transfer import Transfer

__all__ = [
    "NETWORKS",
    "CompactCNN",
    "EluCNN",
    "LeakyCNN",
    "Network",
    "PlainCNN",
    "SEResNet",
    "SwishResNet",
    "Transfer",
    "build",
    "gflop",
    "register",
]
