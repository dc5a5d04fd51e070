"""Sharpness-aware minimisation on functions whose gradients are known."""

from __future__ import annotations

import pytest
import torch

from mien.training.sam import SAM


def test_it_steps_with_the_gradient_of_the_worst_point_nearby() -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = SAM(torch.optim.SGD([weight], lr=0.1), radius=0.5)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (weight**2).sum() / 2
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    assert loss.item() == pytest.approx(12.5)
    worst = torch.tensor([3.3, 4.4])  # half a unit further along the gradient (3, 4)
    torch.testing.assert_close(weight.data, torch.tensor([3.0, 4.0]) - 0.1 * worst)


def test_both_passes_draw_the_same_random_numbers() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = SAM(torch.optim.SGD([weight], lr=0.1), radius=0.1)
    drawn: list[float] = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        drawn.append(torch.rand(()).item())
        loss = (weight * drawn[-1]).sum()
        loss.backward()
        return loss

    for _ in range(2):
        optimizer.step(closure)
    assert drawn[0] == drawn[1]
    assert drawn[2] == drawn[3]
    assert drawn[0] != drawn[2]


def test_its_state_is_the_bases() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = SAM(torch.optim.AdamW([weight], lr=0.1), radius=0.1)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    again = SAM(torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=0.5), radius=0.1)
    again.load_state_dict(optimizer.state_dict())
    assert again.param_groups[0]["lr"] == 0.1
    assert again.base.param_groups is again.param_groups
    assert again.base.state_dict()["state"][0]["step"] == 1


def test_without_a_closure_it_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="needs a closure"):
        SAM(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), radius=0.1).step()
