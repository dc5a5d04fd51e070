"""Translate a bundle's ONNX graph to a PyTorch module, for the operators that mien's own networks use.

Every export is run and compared with the original, so that a wrong translation is detected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from mien.errors import ExportError

Attributes = dict[str, Any]


class OnnxNetwork(nn.Module):
    """Run the nodes of an ONNX graph in order; float tensors are buffers, shapes and axes plain lists.

    Raises:
        ExportError: an operator is not in `OPERATORS`.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        unknown = sorted({node.op_type for node in graph.node} - set(OPERATORS))
        if unknown:
            raise ExportError(
                f"this network uses {', '.join(unknown)}, which mien does not translate to PyTorch; it knows "
                f"{', '.join(sorted(OPERATORS))}. Export it as onnx, onnx-fp16, onnx-int8 or openvino"
            )
        self._nodes = [
            (
                OPERATORS[node.op_type],
                list(node.input),
                node.output[0],
                {each.name: helper.get_attribute_value(each) for each in node.attribute},
            )
            for node in graph.node
        ]
        (self._input,) = (value.name for value in graph.input)
        self._outputs = [value.name for value in graph.output]
        self._lists: dict[str, Any] = {"": None}
        self._buffers_of: dict[str, str] = {}
        for number, tensor in enumerate(graph.initializer):
            values = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            if values.is_floating_point():
                self._buffers_of[tensor.name] = f"tensor_{number}"
                self.register_buffer(f"tensor_{number}", values)
            else:
                self._lists[tensor.name] = values.tolist()

    def forward(self, faces: Tensor) -> tuple[Tensor, ...]:
        values: dict[str, Any] = {self._input: faces, **self._lists}
        values |= {name: getattr(self, buffer) for name, buffer in self._buffers_of.items()}
        for operator, inputs, output, attributes in self._nodes:
            values[output] = operator([values[name] for name in inputs], attributes)
        return tuple(values[name] for name in self._outputs)


def _same_on_both_sides(pads: list[int]) -> list[int]:
    half = len(pads) // 2
    if pads[:half] != pads[half:]:
        raise ExportError(f"padding {pads} differs from side to side, which mien does not translate to PyTorch")
    return pads[:half]


def _padding(attributes: Attributes) -> list[int]:
    return _same_on_both_sides(list(attributes.get("pads", [0, 0, 0, 0])))


def _conv(inputs: list[Any], a: Attributes) -> Tensor:
    x, weight = inputs[:2]
    bias = inputs[2] if len(inputs) > 2 else None
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    return F.conv2d(x, weight, bias, strides, _padding(a), dilations, a.get("group", 1))


def _average_pool(inputs: list[Any], a: Attributes) -> Tensor:
    ceil, include = bool(a.get("ceil_mode", 0)), bool(a.get("count_include_pad", 0))
    return F.avg_pool2d(inputs[0], a["kernel_shape"], a.get("strides", 1), _padding(a), ceil, include)


def _max_pool(inputs: list[Any], a: Attributes) -> Tensor:
    dilations, ceil = a.get("dilations", 1), bool(a.get("ceil_mode", 0))
    return F.max_pool2d(inputs[0], a["kernel_shape"], a.get("strides", 1), _padding(a), dilations, ceil)


def _gemm(inputs: list[Any], a: Attributes) -> Tensor:
    x, weight, *bias = inputs
    product: Tensor = (x.T if a.get("transA") else x) @ (weight.T if a.get("transB") else weight)
    product = product * a.get("alpha", 1.0)
    return product + a.get("beta", 1.0) * bias[0] if bias else product


def _batch_norm(inputs: list[Any], a: Attributes) -> Tensor:
    x, scale, shift, mean, variance = inputs
    return F.batch_norm(x, mean, variance, scale, shift, eps=a.get("epsilon", 1e-5))


def _clip(inputs: list[Any], a: Attributes) -> Tensor:
    low, high = [*inputs[1:], None, None][:2]
    return torch.clamp(inputs[0], low, high)


OPERATORS: dict[str, Callable[[list[Any], Attributes], Tensor]] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": lambda i, a: i[0] @ i[1],
    "BatchNormalization": _batch_norm,
    "Relu": lambda i, a: F.relu(i[0]),
    "LeakyRelu": lambda i, a: F.leaky_relu(i[0], a.get("alpha", 0.01)),
    "Elu": lambda i, a: F.elu(i[0], a.get("alpha", 1.0)),
    "Sigmoid": lambda i, a: torch.sigmoid(i[0]),
    "Tanh": lambda i, a: torch.tanh(i[0]),
    "HardSigmoid": lambda i, a: torch.clamp(i[0] * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1),
    "HardSwish": lambda i, a: F.hardswish(i[0]),
    "Clip": _clip,
    "Add": lambda i, a: i[0] + i[1],
    "Sub": lambda i, a: i[0] - i[1],
    "Mul": lambda i, a: i[0] * i[1],
    "Div": lambda i, a: i[0] / i[1],
    "Concat": lambda i, a: torch.cat(i, a["axis"]),
    "AveragePool": _average_pool,
    "MaxPool": _max_pool,
    "GlobalAveragePool": lambda i, a: i[0].mean((2, 3), keepdim=True),
    "ReduceMean": lambda i, a: i[0].mean(i[1], keepdim=bool(a.get("keepdims", 1))),
    "ReduceMax": lambda i, a: i[0].amax(i[1], keepdim=bool(a.get("keepdims", 1))),
    "Flatten": lambda i, a: i[0].flatten(a.get("axis", 1)),
    "Reshape": lambda i, a: i[0].reshape([i[0].shape[k] if side == 0 else side for k, side in enumerate(i[1])]),
    "Identity": lambda i, a: i[0],
    "Dropout": lambda i, a: i[0],
    "Transpose": lambda i, a: i[0].permute(a["perm"]),
    "Unsqueeze": lambda i, a: _unsqueeze(i[0], i[1]),
    "Squeeze": lambda i, a: i[0].squeeze(tuple(i[1])),
}
"""ONNX name -> the operator as a function of its inputs and attributes, opset 18."""


def _unsqueeze(x: Tensor, axes: list[int]) -> Tensor:
    for axis in sorted(axes):
        x = x.unsqueeze(axis)
    return x
