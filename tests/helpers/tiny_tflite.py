"""The tiny bundle as a .tflite file, written with LiteRT's own schema: its reader is tested without the converter."""

from __future__ import annotations

import json
from typing import Any

import flatbuffers
import numpy as np

from helpers import tiny_bundle
from mien.runtimes.litert import append_metadata


def content(text: str | None = None) -> bytes:
    """The file; `text` takes the place of its metadata, "" leaves them out."""
    from ai_edge_litert import schema_py_generated as schema

    size = tiny_bundle.metadata()["input"]["size"]
    buffers, tensors, operators = [schema.BufferT()], [], []

    def tensor(name: str, shape: list[int], values: Any = None) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.type = name, shape, schema.TensorType.FLOAT32
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(values, np.float32).tobytes(), np.uint8)
            buffers.append(buffer)
            made.buffer = len(buffers) - 1
        else:
            made.buffer = 0
        tensors.append(made)
        return len(tensors) - 1

    faces = tensor("faces", [1, 1, size, size])
    outputs = []
    for labels in tiny_bundle.HEADS:
        k = len(labels)
        mean = np.tile(np.linspace(-1, 1, k)[:, None] / size**2, (1, size**2))
        operator = schema.OperatorT()
        operator.opcodeIndex = 0
        operator.inputs = [faces, tensor(f"w_{labels.name}", [k, size**2], mean)]
        operator.inputs.append(tensor(f"b_{labels.name}", [k], np.linspace(0, 1, k)))
        operator.outputs = [tensor(labels.name, [1, k])]
        operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        operator.builtinOptions = schema.FullyConnectedOptionsT()
        operators.append(operator)
        outputs += operator.outputs
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, operators, [faces], outputs
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], buffers
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    network = bytes(builder.Output())
    text = json.dumps(tiny_bundle.metadata()) if text is None else text
    return append_metadata(network, text) if text else network
