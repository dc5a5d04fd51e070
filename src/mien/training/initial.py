"""Take a network's first weights from an earlier run, or from a bundle: a released one, or any other in ONNX.

A bundle's convolutions have their batch norms folded into them. Here they are taken apart again, with the statistics of
training faces, so that the network computes what the bundle does and can be trained on.
"""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from mien.bundle import Bundle, find, released
from mien.datasets import FaceDataset
from mien.errors import BundleError, RecipeError
from mien.preprocess import to_input
from mien.runs import Run
from mien.training.models import Network
from mien.training.recipe import Recipe

log = logging.getLogger("mien.training")

PREFIX = "network."
FOLDED_BIAS = ".weight_bias"
"""Suffix of the bias that the exporter makes of a batch norm behind a convolution."""

MEASURED_FACES = 1024


def best_weights(run: Run) -> tuple[dict[str, torch.Tensor], int]:
    """Return the network's weights and buffers at a run's best epoch, and that epoch, from 1."""
    checkpoint = torch.load(run.best, map_location="cpu", weights_only=False)
    prefix = "network."
    weights = {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
    return weights, int(checkpoint["epoch"]) + 1


def initial_file(source: str) -> Path:
    """Return the file with the weights that `initial` names.

    Args:
        source: folder of a run, a released bundle's name, or a bundle's file.

    Raises:
        RecipeError: there is none.
    """
    run = Run(Path(source))
    if run.best.is_file():
        return run.best
    try:
        return find(source)
    except BundleError as error:
        raise RecipeError(
            f"initial: expected the folder of a run, with checkpoints/{run.best.name}, a released bundle "
            f"({', '.join(released())}) or a bundle's file, got {source}"
        ) from error


def start_from(source: str, network: Network, faces: npt.NDArray[np.uint8]) -> None:
    """Load the weights that `initial` names into a network, in place; heads that are not there keep their weights.

    Args:
        source: see `initial_file`.
        network: the network.
        faces: faces, uint8 (N, 48, 48), on which the statistics of a bundle's batch norms are measured.

    Raises:
        RecipeError: there are no weights, or they are those of another network.
    """
    path = initial_file(source)
    if path == Run(Path(source)).best:
        start_from_run(Run(Path(source)), network)
    else:
        start_from_bundle(Bundle.load(path, threads=1), network, faces)


def start_from_run(run: Run, network: Network) -> None:
    """Load the best weights of a run into a network, in place; heads that the run did not have keep their weights.

    Raises:
        RecipeError: the run trained another network.
    """
    weights, _ = best_weights(run)
    fresh = network.state_dict()
    usable = {name: values for name, values in weights.items() if name in fresh and values.shape == fresh[name].shape}
    body = [name for name in {**weights, **fresh} if not name.startswith("heads.")]
    if different := [name for name in body if name not in usable]:
        raise RecipeError(
            f"initial: expected a run of the same network, but {len(different)} of its {len(body)} tensors differ "
            f"({different[0]}). Take [network] from {run.recipe}"
        )
    network.load_state_dict({**fresh, **usable})


def warn_about_seen_faces(source: str, recipe: Recipe, dataset: FaceDataset) -> None:
    """Warn if the weights that this run starts from may have learnt faces that are held out here."""
    if not (recipe.data.folds or recipe.data.validation == "held-out"):
        return
    path, facts = initial_file(source), Run(Path(source)).facts
    if path.suffix == ".ckpt":
        before = json.loads(facts.read_text(encoding="utf-8"))["data"] if facts.is_file() else {}
    else:
        before = Bundle.load(path, threads=1).metadata.card.get("training", {}).get("data", {})
    if before.get("digest") != dataset.digest and set(before.get("sources", ())) & set(dataset.sources.tolist()):
        log.warning(
            "%s may have learnt faces that are held out here, and figures on them would be too good; with the same "
            "data, seed and [data] it has not",
            source,
        )


def start_from_bundle(bundle: Bundle, network: Network, faces: npt.NDArray[np.uint8]) -> list[str]:
    """Load a bundle's weights into a network, in place; heads that the bundle lacks keep their weights.

    Args:
        bundle: a bundle of the same network, in ONNX, also in 8 bits.
        network: the network.
        faces: training faces, uint8 (N, 48, 48), on which the statistics of batch norms are measured.

    Returns:
        The names of the heads that the bundle had too.

    Raises:
        RecipeError: the bundle has another network, or none in ONNX.
    """
    tensors = tensors_of(bundle)
    state = network.state_dict()
    norms = dict(_norms(network))
    expected = {
        name
        for name, values in state.items()
        if not name.endswith("num_batches_tracked") and not any(name.startswith(f"{norm}.") for norm in norms.values())
    }
    body = {name for name in expected if not name.startswith("heads.")}
    different = sorted(name for name in body if getattr(tensors.get(name), "shape", None) != tuple(state[name].shape))
    different += [f"{conv}{FOLDED_BIAS}" for conv in norms if f"{conv}{FOLDED_BIAS}" not in tensors]
    if different:
        raise RecipeError(
            f"initial: expected a bundle of the same network, but {different[0]} of {bundle.source} is missing or has "
            "another shape. Take [network] and [input] from `mien info` of the bundle"
        )
    with torch.no_grad():
        heads = []
        for name in expected:
            values = tensors.get(name)
            if values is None or values.shape != tuple(state[name].shape):
                continue
            state[name].copy_(torch.from_numpy(values))
            if name.startswith("heads."):
                heads.append(name.split(".")[1])
        for conv, norm in norms.items():
            layer = network.get_submodule(norm)
            assert isinstance(layer, nn.BatchNorm2d)
            layer.running_mean.zero_()  # type: ignore[union-attr]
            layer.running_var.fill_(1.0)  # type: ignore[union-attr]
            layer.weight.fill_((1 + layer.eps) ** 0.5)
            layer.bias.copy_(torch.from_numpy(tensors[f"{conv}{FOLDED_BIAS}"]))
        _measure(network, [network.get_submodule(norm) for norm in norms.values()], bundle, faces)
    return sorted(set(heads))


def tensors_of(bundle: Bundle) -> dict[str, npt.NDArray[np.float32]]:
    """Return the weights in a bundle's graph by the network's names, float32; those in 8 bits are converted.

    Raises:
        RecipeError: the bundle is not in ONNX.
    """
    if bundle.file.suffix != ".onnx":
        raise RecipeError(f"initial: expected a bundle in ONNX, got {bundle.source}")
    graph = onnx.load_from_string(bundle.file.content).graph
    raw = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {name: values for name, values in raw.items() if values.dtype in (np.float32, np.float16)}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in raw:
            values = _dequantized(raw, node)
            name = node.input[0].removesuffix("_quantized")
            found[name] = values
    return {name.removeprefix(PREFIX): values.astype(np.float32) for name, values in found.items()}


def _dequantized(raw: dict[str, Any], node: Any) -> npt.NDArray[np.float32]:
    values, scale = raw[node.input[0]].astype(np.float64), raw[node.input[1]].astype(np.float64)
    zero = raw[node.input[2]].astype(np.float64) if len(node.input) > 2 else np.zeros_like(scale)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    shape = [1] * values.ndim
    if scale.ndim and scale.size > 1:
        shape[axis] = -1
    return np.asarray((values - zero.reshape(shape)) * scale.reshape(shape), np.float32)


def _norms(network: nn.Module) -> list[tuple[str, str]]:
    """Return the convolutions that a batch norm follows, with the batch norm: names in the network."""
    found = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            path = f"{name}." if name else ""
            children = list(module.named_children())
            for (first, one), (second, other) in pairwise(children):
                if isinstance(one, nn.Conv2d) and isinstance(other, nn.BatchNorm2d):
                    found.append((path + first, path + second))
    return found


def _measure(network: Network, norms: list[nn.Module], bundle: Bundle, faces: npt.NDArray[np.uint8]) -> None:
    """Give batch norms the statistics of what comes into them, without changing what they compute."""
    chosen = faces[:: max(1, len(faces) // MEASURED_FACES)][:MEASURED_FACES]
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def keep(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        channels = inputs[0].transpose(0, 1).flatten(1)
        seen[layer] = channels.mean(dim=1), channels.var(dim=1)

    hooks = [norm.register_forward_pre_hook(keep) for norm in norms]
    training = network.training
    network.eval()
    network(torch.from_numpy(to_input(chosen, bundle.metadata.input)))
    network.train(training)
    for hook in hooks:
        hook.remove()
    for layer in norms:
        assert isinstance(layer, nn.BatchNorm2d)
        mean, variance = seen[layer]
        layer.weight.copy_((variance + layer.eps).sqrt())
        layer.bias.add_(mean)
        layer.running_mean.copy_(mean)  # type: ignore[union-attr]
        layer.running_var.copy_(variance)  # type: ignore[union-attr]
