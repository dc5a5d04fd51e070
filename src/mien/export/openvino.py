"""Convert ONNX to OpenVINO's intermediate representation."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from mien.bundle import Bundle
from mien.errors import MissingExtraError
from mien.export import onnx_files
from mien.runtimes.base import ModelFile
from mien.runtimes.openvino import METADATA_KEY


def convert(bundle: Bundle, _: Any = None) -> Any:
    """Return the graph as an `openvino.Model`."""
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("Exporting to OpenVINO", "openvino") from error
    model = openvino.convert_model(io.BytesIO(onnx_files.load(bundle).SerializeToString()))
    for output, head in zip(model.outputs, bundle.heads, strict=True):
        output.get_tensor().set_names({head})
    return model


def pack(model: Any, metadata: str) -> ModelFile:
    """Pack a model with weights in 16 bits, as OpenVINO saves them; it computes in 32 bits."""
    import openvino

    labelled = model.clone()
    labelled.set_rt_info(metadata, METADATA_KEY)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(labelled, path, compress_to_fp16=True)
        return ModelFile(path.read_bytes(), ".xml", path.with_suffix(".bin").read_bytes())
