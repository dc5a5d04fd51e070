"""Run ONNX files by ONNX Runtime, with the same session settings for every network of the package."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from mien.errors import InputError
from mien.runtimes.base import CPU, PROVIDERS, FloatArray, ModelFile, unreadable_file_error

METADATA_KEY = "mien"
OPENVINO_THREADS = '{"CPU": {"INFERENCE_NUM_THREADS": %d}}'
"""Threads of OpenVINO inside ONNX Runtime, which the session's options do not set."""


class OnnxRuntime:
    """Run an ONNX file; its metadata is the property `mien`."""

    def __init__(self, file: ModelFile, source: str, threads: int, providers: tuple[str, ...]) -> None:
        import onnxruntime

        missing = [name for name in providers if PROVIDERS[name] not in onnxruntime.get_available_providers()]
        if missing:
            raise InputError(
                f"providers: {', '.join(missing)} is not in the installed ONNX Runtime, which has "
                f"{', '.join(available())}. Install the onnxruntime package that brings it (onnxruntime-gpu, "
                "onnxruntime-openvino, ...) in the place of this one, or choose one of these"
            )
        try:
            self._session = make_session(file.content, threads=threads, providers=providers)
            self.metadata = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        except Exception as error:  # ONNX Runtime has no common base for its errors
            raise unreadable_file_error(source, "ONNX Runtime", error) from error
        used = [name for name, long in PROVIDERS.items() if long in self._session.get_providers()]
        if providers[0] not in used:  # its libraries are missing, and ONNX Runtime silently uses others
            raise InputError(
                f"providers: ONNX Runtime cannot start {providers[0]} on this machine and would use "
                f"{', '.join(used)}. Check its drivers and libraries, or choose another"
            )
        self.description = f"ONNX Runtime {onnxruntime.__version__} on {providers[0]}"

    def run(self, faces: FloatArray, heads: Sequence[str]) -> list[FloatArray]:
        return self._session.run(list(heads), {"faces": faces})  # type: ignore[no-any-return]


_shared_memory = threading.Event()
_keeps_nothing = threading.Event()


def share_memory() -> None:
    """Let the sessions that are made from now on in this process share one arena of memory.

    Otherwise each keeps the most that it ever needed, also while others run.
    """
    import onnxruntime

    if not _shared_memory.is_set():
        kind = onnxruntime.OrtMemoryInfo(
            "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
        )
        onnxruntime.create_and_register_allocator(kind, onnxruntime.OrtArenaCfg({}))
        _shared_memory.set()


def keep_no_memory() -> None:
    """Let the sessions that are made from now on in this process give back the memory of a run when it ends."""
    _keeps_nothing.set()


def make_session(content: bytes, *, threads: int = 0, providers: Sequence[str] = CPU) -> Any:
    """Create a session for the bytes of an ONNX file.

    Idle threads sleep: two networks share the CPU here, and by default each would spin while the other runs.

    Args:
        content: the bytes.
        threads: number of threads. 0: ONNX Runtime chooses.
        providers: short names of execution providers.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # it would keep a plan for each size of picture, and memory with it
    options.enable_cpu_mem_arena = not _keeps_nothing.is_set()
    if _shared_memory.is_set():
        options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 4  # errors are raised
    own = {"openvino": {"load_config": OPENVINO_THREADS % threads}} if threads else {}
    return onnxruntime.InferenceSession(
        content,
        options,
        providers=[PROVIDERS[name] for name in providers],
        provider_options=[own.get(name, {}) for name in providers],
        enable_fallback=0,  # which would print to standard output, and use another provider in silence
    )


def available() -> tuple[str, ...]:
    """Return the providers of the installed ONNX Runtime, by short names where they have one."""
    import onnxruntime

    short = {long: name for name, long in PROVIDERS.items()}
    return tuple(short.get(name, name) for name in onnxruntime.get_available_providers())
