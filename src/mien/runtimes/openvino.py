"""Run OpenVINO files by OpenVINO, Intel's runtime for its CPUs and GPUs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from mien.errors import MissingExtraError
from mien.runtimes.base import FloatArray, ModelFile, check_provider, unreadable_file_error

METADATA_KEY = "mien"


class OpenVino:
    """Run OpenVINO's .xml with its .bin; the metadata is the runtime information `mien` in the .xml."""

    def __init__(self, file: ModelFile, source: str, threads: int, providers: tuple[str, ...]) -> None:
        try:
            import openvino
        except ImportError as error:
            raise MissingExtraError("Reading OpenVINO's .xml", "openvino") from error
        check_provider(providers, ("cpu", "openvino"), "OpenVINO")
        try:
            core = openvino.Core()
            weights = np.frombuffer(file.weights, np.uint8)
            model = core.read_model(file.content.decode(), openvino.Tensor(weights, [len(weights)]))
            self.metadata = _text_of(model, METADATA_KEY)
            config = {"INFERENCE_NUM_THREADS": threads} if threads else {}
            # Without the hint OpenVINO computes in bfloat16 on some CPUs.
            self._compiled = core.compile_model(model, "CPU", {**config, "INFERENCE_PRECISION_HINT": "f32"})
        except Exception as error:
            raise unreadable_file_error(source, "OpenVINO", error) from error
        self._request = self._compiled.create_infer_request()
        self._lock = threading.Lock()  # a request holds the buffers of one inference
        self.description = f"OpenVINO {openvino.__version__.split('-')[0]} on cpu"

    def run(self, faces: FloatArray, heads: Sequence[str]) -> list[FloatArray]:
        with self._lock:
            self._request.infer({0: faces})
            return [self._request.get_tensor(head).data.copy() for head in heads]


def _text_of(model: Any, key: str) -> str | None:
    return str(model.get_rt_info(key).value) if model.has_rt_info(key) else None
