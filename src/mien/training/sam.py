"""Wrap any optimiser in sharpness-aware minimisation (Foret et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class SAM(torch.optim.Optimizer):
    """Step with the gradient at the worst point within `radius` of the weights, which takes two passes per step.

    Both passes use the same random numbers, so that they see the same augmented faces.
    """

    def __init__(self, base: torch.optim.Optimizer, radius: float) -> None:
        self.base, self.radius = base, radius
        super().__init__(base.param_groups, {})
        self.param_groups = base.param_groups  # the same list, so that a scheduler changes the base's learning rate

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step.

        Args:
            closure: computes the loss and its gradients; called twice.

        Returns:
            The loss at the weights before the step.
        """
        if closure is None:
            raise ValueError("SAM needs a closure that computes the loss and its gradients")
        closure = torch.enable_grad()(closure)
        device = self.param_groups[0]["params"][0].device
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            loss = closure()
        moves = self._moves()
        for parameter, move in moves:
            parameter.add_(move)
        closure()
        for parameter, move in moves:
            parameter.sub_(move)
        self.base.step()
        return loss

    def _moves(self) -> list[tuple[Tensor, Tensor]]:
        """Return the step from every weight to the worst point nearby: along the gradient, of total length `radius`."""
        found = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(p.grad) for p in found]))
        return [(p, p.grad * (self.radius / (norm + 1e-12))) for p in found]

    def state_dict(self) -> dict[str, Any]:
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.base.load_state_dict(state_dict)
        self.param_groups = self.base.param_groups
