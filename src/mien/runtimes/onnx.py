"""ONNX Runtime sessions, set up in one way for every network of the package."""

from __future__ import annotations

from typing import Any

CPU = ("CPUExecutionProvider",)


def make_session(content: bytes, *, threads: int = 0, providers: tuple[str, ...] = CPU) -> Any:
    """A session of an ONNX file's bytes; `threads` 0 leaves their number to ONNX Runtime.

    Idle threads sleep: two networks share the processor here, and by default each would spin while the other works.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what matters is raised
    return onnxruntime.InferenceSession(content, options, providers=list(providers))


def available_providers() -> tuple[str, ...]:
    """The execution providers of the installed ONNX Runtime."""
    import onnxruntime

    return tuple(onnxruntime.get_available_providers())
