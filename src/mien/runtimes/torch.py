"""Run PyTorch's exported programs: a graph and its weights, without the code that made them."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence

from mien.errors import InputError, MissingExtraError
from mien.runtimes.base import FloatArray, ModelFile, check_provider, unreadable_file_error

METADATA_NAME = "mien.json"


class ExportedProgram:
    """Run a .pt2 file, as `torch.export.save` writes it; the metadata is its extra file `mien.json`."""

    def __init__(self, file: ModelFile, source: str, threads: int, providers: tuple[str, ...]) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("Reading PyTorch's .pt2", "train") from error
        device = check_provider(providers, ("cpu", "cuda"), "PyTorch")
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("providers: PyTorch finds no cuda on this machine. Choose cpu")
        extra = {METADATA_NAME: ""}
        try:
            program = torch.export.load(io.BytesIO(file.content), extra_files=extra)
            self._network = program.module().to(device)
        except Exception as error:
            raise unreadable_file_error(source, "PyTorch", error) from error
        said = extra[METADATA_NAME]
        self.metadata = (said.decode() if isinstance(said, bytes) else said) or None
        self._device, self._threads = device, threads
        self._lock = threading.Lock()  # the number of threads is a setting of the whole process
        self.description = f"PyTorch {torch.__version__} on {device}"

    def run(self, faces: FloatArray, heads: Sequence[str]) -> list[FloatArray]:
        """Run the network; its outputs are in the order of the heads."""
        import torch

        with self._lock, torch.inference_mode():
            before = torch.get_num_threads()
            torch.set_num_threads(self._threads or before)
            try:
                outputs = self._network(torch.from_numpy(faces).to(self._device))
            finally:
                torch.set_num_threads(before)
        return [output.cpu().numpy() for output in outputs]
