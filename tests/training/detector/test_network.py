"""The network: shapes, gradients, and the cells that its maps stand for."""

from __future__ import annotations

import pytest
import torch

from mien.training.detector.assign import cells_of, flatten
from mien.training.detector.network import CHANNELS, STRIDES, FaceNetwork


def test_maps_have_a_cell_for_every_stride() -> None:
    maps = FaceNetwork().eval()(torch.zeros(2, 3, 128, 192))
    assert [tuple(part.shape) for part in maps] == [(2, CHANNELS, 128 // s, 192 // s) for s in STRIDES]
    assert flatten(maps).shape == (2, len(cells_of(128, 192).strides), CHANNELS)


@pytest.mark.parametrize(("height", "width"), [(80, 112), (48, 336)])
def test_sides_need_not_be_multiples_of_the_largest_stride(height: int, width: int) -> None:
    maps = FaceNetwork().eval()(torch.zeros(1, 3, height, width))
    assert [part.shape[2] for part in maps] == [-(-height // stride) for stride in STRIDES]


def test_every_weight_gets_a_gradient() -> None:
    network = FaceNetwork()
    sum((part**2).mean() for part in network(torch.rand(2, 3, 128, 128) * 255)).backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_size_is_within_the_budget() -> None:
    assert 50_000 <= sum(weight.numel() for weight in FaceNetwork().parameters()) <= 150_000


def test_at_first_faces_are_unlikely() -> None:
    torch.manual_seed(0)
    maps = FaceNetwork()(torch.rand(2, 3, 128, 128) * 255)
    assert flatten(maps)[..., 0].sigmoid().mean() < 0.05


def test_cells_are_in_the_order_of_the_maps() -> None:
    cells = cells_of(128, 64)
    assert cells.middles[0].tolist() == [4, 4]
    assert cells.middles[1].tolist() == [12, 4]
    assert cells.strides.unique().tolist() == list(map(float, STRIDES))
    assert cells.middles[-1].tolist() == [48, 112]
