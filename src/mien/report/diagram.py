"""Draw a network as a diagram, read from its ONNX file: blocks in order, with shapes, parameters and FLOP. No torch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import onnx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from mien.figure_style import ACCENT, INK, SOFT, WIDE, new_figure, styled

MOST_BOXES = 16
"""With more blocks than this, equal successive blocks are drawn as one."""

_WEIGHTED = {"Conv": "conv", "Gemm": "dense", "MatMul": "dense"}


@dataclass
class Block:
    """Describe layers that belong together by the names of their weights.

    Attributes:
        name: name of the block.
        layers: kind of layer -> number.
        shape: shape of the block's output for one face, (channels, height, width) or (features,).
        parameters: number of weights and biases.
        flop: operations for one face, 2 per multiply-add of the convolutions and dense layers.
        operations: activation, pooling, skip connection, batch norm, dropout -> number.
    """

    name: str
    layers: Counter[str] = field(default_factory=Counter)
    shape: tuple[int, ...] = ()
    parameters: int = 0
    flop: int = 0
    operations: Counter[str] = field(default_factory=Counter)

    @property
    def is_head(self) -> bool:
        """Return whether the block is a head."""
        return self.name.startswith("heads.")


def blocks(model: onnx.ModelProto) -> list[Block]:
    """Read the blocks of a network, in the order in which they are first computed.

    Batch normalisations are part of the convolutions before them, as in the file; `add_modules` names them.
    """
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: _shape(value) for value in [*graph.value_info, *graph.input, *graph.output]}
    weights = {each.name: tuple(each.dims) for each in graph.initializer}
    nodes = _without_quantization(graph.node, weights)
    readers = defaultdict(list)
    for node in nodes:
        for name in node.input:
            readers[name].append(node)
    found: dict[str, Block] = {}
    counted: set[str] = set()
    owner: dict[str, str] = {}  # value -> block that computed it
    for number, node in enumerate(nodes):
        makers = [owner[name] for name in node.input if name in owner]
        if makers:
            maker = max(makers, key=list(found).index)  # the one that came last
            owner.update(dict.fromkeys(node.output, maker))
            if operation := _operation(node, readers, owner):
                found[maker].operations[operation] += 1
        if node.op_type == "MaxPool" and (before := [each for each in found.values() if each.layers]):
            block = before[-1]
            block.layers[_pool(node)] += 1
            block.shape = shapes.get(node.output[0], ())
        named = [name for name in node.input if name in weights and _module(name)]
        layered = node.op_type in _WEIGHTED and len(node.input) > 1 and node.input[1] in weights
        if not (named or layered):
            continue
        near = named
        after = readers[node.output[0]]
        if not named and after:  # a transposed weight has lost its name; the bias after it still has one
            near = [each for each in after[0].input if each in weights and _module(each)]
        block = found.setdefault(name := _block(near, number), Block(name))
        owner.update(dict.fromkeys(node.output, name))
        learnt = node.input[:3] if node.op_type == "BatchNormalization" else node.input  # without mean and variance
        own = [each for each in learnt if each in weights and (each in named or layered) and each not in counted]
        counted.update(own)
        block.parameters += sum(int(np.prod(weights[each])) for each in own)
        if layered:
            shape = shapes.get(node.output[0], ())
            kernel = weights[node.input[1]]
            block.layers[_kind(node, kernel)] += 1
            block.flop += _flop(node.op_type, shape, kernel)
            gate = [each.op_type for each in after] == ["Sigmoid"]  # attention, whose output is not the block's
            if not block.shape or (not gate and (np.prod(shape[1:]) > 1 or len(shape) < 3)):
                block.shape = shape
    return _with_norms(found.values())


_ACTIVATIONS = {
    "Relu": "ReLU", "LeakyRelu": "leaky ReLU", "PRelu": "PReLU", "Elu": "ELU", "Selu": "SELU", "Celu": "CELU",
    "HardSwish": "hard swish", "HardSigmoid": "hard sigmoid", "Gelu": "GELU", "Erf": "GELU", "Tanh": "tanh",
    "Clip": "ReLU6", "Softplus": "softplus", "Mish": "Mish", "GlobalAveragePool": "mean over the picture",
    "GlobalMaxPool": "maximum over the picture", "AveragePool": "average-pool", "Concat": "joined",
    "Softmax": "softmax",
}  # fmt: skip


def _operation(node: Any, readers: dict[str, list[Any]], owner: dict[str, str]) -> str | None:
    """Return what a node without weights is in a network's terms; None for shapes, constants and the like."""
    if node.op_type == "Sigmoid":
        own = [each for each in readers[node.output[0]] if each.op_type == "Mul" and node.input[0] in each.input]
        return "swish" if own else "gate"
    if node.op_type == "Add" and all(name in owner for name in node.input):
        return "skip"
    if node.op_type == "ReduceMean" and node.input[0] in owner:
        return "mean over the picture"
    return _ACTIVATIONS.get(node.op_type)


def _without_quantization(nodes: Iterable[Any], weights: dict[str, tuple[int, ...]]) -> list[Any]:
    """Return the nodes of a network without those that change between floats and 8 bits.

    The names of quantized weights are completed in `weights`.
    """
    source: dict[str, str] = {}
    kept = []
    for node in nodes:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            name = source.get(node.input[0], node.input[0])
            if name in weights:
                weights[plain := name.removesuffix("_quantized")] = weights[name]
                name = plain
            source[node.output[0]] = name
            continue
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [source.get(name, name) for name in node.input]
        kept.append(copy)
    return kept


def add_modules(parts: Iterable[Block], modules: Iterable[tuple[str, str]]) -> None:
    """Add what the file does not show, since it is folded or used in training only, to the blocks, in place.

    Args:
        parts: the blocks.
        modules: path of each module in the network, such as "blocks.0.1", and what it is, such as "dropout 0.3".
            Activations count only where the file shows none, as in 8 bits, where they are folded.
    """
    activations = set(_ACTIVATIONS.values()) | {"swish"}
    parts = list(parts)
    shown = any(
        activations & {*part.operations} - {"mean over the picture", "average-pool", "joined"} for part in parts
    )
    by_name = {part.name: part for part in parts}
    last = None
    for number, (path, kind) in enumerate(modules):
        name = _block([f"network.{path}.weight"], number)
        last = by_name.get(name, last)
        if last is not None and kind and not (shown and kind in activations):
            last.operations[kind] += 1


def _with_norms(parts: Iterable[Block]) -> list[Block]:
    """Add parameters without layers (such as a batch normalisation after an activation) to the block before them."""
    found: list[Block] = []
    for part in parts:
        if part.layers or not found:
            found.append(part)
        else:
            found[-1].parameters += part.parameters
            found[-1].operations += part.operations
    return found


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape without the batch; 0 for an unknown size."""
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)[1:]


def _module(name: str) -> list[str]:
    """Return the path of the module that a weight belongs to; [] for a weight of no layer.

    Example: ["blocks", "1", "residual"] for network.blocks.1.residual.weight.
    """
    return name.removeprefix("network.").split(".")[:-1]


def _block(named: list[str], number: int) -> str:
    """Return the name of the block of these weights, without the name of a transformers backbone.

    Examples: "blocks.1" for network.blocks.1.residual.0.weight, "stem" for network.stem.0.weight.
    """
    if not named:
        return f"layer {number}"
    parts = _module(named[0])
    if parts[0] == "backbone" and len(parts) > 1:
        parts = parts[2:] if len(parts) > 2 and parts[1] != "classifier" else parts[1:]
    if parts[0] == "heads":
        return ".".join(parts[:2])
    digit = next((place for place, part in enumerate(parts) if part.isdigit()), None)
    if digit is None or parts[0] == "stem":
        return parts[0]
    return ".".join(parts[max(0, digit - 1) : digit + 1])


def _kind(node: Any, kernel: tuple[int, ...]) -> str:
    if node.op_type != "Conv":
        return "dense"
    groups = next((each.i for each in node.attribute if each.name == "group"), 1)
    return f"{'depthwise' if groups > 1 else 'conv'} {_sides(kernel[2:])}"


def _pool(node: Any) -> str:
    return f"max-pool {_sides(next(each.ints for each in node.attribute if each.name == 'kernel_shape'))}"


def _sides(kernel: Iterable[int]) -> str:
    return "×".join(map(str, kernel))


def _flop(kind: str, shape: tuple[int, ...], kernel: tuple[int, ...]) -> int:
    if kind == "Conv":  # (outputs, inputs / groups, height, width)
        return 2 * int(np.prod(shape)) * int(np.prod(kernel[1:]))
    return 2 * int(np.prod(kernel)) * int(np.prod(shape[:-1]) if len(shape) > 1 else 1)


def merge_repeated(parts: list[Block]) -> list[Block]:
    """Merge successive blocks of the same layers, shape and size, such as the twelve layers of a transformer."""
    found = []
    alike = groupby(
        parts,
        key=lambda part: (
            sorted(part.layers.items()), sorted(part.operations.items()), part.shape, part.parameters, part.flop,
        ),
    )  # fmt: skip
    for _, group in alike:
        each = list(group)
        first, n = each[0], len(each)
        name = first.name if n == 1 else f"{first.name} to {each[-1].name.rpartition('.')[2]}"
        layers, operations = (
            Counter({kind: n * number for kind, number in counts.items()})
            for counts in (first.layers, first.operations)
        )
        found.append(Block(name, layers, first.shape, n * first.parameters, n * first.flop, operations))
    return found


@styled
def draw_network(parts: list[Block], size: int) -> Figure:
    """Draw the blocks from top to bottom, with their parameters and FLOP as bars; the heads share the last line.

    Args:
        parts: the blocks.
        size: side of the network's input in pixels.
    """
    body, heads = [part for part in parts if not part.is_head], [part for part in parts if part.is_head]
    body = merge_repeated(body) if len(body) > MOST_BOXES else body
    lines = len(body) + 1 + bool(heads)
    figure = new_figure(WIDE, 0.5 + 0.5 * lines)
    boxes, weights, work = figure.subplots(1, 3, width_ratios=[3.1, 1, 1], sharey=True)
    boxes.set_xlim(0, 10)
    boxes.set_ylim(lines - 0.4, -0.6)
    _empty(boxes)
    _box(boxes, 0, 0, 10, "face", f"1 × {size} × {size}", "gray, normalised")
    for line, part in enumerate(body, 1):
        _arrow(boxes, 5, line)
        _box(boxes, line, 0, 10, part.name, " × ".join(map(str, part.shape)), _layers(part))
    for place, head in enumerate(heads):
        width = 10 / len(heads)
        _arrow(boxes, (place + 0.5) * width, lines - 1)
        name = head.name.removeprefix("heads.")
        _box(boxes, lines - 1, place * width, width - 0.15, name, f"{head.shape[-1] if head.shape else '?'} logits", "")
    rows = [*body, *([_sum(heads)] if heads else [])]
    total = sum(part.flop for part in parts)
    _bars(weights, f"{count(sum(part.parameters for part in parts))} parameters", [part.parameters for part in rows])
    _bars(work, f"{count(total)}FLOP a face", [part.flop for part in rows])
    return figure


def _sum(heads: Iterable[Block]) -> Block:
    heads = list(heads)
    return Block("heads", parameters=sum(h.parameters for h in heads), flop=sum(h.flop for h in heads))


def count(number: float) -> str:
    """Format a number with a unit: "308 M", "1.37 M", "18.4 k", "231"."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= unit:
            return f"{number / unit:.3g}{name}"
    return f"{number:g}"


def _layers(part: Block) -> str:
    """Return two lines: the layers, and the operations between them."""
    lines = (
        ", ".join(f"{number} × {name}" if number > 1 else name for name, number in counts.items())
        for counts in (part.layers, part.operations)
    )
    return "\n".join(line for line in lines if line)


def _box(axes: Axes, line: int, left: float, width: float, name: str, shape: str, note: str) -> None:
    style = "round,pad=0,rounding_size=0.12"
    axes.add_patch(
        FancyBboxPatch(
            (left + 0.05, line - 0.32), width - 0.1, 0.64, boxstyle=style, mutation_aspect=0.9,
            facecolor=ACCENT, alpha=0.16, linewidth=0,
        )
    )  # fmt: skip
    if note:
        axes.text(left + 0.25, line, name, va="center", fontweight="bold")
        axes.text(left + 2.9, line, shape, va="center")
        axes.text(left + width - 0.25, line, note, va="center", ha="right", fontsize=7.5, color=SOFT)
    else:
        axes.text(left + width / 2, line - 0.13, name, va="center", ha="center", fontweight="bold")
        axes.text(left + width / 2, line + 0.15, shape, va="center", ha="center", fontsize=7.5)


def _arrow(axes: Axes, x: float, line: int) -> None:
    axes.annotate(
        "", (x, line - 0.33), (x, line - 0.67), arrowprops={"arrowstyle": "-|>", "color": SOFT, "linewidth": 0.8}
    )


def _bars(axes: Axes, title: str, values: list[int]) -> None:
    lines = range(1, len(values) + 1)
    axes.barh(lines, values, height=0.5, color=ACCENT, alpha=0.75)
    highest = max([*values, 1e-9])
    for line, value in zip(lines, values, strict=True):
        axes.text(value + 0.03 * highest, line, count(value), va="center", fontsize=7.5, color=INK)
    axes.set_xlim(0, 1.55 * highest)
    axes.set_title(title, fontsize=8.5)
    _empty(axes)


def _empty(axes: Axes) -> None:
    axes.grid(False)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, labelleft=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
