"""What all runtimes share: the protocol, model files, the names of providers, and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mien.errors import BundleError, InputError, suggest
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
"""Execution providers: short name -> ONNX Runtime's name; both are accepted."""

SUFFIXES = (".onnx", ".xml", ".tflite", ".pt2")


class Runtime(Protocol):
    """Define a loaded network.

    Attributes:
        metadata: mien's JSON in the file, or None.
        description: runtime and hardware, for people: "ONNX Runtime 1.31 on cpu".
    """

    metadata: str | None
    description: str

    def run(self, faces: FloatArray, heads: Sequence[str]) -> list[FloatArray]:
        """Run the network.

        Args:
            faces: network input, float32 (N, 1, size, size).
            heads: names of the heads.

        Returns:
            The logits of each head, float32 (N, K), in the order of `heads`.
        """
        ...


def check_name(path: Path, suffix: str) -> None:
    """Check that a file name has the suffix of its kind; any other suffix counts as ONNX.

    Raises:
        InputError: the file would be read as another kind.
    """
    ending = path.suffix.lower()
    if (ending if ending in SUFFIXES else ".onnx") != suffix:
        raise InputError(f"{path}: expected a name that ends in {suffix}, which is what this model is")


@dataclass(frozen=True)
class ModelFile:
    """Hold the bytes of a network's file.

    Attributes:
        content: the bytes of the file.
        suffix: suffix of the file, which is its kind.
        weights: the bytes of OpenVINO's .bin file; empty for other kinds.
    """

    content: bytes
    suffix: str = ".onnx"
    weights: bytes = b""

    @classmethod
    def read(cls, path: Path) -> ModelFile:
        """Read the file at `path`, and OpenVINO's weights with it.

        Raises:
            BundleError: a file cannot be read or is empty.
        """
        suffix = path.suffix.lower()
        if suffix == ".bin" and (network := path.with_suffix(".xml")).is_file():
            raise BundleError(f"{path}: these are the weights of {network.name}; name that file instead")
        return cls(_read(path), suffix, _read(path.with_suffix(".bin")) if suffix == ".xml" else b"")

    def save(self, path: str | Path) -> Path:
        """Write the file to `path`, atomically, and return the path.

        Raises:
            InputError: with this name the file would be read as another kind.
        """
        path = Path(path)
        check_name(path, self.suffix)
        if self.weights:
            write_atomically(path.with_suffix(".bin"), self.weights)
        return write_atomically(path, self.content)

    @property
    def size(self) -> int:
        """Return the size of all bytes."""
        return len(self.content) + len(self.weights)


def short_names(providers: str | Sequence[str]) -> tuple[str, ...]:
    """Return the short names of providers.

    Raises:
        InputError: a provider is unknown, or there is none.
    """
    if isinstance(providers, str):
        providers = (providers,)
    short = {long: name for name, long in PROVIDERS.items()}
    names = tuple(short.get(name, name.lower()) for name in providers)
    for name, given in zip(names, providers, strict=True):
        if name not in PROVIDERS:
            raise InputError(f"providers: no {given!r}; {suggest(name, PROVIDERS)}")
    if not names:
        raise InputError("providers: expected at least one, got none")
    return names


def unreadable_file_error(source: str, reader: str, error: Exception) -> BundleError:
    """Return the error for a file that its runtime cannot open."""
    said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return BundleError(
        f"{source}: expected a bundle, got a file that {reader} refuses. Download or export it again. "
        f"{reader} says: {said}"
    )


def check_provider(names: tuple[str, ...], known: Sequence[str], reader: str) -> str:
    """Return the first of the providers if the runtime supports it.

    Args:
        names: the requested providers.
        known: the providers that the runtime supports.
        reader: name of the runtime.

    Raises:
        InputError: it does not.
    """
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
