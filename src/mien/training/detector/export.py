"""From a trained face network to its bundle: norms folded, ONNX, half-precision weights, a comparison, metadata."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mien.detection.mien_face import FinderMetadata, MienFace, padded
from mien.errors import ExportError
from mien.files import write_atomically
from mien.runtimes.onnx import METADATA_KEY, make_session
from mien.training.detector.calibrate import fit_scores
from mien.training.detector.data import FaceScenes
from mien.training.detector.network import PIXEL_SCALE, STRIDES, FaceNetwork
from mien.training.detector.pictures import read
from mien.training.silenced_warnings import quiet_export

LARGEST_DIFFERENCE = 0.05
"""Of any answer of a cell, between the network and the exported file, whose weights have half the precision."""

LOWEST_SCORE = 0.02
"""Boxes above it are what the scores are calibrated on."""

HALVED = 64
"""Weights with at least so many numbers are kept in half precision."""


class _Exported(nn.Module):
    """Return the maps of a picture, uint8 (1, H, W, 3), as a tuple."""

    def __init__(self, network: FaceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.maps(picture.permute(0, 3, 1, 2).float()))


def export_finder(
    network: FaceNetwork, path: str | Path, metadata: FinderMetadata, picture: npt.NDArray[np.uint8]
) -> Path:
    """Write the bundle of a network and return its path.

    The file is run on `picture` and compared with the network; one that differs is an ExportError, and nothing is
    written.
    """
    return write_atomically(path, finder_content(network, metadata, picture))


def export_calibrated(
    network: FaceNetwork, path: str | Path, validation: FaceScenes, card: dict[str, Any], threshold: float = 0.5
) -> Path:
    """Write the bundle of a network whose scores are calibrated on pictures that training never saw.

    `threshold` is the least score that counts where the caller names none.
    """
    picture = read(validation.files[0])
    raw = MienFace(finder_content(network, FinderMetadata(), picture), threshold=LOWEST_SCORE, second_look="never")
    scale, shift = fit_scores(raw, validation)
    metadata = FinderMetadata(score_scale=scale, score_shift=shift, threshold=threshold, card=card)
    return export_finder(network, path, metadata, picture)


def finder_content(network: FaceNetwork, metadata: FinderMetadata, picture: npt.NDArray[np.uint8]) -> bytes:
    """Return the bytes of a network's bundle, run on a picture and compared."""
    network = copy.deepcopy(network).float().eval()
    picture = padded(picture, MienFace.MULTIPLE)
    with torch.no_grad():
        expected = network(torch.from_numpy(picture)[None].permute(0, 3, 1, 2).float())
    model = halved(to_onnx(folded(network)))
    onnx.helper.set_model_props(model, {METADATA_KEY: replace(metadata, strides=STRIDES).to_json()})
    content: bytes = model.SerializeToString()
    got = make_session(content, threads=1).run(None, {"picture": picture[None]})
    difference = max(float(np.abs(a.numpy() - b).max()) for a, b in zip(expected, got, strict=True))
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"the exported file should agree with the network within {LARGEST_DIFFERENCE}, the largest difference is "
            f"{difference:.2g}. Nothing was written."
        )
    return content


def folded(network: FaceNetwork) -> FaceNetwork:
    """Return the network with batch norms and the scale of pixels in its kernels."""
    network = copy.deepcopy(network)
    for module in [each for each in network.modules() if isinstance(each, nn.Sequential)]:
        for k in range(len(module) - 1):
            kernel, norm = module[k], module[k + 1]
            if isinstance(kernel, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[k], module[k + 1] = fuse_conv_bn_eval(kernel, norm), nn.Identity()
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    with torch.no_grad():
        first.weight.mul_(PIXEL_SCALE)
    return network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload, no-any-return]


def to_onnx(network: FaceNetwork) -> onnx.ModelProto:
    """Return the graph from `picture` uint8 (1, H, W, 3) to `cells_8`, ... float32 (1, 15, h, w)."""
    example = torch.zeros(1, 256, 320, 3, dtype=torch.uint8)
    sides = {1: 16 * torch.export.Dim("rows", min=2, max=1024), 2: 16 * torch.export.Dim("columns", min=2, max=1024)}
    with torch.no_grad(), quiet_export():
        program = torch.onnx.export(
            _Exported(network).eval(),
            (example,),
            input_names=["picture"],
            output_names=[f"cells_{stride}" for stride in STRIDES],
            dynamic_shapes=(sides,),
            dynamo=True,
            verbose=False,
            opset_version=18,
        )
    if program is None:
        raise ExportError("the ONNX exporter returned nothing")
    return without_notes(program.model_proto)


def without_notes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take out the exporter's notes, which name source files of the machine it ran on."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    return model


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with its large weights in half precision; they are cast back when the file is loaded."""
    model = copy.deepcopy(model)
    casts: list[Any] = []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < HALVED:
            continue
        name = weight.name
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
