"""Convert ONNX to PyTorch's exported program, and to LiteRT."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from mien.bundle import Bundle
from mien.errors import MissingExtraError
from mien.export import onnx_files
from mien.runtimes.base import ModelFile
from mien.runtimes.litert import append_metadata
from mien.runtimes.torch import METADATA_NAME

MOST_FACES = 1024
"""Largest batch of PyTorch's program, in faces."""


def _network(bundle: Bundle, extra: str) -> Any:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Exporting to PyTorch or LiteRT", extra) from error
    from mien.export.from_onnx import OnnxNetwork

    return OnnxNetwork(onnx_files.load(bundle)).eval()


def to_exported_program(bundle: Bundle, _: Any = None) -> Any:
    """Return the graph as a `torch.export.ExportedProgram` for 1 to `MOST_FACES` faces."""
    network = _network(bundle, "train")
    import torch

    size = bundle.metadata.input.size
    faces = torch.export.Dim("faces", min=1, max=MOST_FACES)
    return torch.export.export(network, (torch.zeros(2, 1, size, size),), dynamic_shapes=({0: faces},))


def pack_exported(program: Any, metadata: str) -> ModelFile:
    """Pack a program and its metadata as a .pt2 file."""
    import torch

    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={METADATA_NAME: metadata})
    return ModelFile(buffer.getvalue(), ".pt2")


def to_litert(bundle: Bundle, _: Any = None) -> bytes:
    """Return the graph as the bytes of a .tflite file, for one face at a time."""
    network = _network(bundle, "export-litert")
    import torch

    try:
        import litert_torch
    except ImportError as error:
        raise MissingExtraError("Exporting to LiteRT", "export-litert") from error
    size = bundle.metadata.input.size
    model = litert_torch.convert(network, (torch.zeros(1, 1, size, size),))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        model.export(str(path))
        return path.read_bytes()


def pack_litert(content: bytes, metadata: str) -> ModelFile:
    """Pack the bytes of a .tflite file with its metadata."""
    return ModelFile(append_metadata(content, metadata), ".tflite")
