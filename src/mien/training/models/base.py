"""Define the base class of all networks, the registry, and the count of a network's operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mien.preprocess import InputSpec

NETWORKS: dict[str, type[Network]] = {}

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "silu": lambda: nn.SiLU(inplace=True),
}


class Network(nn.Module):
    """Map faces, float32 (N, 1, S, S), normalised by the input spec, to logits (N, K) per head.

    A subclass has `Options` (a pydantic model with a description per field) and is built as `cls(options, heads,
    size)`, where `heads` maps each head's name to its number of labels and `size` is S.

    Attributes:
        any_size: whether the network also accepts other input sizes, as progressive resizing needs.
        required_input: the input spec that the network needs, or None.
    """

    class Options(BaseModel):
        """Define the options of a network, with a description per field."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    any_size: ClassVar[bool] = False
    required_input: ClassVar[InputSpec | None] = None

    def __init__(self, options: Any, heads: dict[str, int], size: int) -> None:
        super().__init__()
        del options, heads, size

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        """Return the logits (N, K) of each head for faces float32 (N, 1, S, S)."""
        raise TypeError(f"{type(self).__name__} has no forward")

    def layers(self) -> list[list[nn.Parameter]]:
        """Return all parameters in groups, from the input to the heads, which are the last group."""
        heads = {id(parameter) for parameter in self.get_submodule("heads").parameters()}
        parameters = list(self.parameters())
        return [[p for p in parameters if id(p) not in heads], [p for p in parameters if id(p) in heads]]


class Heads(nn.ModuleDict):
    """Apply one dense layer per head: features float32 (N, F) to logits (N, K) by name."""

    def __init__(self, features: int, heads: dict[str, int]) -> None:
        super().__init__({name: nn.Linear(features, labels) for name, labels in heads.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        return {name: head(features) for name, head in self.items()}


Class = TypeVar("Class", bound=type[Network])


def register(name: str) -> Callable[[Class], Class]:
    """Register a network in `NETWORKS`, as a class decorator; a name can be registered once."""

    def keep(cls: Class) -> Class:
        if name in NETWORKS:
            raise ValueError(f"network {name!r} is registered already, as {NETWORKS[name].__name__}")
        NETWORKS[name] = cls
        return cls

    return keep


def build(name: str, options: dict[str, Any], heads: dict[str, int], size: int) -> Network:
    """Build a network with random weights.

    Args:
        name: a key of `NETWORKS`.
        options: the network's options.
        heads: head -> number of labels.
        size: side of the input in pixels.
    """
    cls = NETWORKS[name]
    return cls(cls.Options(**options), heads, size)


def gflop(network: nn.Module, size: int) -> float:
    """Return the operations for one face in GFLOP, two per multiply-add of convolutions, dense layers and attention."""
    training = network.training
    device = next(network.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, 1, size, size, device=device))
    network.train(training)
    return counter.get_total_flops() / 1e9
