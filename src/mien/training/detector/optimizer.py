"""Muon for kernels (Jordan et al. 2024), AdamW for the rest, as one optimiser with one learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial that brings all singular values of a matrix near 1."""

ROUNDS = 5
AS_ADAMW = 0.2
"""The root mean square of AdamW's steps, in learning rates; Muon's are scaled to it (Liu et al. 2025)."""


class MuonAdamW(torch.optim.AdamW):
    """AdamW whose groups with `muon` true take orthogonal steps instead."""

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, momentum: float = 0.95) -> None:
        super().__init__(groups, lr=lr, betas=(0.9, 0.99))
        self.momentum = momentum

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = self.param_groups
        for group in groups:
            if group.get("muon"):
                self._orthogonal_step(group)
        self.param_groups = [group for group in groups if not group.get("muon")]
        try:
            super().step()
        finally:
            self.param_groups = groups
        return loss

    def _orthogonal_step(self, group: dict[str, Any]) -> None:
        for weight in group["params"]:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(weight)
                state["step"] = torch.tensor(0.0)  # which AdamW looks for in every state that it is given back
            state["momentum"].lerp_(weight.grad, 1 - self.momentum)
            direction = weight.grad.lerp(state["momentum"], self.momentum).reshape(len(weight), -1)
            step = orthogonal(direction) * AS_ADAMW * max(direction.shape) ** 0.5
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.add_(step.view_as(weight), alpha=-group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """Return the matrix with its singular values near 1, by Newton and Schulz's iteration."""
    a, b, c = COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(ROUNDS):
        square = wide @ wide.T
        wide = a * wide + (b * square + c * square @ square) @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


def groups_of(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return kernels that mix channels (for Muon), kernels of single channels and last layers, biases and norms."""
    mixing: list[Tensor] = []
    single: list[Tensor] = []
    rest: list[Tensor] = []
    for module in network.modules():
        for name, weight in module.named_parameters(recurse=False):
            if isinstance(module, nn.Conv2d) and name == "weight":
                (mixing if module.groups == 1 and module.bias is None else single).append(weight)
            else:
                rest.append(weight)
    return [
        {"params": mixing, "weight_decay": weight_decay, "muon": True},
        {"params": single, "weight_decay": weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
