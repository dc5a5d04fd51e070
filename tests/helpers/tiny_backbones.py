"""Tiny backbones of transformers with random weights, each in a folder as the hub would have it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers

CONFIGS: dict[str, Callable[[], Any]] = {
    "mobilenet-v2": lambda: transformers.MobileNetV2Config(depth_multiplier=0.1, image_size=32, num_labels=3),
    "resnet": lambda: transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2], layer_type="basic", num_labels=3
    ),
    "vit": lambda: transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32, image_size=32,
        patch_size=8, num_labels=3,
    ),
    "convnext": lambda: transformers.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, num_labels=3),
    "dinov2": lambda: transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14, num_labels=3
    ),
}  # fmt: skip
PROCESSOR = {
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
    "size": {"height": 32, "width": 32},
}


@cache
def backbone(name: str) -> Path:
    """The folder of a backbone with a classifier of three labels and its processor's config; made once."""
    folder = Path(tempfile.mkdtemp(prefix="mien-backbone-")) / name
    torch.manual_seed(7)
    transformers.AutoModelForImageClassification.from_config(CONFIGS[name]()).save_pretrained(folder)
    side = 28 if name == "dinov2" else 32
    processor = PROCESSOR | {"size": {"height": side, "width": side}}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder
