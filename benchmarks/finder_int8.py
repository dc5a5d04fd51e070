"""The face detector with 8-bit weights and activations: what it costs in precision, what it gains in time and size.

`python -m benchmarks finder_int8 --weights weights.pt --truth CSV --calibration CSV --scenes FOLDER`. Static
quantisation of ONNX Runtime, per channel, on the calibration pictures; the last layer of each map, whose answers are
boxes and logits, stays in float32 in the second variant. One thread. Writes `results/finder_int8.json`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.finder import speed
from benchmarks.machine import describe, write_results
from mien.detection.mien_face import FinderMetadata, MienFace, padded
from mien.runtimes.onnx import METADATA_KEY
from mien.training.detector.data import FaceScenes, load_scenes
from mien.training.detector.export import LOWEST_SCORE, folded, halved, to_onnx
from mien.training.detector.network import CHANNELS, FaceNetwork
from mien.training.detector.pictures import read
from mien.training.detector.recipe import load_finder_recipe
from mien.training.detector.run import judged
from mien.training.detector.train import load_weights

CALIBRATED_ON = 60
ROUNDS = 25


class Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Feeds some pictures to the calibration."""

    def __init__(self, scenes: FaceScenes) -> None:
        self._files = iter(scenes.files[:: max(1, len(scenes) // CALIBRATED_ON)])

    def get_next(self) -> dict[str, Any] | None:
        """Return the next picture, None after the last."""
        file = next(self._files, None)
        return None if file is None else {"picture": padded(read(file), MienFace.MULTIPLE)[None]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Quantise, measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("weights", "truth", "calibration", "scenes"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    network = FaceNetwork(load_finder_recipe().network)
    load_weights(network, options.weights)
    plain = to_onnx(folded(network.eval()))
    calibration = load_scenes(options.calibration, options.scenes)
    variants = {
        "half-precision weights": halved(plain),
        "int8": quantised(plain, calibration, []),
        "int8, last layers in float32": quantised(plain, calibration, last_layers(plain)),
    }
    finders = {name: finder_of(model) for name, model in variants.items()}
    truth = load_scenes(options.truth, options.scenes)
    images = [read(file) for file in truth.files]
    times = speed({name: finder for name, (finder, _) in finders.items()}, ROUNDS, height=640)
    rows = {}
    for name, (finder, size) in finders.items():
        findings = judged(truth, [finder(image) for image in images])
        rows[name] = {
            "bytes": size,
            "average_precision": round(findings.average_precision(), 4),
            "recall_at_precision_0.97": round(findings.recall(findings.threshold_for(0.97)), 4),
            **times[name],
        }
    write_results("finder_int8", {"machine": describe() | {"threads": 1}, "pictures": len(truth), "variants": rows})


def quantised(model: onnx.ModelProto, scenes: FaceScenes, left_out: list[str]) -> onnx.ModelProto:
    """Return the graph with 8-bit weights and activations, but for the nodes left out."""
    with tempfile.TemporaryDirectory() as folder:
        source, ready, target = (Path(folder) / f"{name}.onnx" for name in ("source", "ready", "target"))
        onnx.save(model, source)
        quant_pre_process(source, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            target,
            Pictures(scenes),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            nodes_to_exclude=left_out,
        )
        return onnx.load(target)


def last_layers(model: onnx.ModelProto) -> list[str]:
    """Return the names of the convolutions that give the maps."""
    shapes = {weight.name: tuple(weight.dims) for weight in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and shapes.get(node.input[1], (0,))[0] == CHANNELS
    ]


def finder_of(model: onnx.ModelProto) -> tuple[MienFace, int]:
    """Return the detector of a graph, and the size of its file."""
    onnx.helper.set_model_props(model, {METADATA_KEY: FinderMetadata().to_json()})
    content = model.SerializeToString()
    return MienFace(content, threads=1, threshold=LOWEST_SCORE, second_look="never"), len(content)


if __name__ == "__main__":
    main()
