from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn

from helpers import tiny_bundle
from helpers.tiny_backbones import CONFIGS, backbone
from mien.bundle import released
from mien.preprocess import InputSpec
from mien.report.diagram import MOST_BOXES, Block, add_modules, blocks, count, draw_network, merge_repeated
from mien.runs import open_model_source
from mien.training.export import to_onnx
from mien.training.models import NETWORKS, Network, build, gflop

pytestmark = pytest.mark.slow


def test_blocks_of_a_run_sum_to_its_facts(run: Path) -> None:
    subject = open_model_source(run)
    parts = blocks(onnx.load(subject.path))
    assert [part.name for part in parts] == ["stem", "blocks.0", "blocks.1", "heads.fer2013", "heads.ferplus"]
    assert [part.shape for part in parts] == [(8, 44, 44), (8, 22, 22), (16, 11, 11), (7,), (8,)]
    assert sum(part.flop for part in parts) / 1e9 == pytest.approx(subject.facts["gflop_per_face"], abs=5e-5)
    # Each batch normalisation of the network has two numbers per channel; folded, one is left.
    assert 0.9 < sum(part.parameters for part in parts) / subject.facts["parameters"] < 1


def test_blocks_of_the_released_bundle() -> None:
    parts = blocks(onnx.load(released()["mien"]))
    facts = open_model_source("mien").facts
    assert sum(part.flop for part in parts) / 1e9 == pytest.approx(facts["gflop_per_face"], abs=5e-5)
    assert parts[1].layers == {"conv 3×3": 2, "conv 1×1": 2}


def read(name: str, **options: Any) -> tuple[Network, list[Block]]:
    """A network with random weights, and its blocks."""
    torch.manual_seed(0)
    network = build(name, options, {"fer2013": 7}, 48).eval()
    for parameter in network.parameters():  # the exporter keeps one of equal ones, such as biases of 0
        nn.init.normal_(parameter, std=0.1)
    return network, blocks(to_onnx(network, InputSpec(48)))


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"transfer"}) + sorted(CONFIGS))
def test_every_network_is_read_and_drawn(name: str) -> None:
    network, parts = read("transfer", backbone=str(backbone(name))) if name in CONFIGS else read(name)
    assert sum(part.flop for part in parts) / 1e9 == pytest.approx(gflop(network, 48), rel=0.01)
    assert parts[-1].shape == (7,)
    assert all(part.layers for part in parts)  # a batch norm behind an activation is a part of what is before it
    assert parts[-1].name.partition(".")[0] == ("classifier" if name in CONFIGS else "heads")
    weights = sum(p.numel() for p in network.parameters())
    assert 0.9 * weights < sum(part.parameters for part in parts) <= weights
    names = [text.get_text() for text in draw_network(parts, 48).axes[0].texts]
    drawn = merge_repeated(parts) if len(parts) > MOST_BOXES else parts
    assert {part.name.removeprefix("heads.") for part in drawn} <= set(names)


def test_pooling_belongs_to_the_block_before_it() -> None:
    _, parts = read("plain-cnn")
    assert [(part.shape, part.layers["max-pool 2×2"]) for part in parts[:2]] == [((32, 24, 24), 1), ((64, 12, 12), 1)]


def test_attention_does_not_change_what_a_block_answers() -> None:
    shapes = [
        [(part.name, part.shape) for part in read("swish-resnet", attention=a)[1]] for a in ("none", "se", "cbam")
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    assert shapes[0][1] == ("blocks.0", (32, 48, 48))


def test_a_foreign_graph_is_read_by_its_layers() -> None:
    parts = blocks(onnx.load_from_string(tiny_bundle.content()))
    assert [(part.shape, part.parameters, part.flop) for part in parts] == [((7,), 14, 14), ((8,), 16, 16)]


def test_equal_neighbours_are_one_box_where_there_are_many() -> None:
    layers = [Block(f"layer.{i}", Counter({"dense": 6}), (17, 48), 100, 7) for i in range(12)]
    others = [Block(f"conv.{i}", Counter({"conv 3×3": 1}), (i + 1, 8, 8), i, i) for i in range(8)]
    got = merge_repeated([others[0], *layers, others[1]])
    assert [(part.name, part.layers["dense"], part.parameters, part.flop) for part in got] == [
        ("conv.0", 0, 0, 0),
        ("layer.0 to 11", 72, 1200, 84),
        ("conv.1", 0, 1, 1),
    ]
    drawn = [text.get_text() for text in draw_network([*others, *layers], 48).axes[0].texts]
    assert "layer.0 to 11" in drawn
    few = [text.get_text() for text in draw_network(layers[: MOST_BOXES - 4], 48).axes[0].texts]
    assert "layer.1" in few


def test_counts_are_short() -> None:
    assert [count(number) for number in (7, 999, 1234, 1_368_155, 308e6, 2.5e9)] == [
        "7",
        "999",
        "1.23 k",
        "1.37 M",
        "308 M",
        "2.5 G",
    ]


def test_what_is_between_the_layers_is_named() -> None:
    parts = blocks(onnx.load(released()["mien"]))
    add_modules(
        parts, [("blocks.0.residual.1", "batch norm"), ("blocks.0.residual.2", "ReLU"), ("dropout", "dropout 0.3")]
    )
    assert parts[1].operations["ReLU"] == 3  # as the file has them, not once more
    assert parts[1].operations["skip"] == parts[1].operations["gate"] == 1
    assert parts[1].operations["batch norm"] == parts[1].operations["dropout 0.3"] == 1
    notes = [text.get_text() for text in draw_network(parts, 44).axes[0].texts]
    assert any("skip" in note and "batch norm" in note for note in notes)


def test_a_bundle_in_8_bits_has_its_blocks() -> None:
    parts, facts = blocks(onnx.load(released()["mien-nano"])), open_model_source("mien-nano").facts
    assert sum(part.flop for part in parts) / 1e9 == pytest.approx(facts["gflop_per_face"], abs=5e-5)
    assert len(parts) > 4
    assert all(part.layers for part in parts)
