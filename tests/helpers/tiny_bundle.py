"""A bundle of a kilobyte: the mean of a face's pixels, times a weight per emotion."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.labels import FER2013, FERPLUS

HEADS = (FER2013, FERPLUS)


def metadata(**changes: Any) -> dict[str, Any]:
    """What the tiny bundle says of itself, with changes; a value of None leaves the key out."""
    values = {
        "format_version": 1,
        "name": "tiny",
        "heads": [
            {"name": labels.name, "labels": list(labels.names), "temperature": 2.0, "share_temperature": share}
            for labels, share in ((FER2013, None), (FERPLUS, 0.5))
        ],
        "input": {"size": 16, "mean": 128.0, "std": 64.0},
        "card": {},
    }
    return {key: value for key, value in (values | changes).items() if value is not None}


def content(text: str | None = None, scale: float = 1.0, faces: int | str = "N") -> bytes:
    """The bundle's file; `text` takes the place of its metadata, "" leaves them out."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["faces"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
    ]
    weights, outputs = [], []
    for labels in HEADS:
        k = len(labels)
        nodes.append(helper.make_node("Gemm", ["flat", f"w_{labels.name}", f"b_{labels.name}"], [labels.name]))
        weights.append(
            numpy_helper.from_array(scale * np.linspace(-1, 1, k, dtype=np.float32)[None], f"w_{labels.name}")
        )
        weights.append(numpy_helper.from_array(np.linspace(0, 1, k, dtype=np.float32), f"b_{labels.name}"))
        outputs.append(helper.make_tensor_value_info(labels.name, TensorProto.FLOAT, [faces, k]))
    inputs = [helper.make_tensor_value_info("faces", TensorProto.FLOAT, [faces, 1, 16, 16])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    text = json.dumps(metadata()) if text is None else text
    if text:
        helper.set_model_props(model, {"mien": text})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
