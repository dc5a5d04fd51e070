"""LiteRT, once TensorFlow Lite: the runtime of phones."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Sequence

import numpy as np

from mien.errors import MissingExtraError
from mien.runtimes import FloatArray, ModelFile, only, refused

METADATA_NAME = "mien.json"


class LiteRT:
    """A .tflite file; the metadata is a file in the zip archive that follows the network in it, as is usual there.

    The network reads one face at a time.
    """

    def __init__(self, file: ModelFile, source: str, threads: int, providers: tuple[str, ...]) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError("Reading LiteRT's .tflite", "litert") from error
        only(providers, ("cpu",), "LiteRT")
        self.metadata = attached(file.content)
        try:
            self._interpreter = Interpreter(model_content=file.content, num_threads=threads or None)
            self._interpreter.allocate_tensors()
            (self._input,) = (detail["index"] for detail in self._interpreter.get_input_details())
            self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]
        except (ValueError, RuntimeError) as error:
            raise refused(source, "LiteRT", error) from error
        self._lock = threading.Lock()  # an interpreter holds one inference's tensors
        self.description = "LiteRT on cpu"

    def run(self, faces: FloatArray, heads: Sequence[str]) -> list[FloatArray]:
        """The outputs stand in the order of the heads."""
        answers: list[list[FloatArray]] = []
        with self._lock:
            for face in faces:
                self._interpreter.set_tensor(self._input, face[None])
                self._interpreter.invoke()
                answers.append([self._interpreter.get_tensor(index)[0] for index in self._outputs])
        return [np.stack(answer) for answer in zip(*answers, strict=True)]


def attached(content: bytes) -> str | None:
    """The metadata that follows the network, if there is any."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(METADATA_NAME).decode()
    except (zipfile.BadZipFile, KeyError):
        return None


def attach(content: bytes, metadata: str) -> bytes:
    """The network with metadata behind it; runtimes that do not know of it read the network all the same."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METADATA_NAME, metadata)
    return buffer.getvalue()
