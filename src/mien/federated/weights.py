"""Convert a network's weights to the list of arrays that server and clients exchange, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mien.errors import InputError

Arrays = list[npt.NDArray[np.float32]]


def arrays_of(network: nn.Module) -> Arrays:
    """Return copies of all floating-point tensors in the order of `state_dict`, as float32 arrays.

    These are the weights, and the running means and variances of batch norms. The batch norms' counts of batches are
    not used here and are left out.
    """
    return [np.array(value.detach().cpu().numpy(), np.float32, order="C") for value in _tensors(network).values()]


def load_arrays(network: nn.Module, arrays: Sequence[npt.NDArray[Any]]) -> None:
    """Load the arrays of `arrays_of` into a network, in place.

    A running variance that became negative by the noise of differential privacy is set to 0.

    Raises:
        InputError: the arrays are those of another network.
    """
    tensors = _tensors(network)
    got = [tuple(array.shape) for array in arrays]
    if got != [tuple(tensor.shape) for tensor in tensors.values()]:
        raise InputError(
            f"weights: expected {len(tensors)} arrays of this network's shapes, got {len(got)} of others. Server and "
            "clients need the same version of mien, recipe and heads"
        )
    with torch.no_grad():
        for (name, tensor), array in zip(tensors.items(), arrays, strict=True):
            tensor.copy_(torch.from_numpy(np.array(array, np.float32)))
            if name.endswith("running_var"):
                tensor.clamp_(min=0)


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
