"""Run .tflite files by LiteRT (formerly TensorFlow Lite), the runtime of phones."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Sequence

import numpy as np

from mien.errors import MissingExtraError
from mien.runtimes.base import FloatArray, ModelFile, check_provider, unreadable_file_error

METADATA_NAME = "mien.json"


class LiteRT:
    """Run a .tflite file, one face at a time.

    The metadata is a file in a zip archive that follows the network, as is usual for .tflite.
    """

    def __init__(self, file: ModelFile, source: str, threads: int, providers: tuple[str, ...]) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError("Reading LiteRT's .tflite", "litert") from error
        check_provider(providers, ("cpu",), "LiteRT")
        self.metadata = read_metadata(file.content)
        try:
            self._interpreter = Interpreter(model_content=file.content, num_threads=threads or None)
            self._interpreter.allocate_tensors()
            (self._input,) = (detail["index"] for detail in self._interpreter.get_input_details())
            self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]
        except (ValueError, RuntimeError) as error:
            raise unreadable_file_error(source, "LiteRT", error) from error
        self._lock = threading.Lock()  # an interpreter holds the tensors of one inference
        self.description = "LiteRT on cpu"

    def run(self, faces: FloatArray, heads: Sequence[str]) -> list[FloatArray]:
        """Run the network; its outputs are in the order of the heads."""
        outputs: list[list[FloatArray]] = []
        with self._lock:
            for face in faces:
                self._interpreter.set_tensor(self._input, face[None])
                self._interpreter.invoke()
                outputs.append([self._interpreter.get_tensor(index)[0] for index in self._outputs])
        return [np.stack(output) for output in zip(*outputs, strict=True)]


def read_metadata(content: bytes) -> str | None:
    """Return the metadata that follows the network, or None."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(METADATA_NAME).decode()
    except (zipfile.BadZipFile, KeyError):
        return None


def append_metadata(content: bytes, metadata: str) -> bytes:
    """Append metadata to the network; runtimes that do not know it ignore it."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METADATA_NAME, metadata)
    return buffer.getvalue()
