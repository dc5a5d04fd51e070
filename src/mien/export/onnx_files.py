"""Convert ONNX to ONNX: unchanged, in 16 bits, or in 8 bits, with ONNX Runtime's own tools."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from mien.bundle import Bundle
from mien.preprocess import to_input
from mien.runtimes.base import ModelFile
from mien.runtimes.onnx import METADATA_KEY

_AT_ONCE = 32
"""Faces per batch while the ranges of activations are measured."""


def load(bundle: Bundle, _: Any = None) -> onnx.ModelProto:
    """Return the bundle's graph without its metadata."""
    model = onnx.load_from_string(bundle.file.content)
    del model.metadata_props[:]
    return model


def pack(model: onnx.ModelProto, metadata: str) -> ModelFile:
    """Pack a graph and its metadata as a file."""
    packed = onnx.ModelProto()
    packed.CopyFrom(model)
    onnx.helper.set_model_props(packed, {METADATA_KEY: metadata})
    return ModelFile(packed.SerializeToString(), ".onnx")


def to_fp16(bundle: Bundle, _: Any = None) -> onnx.ModelProto:
    """Return the graph in float16; input and outputs stay float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(load(bundle), keep_io_types=True)


def to_int8(bundle: Bundle, faces: npt.NDArray[np.uint8] | None) -> onnx.ModelProto:
    """Return the graph with weights in 8 bits, one scale per channel, and with activations in 8 bits.

    Args:
        bundle: the float32 bundle.
        faces: crops uint8 (N, 48, 48), on which the ranges of the activations are measured.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    assert faces is not None
    inputs = to_input(faces, bundle.metadata.input)

    class Faces(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches = iter(range(0, len(inputs), _AT_ONCE))

        def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
            start = next(self._batches, None)
            return None if start is None else {"faces": inputs[start : start + _AT_ONCE]}

    with tempfile.TemporaryDirectory() as folder, _quiet():
        plain, prepared, quantized = (Path(folder) / name for name in ("plain.onnx", "prepared.onnx", "int8.onnx"))
        onnx.save(_with_pools(load(bundle)), plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantized,
            Faces(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(quantized)


def _with_pools(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace means over height and width by global poolings, which are the same but can run in 8 bits."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    constants |= {node.output[0]: node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"}
    for node in model.graph.node:
        if node.op_type != "ReduceMean" or len(node.input) < 2 or node.input[1] not in constants:
            continue
        axes = set(onnx.numpy_helper.to_array(constants[node.input[1]]).tolist())
        kept = all(attribute.i for attribute in node.attribute if attribute.name == "keepdims")
        if axes in ({2, 3}, {-2, -1}) and kept:
            node.op_type = "GlobalAveragePool"
            del node.input[1:], node.attribute[:]
    used = {name for node in model.graph.node for name in node.input}
    kept_tensors = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept_tensors)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the quantizer's advice, which it writes to the root logger."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
