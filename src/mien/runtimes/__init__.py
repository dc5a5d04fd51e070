"""What runs a network: one runtime per kind of file, all behind `Runtime`. Knows files and arrays; nothing of faces.

.onnx   ONNX Runtime, in the base install; processors, NVIDIA cards and more through its providers
.xml    OpenVINO's pair of .xml and .bin (extra: openvino)
.tflite LiteRT, the runtime of phones (extra: litert)
.pt2    PyTorch's exported program (extra: train)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mien.errors import BundleError, InputError, nearest
from mien.files import write_atomically

FloatArray = npt.NDArray[np.float32]

CPU = ("cpu",)
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
}
"""What computes, by a short name, with ONNX Runtime's name for it; both are understood."""

SUFFIXES = (".onnx", ".xml", ".tflite", ".pt2")


class Runtime(Protocol):
    """A loaded network.

    metadata     mien's JSON out of the file, or None where it carries none
    description  what computes, for people: "ONNX Runtime 1.31 on cpu"
    """

    metadata: str | None
    description: str

    def run(self, faces: FloatArray, heads: Sequence[str]) -> list[FloatArray]:
        """The network's outputs for input float32 (N, 1, size, size), one for each of the heads, in their order."""
        ...


def check_name(path: Path, suffix: str) -> None:
    """Raises InputError where a file of a kind would be read as one of another; what ends otherwise is read as ONNX."""
    ending = path.suffix.lower()
    if (ending if ending in SUFFIXES else ".onnx") != suffix:
        raise InputError(f"{path}: expected a name that ends in {suffix}, which is what this model is")


@dataclass(frozen=True)
class ModelFile:
    """A network as it lies on the disk; OpenVINO keeps its `weights` in a file of their own beside it."""

    content: bytes
    suffix: str = ".onnx"
    weights: bytes = b""

    @classmethod
    def read(cls, path: Path) -> ModelFile:
        """The file at `path`, and what belongs to it; a BundleError where something cannot be read or is empty."""
        suffix = path.suffix.lower()
        if suffix == ".bin" and (network := path.with_suffix(".xml")).is_file():
            raise BundleError(f"{path}: these are the weights of {network.name}; name that file instead")
        return cls(_read(path), suffix, _read(path.with_suffix(".bin")) if suffix == ".xml" else b"")

    def save(self, path: str | Path) -> Path:
        """Writes it to `path`, whole or not at all; an InputError for a name that would be read as another kind."""
        path = Path(path)
        check_name(path, self.suffix)
        if self.weights:
            write_atomically(path.with_suffix(".bin"), self.weights)
        return write_atomically(path, self.content)

    @property
    def size(self) -> int:
        """Bytes of everything."""
        return len(self.content) + len(self.weights)


def open_runtime(file: ModelFile, source: str, *, threads: int = 0, providers: str | Sequence[str] = CPU) -> Runtime:
    """The runtime for a file. Raises BundleError for what it refuses, MissingExtraError where it is not installed,
    InputError for a provider that it does not have."""
    names = short_names(providers)
    if file.suffix == ".xml":
        from mien.runtimes.openvino import OpenVino

        return OpenVino(file, source, threads, names)
    if file.suffix == ".tflite":
        from mien.runtimes.litert import LiteRT

        return LiteRT(file, source, threads, names)
    if file.suffix == ".pt2":
        from mien.runtimes.torch import ExportedProgram

        return ExportedProgram(file, source, threads, names)
    from mien.runtimes.onnx import OnnxRuntime

    return OnnxRuntime(file, source, threads, names)


def short_names(providers: str | Sequence[str]) -> tuple[str, ...]:
    """Providers by their short names; an InputError for one that nobody knows."""
    if isinstance(providers, str):
        providers = (providers,)
    short = {long: name for name, long in PROVIDERS.items()}
    names = tuple(short.get(name, name.lower()) for name in providers)
    for name, given in zip(names, providers, strict=True):
        if name not in PROVIDERS:
            raise InputError(f"providers: no {given!r}; {nearest(name, PROVIDERS)}")
    if not names:
        raise InputError("providers: expected at least one, got none")
    return names


def refused(source: str, reader: str, error: Exception) -> BundleError:
    """The error for a file that its runtime cannot open."""
    said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return BundleError(
        f"{source}: expected a bundle, got a file that {reader} refuses. Download or export it again. "
        f"{reader} says: {said}"
    )


def only(names: tuple[str, ...], known: Sequence[str], reader: str) -> str:
    """The first of the providers, if the runtime has it."""
    if names[0] not in known:
        raise InputError(f"providers: {reader} runs on {' or '.join(known)}, got {names[0]!r}. Choose one of these")
    return names[0]


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    if not content:
        raise BundleError(f"{path} is empty; expected a bundle. Download or export it again.")
    return content
