"""Define the formats, one entry each: how a network is converted and packed, and how much it may differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle
from mien.export import onnx_files, openvino, programs
from mien.export.compare import Tolerance
from mien.runtimes.base import ModelFile

Crops = npt.NDArray[np.uint8]

EXACT = Tolerance(difference=0.005, agreement=0.999, accuracy=0.001)
HALF = Tolerance(difference=0.1, agreement=0.995, accuracy=0.003)
EIGHT_BITS = Tolerance(difference=float("inf"), agreement=0.95, accuracy=0.01)


@dataclass(frozen=True)
class Format:
    """Define a format.

    Attributes:
        meaning: one line for people.
        suffix: suffix of the file.
        bound: the tolerance.
        convert: converts a float32 bundle, with calibration crops uint8 (N, 48, 48) if `calibrated`, to a network.
        pack: packs that network with mien's metadata as a file.
        ending: what is added to the bundle's name.
        extra: the extra of mien that the conversion needs. None: none.
        calibrated: whether the conversion needs calibration crops.
    """

    meaning: str
    suffix: str
    bound: Tolerance
    convert: Callable[[Bundle, Crops | None], Any]
    pack: Callable[[Any, str], ModelFile]
    ending: str = ""
    extra: str | None = None
    calibrated: bool = False


FORMATS: dict[str, Format] = {
    "onnx": Format("the bundle itself, float32", ".onnx", EXACT, onnx_files.load, onnx_files.pack),
    "onnx-fp16": Format(
        "weights and arithmetic in 16 bits, for graphics cards",
        ".onnx",
        HALF,
        onnx_files.to_fp16,
        onnx_files.pack,
        "-fp16",
    ),
    "onnx-int8": Format(
        "weights and activations in 8 bits, for processors",
        ".onnx",
        EIGHT_BITS,
        onnx_files.to_int8,
        onnx_files.pack,
        "-int8",
        calibrated=True,
    ),
    "openvino": Format(
        "OpenVINO's .xml and .bin, weights in 16 bits", ".xml", HALF, openvino.convert, openvino.pack, extra="openvino"
    ),
    "torch": Format(
        "PyTorch's exported program", ".pt2", EXACT, programs.to_exported_program, programs.pack_exported, extra="train"
    ),
    "litert": Format(
        "LiteRT's .tflite, for phones, one face at a time",
        ".tflite",
        EXACT,
        programs.to_litert,
        programs.pack_litert,
        extra="export-litert",
    ),
}
