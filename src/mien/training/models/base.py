"""What every network is, the registry, and the count of a network's work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

NETWORKS: dict[str, type[Network]] = {}

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "silu": lambda: nn.SiLU(inplace=True),
}


class Network(nn.Module):
    """Faces float32 `(N, 1, S, S)`, normalised by the input spec, to logits `(N, K)` per head.

    A subclass has `Options` (a pydantic model, a description per field) and is built as `cls(options, heads, size)`,
    where `heads` gives the number of labels of each head by name and `size` is S. `any_size` says whether it answers
    faces of other sizes too, as progressive resizing needs.
    """

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)

    any_size: ClassVar[bool] = False

    def __init__(self, options: Any, heads: dict[str, int], size: int) -> None:
        super().__init__()
        del options, heads, size

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        raise TypeError(f"{type(self).__name__} has no forward")


class Heads(nn.ModuleDict):
    """One dense layer per head: features float32 `(N, F)` to logits `(N, K)` by name."""

    def __init__(self, features: int, heads: dict[str, int]) -> None:
        super().__init__({name: nn.Linear(features, labels) for name, labels in heads.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        return {name: head(features) for name, head in self.items()}


Class = TypeVar("Class", bound=type[Network])


def register(name: str) -> Callable[[Class], Class]:
    """Puts a network into `NETWORKS`; a name can be taken once."""

    def keep(cls: Class) -> Class:
        if name in NETWORKS:
            raise ValueError(f"network {name!r} is registered already, as {NETWORKS[name].__name__}")
        NETWORKS[name] = cls
        return cls

    return keep


def build(name: str, options: dict[str, Any], heads: dict[str, int], size: int) -> Network:
    """A new network with random weights, for faces of `size` x `size` pixels."""
    cls = NETWORKS[name]
    return cls(cls.Options(**options), heads, size)


def gflop(network: nn.Module, size: int) -> float:
    """Work for one face in GFLOP, two per multiply-add of every convolution and dense layer."""
    total = 0

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            kernel = layer.kernel_size[0] * layer.kernel_size[1]
            total += 2 * output[0].numel() * kernel * layer.in_channels // layer.groups
        elif isinstance(layer, nn.Linear):
            total += 2 * layer.in_features * layer.out_features

    hooks = [layer.register_forward_hook(count) for layer in network.modules()]
    training = network.training
    device = next(network.parameters()).device
    with torch.no_grad():
        network.eval()(torch.zeros(1, 1, size, size, device=device))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return total / 1e9
