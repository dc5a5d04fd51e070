"""Muon's steps are orthogonal, AdamW's are AdamW's, and every weight is in one group."""

from __future__ import annotations

import torch
from torch import nn

from mien.training.detector.network import FaceNetwork
from mien.training.detector.optimizer import MuonAdamW, groups_of, orthogonal


def test_singular_values_come_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((48, 432), (64, 64), (90, 16)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.max() < 1.3
        assert values[: len(values) // 2].min() > 0.6


def test_every_weight_is_in_one_group() -> None:
    network = FaceNetwork()
    groups = groups_of(network, 0.01)
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    assert all(weight.ndim == 4 for weight in groups[0]["params"])
    assert groups[2]["weight_decay"] == 0


def test_weights_without_muon_move_as_adamw_moves_them() -> None:
    one, two = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    ours = MuonAdamW([{"params": [one], "weight_decay": 0.1}], lr=0.01)
    theirs = torch.optim.AdamW([two], lr=0.01, betas=(0.9, 0.99), weight_decay=0.1)
    for step in range(3):
        one.grad = two.grad = torch.arange(3.0) - step
        ours.step()
        theirs.step()
    assert torch.equal(one, two)


def test_it_goes_down_and_its_state_comes_back() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))
    optimizer = MuonAdamW(groups_of(network, 0.01), lr=0.01)
    inputs, wanted = torch.randn(8, 3, 8, 8), torch.randn(8, 4, 6, 6)
    losses = []
    for _ in range(20):
        loss = optimizer.step(lambda: _closure(network, optimizer, inputs, wanted))
        losses.append(loss)
    assert losses[-1] < losses[0]  # type: ignore[operator]
    again = MuonAdamW(groups_of(network, 0.01), lr=0.01)
    again.load_state_dict(optimizer.state_dict())
    kernel = network[0].weight
    assert torch.equal(again.state[kernel]["momentum"], optimizer.state[kernel]["momentum"])


def _closure(network: nn.Module, optimizer: MuonAdamW, inputs: torch.Tensor, wanted: torch.Tensor) -> float:
    optimizer.zero_grad()
    loss = (network(inputs) - wanted).square().mean()
    loss.backward()
    return float(loss.detach())
