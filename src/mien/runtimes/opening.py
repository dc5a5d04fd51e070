"""Open a model file with the runtime that reads its kind."""

from __future__ import annotations

from collections.abc import Sequence

from mien.runtimes.base import CPU, ModelFile, Runtime, short_names


def open_runtime(file: ModelFile, source: str, *, threads: int = 0, providers: str | Sequence[str] = CPU) -> Runtime:
    """Open the runtime for a file.

    Args:
        file: the network.
        source: name of the file for error messages.
        threads: number of threads. 0: the runtime chooses.
        providers: execution providers, by short or ONNX Runtime's names.

    Raises:
        BundleError: the runtime cannot open the file.
        MissingExtraError: the runtime is not installed.
        InputError: the runtime does not have the provider.
    """
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
