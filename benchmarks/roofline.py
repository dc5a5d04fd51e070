"""How near the released networks come to what one core can do, in 32-bit floats and in 8-bit integers.

    python -m benchmarks roofline mien runs/nano/mien-nano.onnx --data fer2013.csv

The peak is measured too, in the same run: the best of many products of large matrices by the same runtime, in the same
types. A network cannot be faster than its work divided by that. Writes `results/roofline.json` and the table in
docs/model-card.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from benchmarks.machine import describe, write_results
from benchmarks.page import write_table
from benchmarks.speed import figure, measure
from mien.bundle import Bundle
from mien.datasets import load_data
from mien.export import export
from mien.preprocess import to_input
from mien.runtimes.onnx import make_session

SIDE = 1024
BATCHES = (1, 32)
RUNS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="BUNDLE", help="bundles as `mien train` writes them, in 32 bits")
    parser.add_argument("--data", type=Path, required=True, help="fer2013.csv, whose faces the 8 bits are fitted to")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    dataset = load_data([options.data], set_aside=False)
    peaks = {"float32": peak(TensorProto.FLOAT), "int8": peak(TensorProto.UINT8)}
    models: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for source in options.models:
            bundle = Bundle.load(source, threads=1)
            name = bundle.name
            small = Path(folder) / f"{name}-int8.onnx"
            export(bundle, "onnx-int8", small, dataset=dataset)
            work = bundle.metadata.card["training"]["gflop_per_face"]
            models[name] = {
                "gflop": work,
                "float32": times(bundle, work, peaks["float32"]),
                "int8": times(Bundle.load(small, threads=1), work, peaks["int8"]),
            }
    write_results("roofline", {"machine": describe(), "peak, GFLOP/s": peaks, "models": models})
    rows = [
        [
            name,
            f"{each['gflop']:.3f}",
            kind,
            *(f"{each[kind][f'batch {batch}']['time']['median']:.2f} ms" for batch in BATCHES),
            f"{each[kind]['batch 32']['rate']:.0f} of {peaks[kind]['max']:.0f} GFLOP/s",
            f"{each[kind]['batch 32']['share']:.0%}",
        ]
        for name, each in models.items()
        for kind in peaks
    ]
    heading = ["model", "GFLOP", "arithmetic", "a face alone", "a face of 32", "rate, of the peak", "share"]
    write_table("roofline", heading, rows, "model-card")


def peak(kind: int) -> dict[str, Any]:
    """GFLOP a second, two for each multiply-add, of a product of matrices that fit the cache."""
    if kind == TensorProto.FLOAT:
        node, result = helper.make_node("MatMul", ["a", "b"], ["c"]), TensorProto.FLOAT
        b = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
        a = b.T.copy()
    else:
        node, result = helper.make_node("MatMulInteger", ["a", "b"], ["c"]), TensorProto.INT32
        b = np.random.default_rng(0).integers(-127, 128, (SIDE, SIDE)).astype(np.int8)
        a = np.abs(b.T).astype(np.uint8)
    graph = helper.make_graph(
        [node],
        "peak",
        [helper.make_tensor_value_info("a", kind, [SIDE, SIDE])],
        [helper.make_tensor_value_info("c", result, [SIDE, SIDE])],
        [onnx.numpy_helper.from_array(b, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = make_session(model.SerializeToString(), threads=1)
    return figure([2 * SIDE**3 / each / 1e9 for each in measure(lambda: session.run(None, {"a": a}), RUNS)], "GFLOP/s")


def times(bundle: Bundle, work: float, best: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds a face of the network alone, its rate in GFLOP a second, and the share of the peak, by batch."""
    found = {}
    for batch in BATCHES:
        crops = np.random.default_rng(0).integers(0, 256, (batch, 48, 48), np.uint8)
        faces = to_input(crops, bundle.metadata.input)
        taken = [each / batch for each in measure(lambda faces=faces: bundle.answers(faces), RUNS * 8 // batch + RUNS)]
        rate = work / median(taken)
        found[f"batch {batch}"] = {
            "time": figure([1e3 * each for each in taken], "ms"),
            "rate": rate,
            "share": rate / best["max"],
        }
    return found


if __name__ == "__main__":
    main()
