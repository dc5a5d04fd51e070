"""Messages between the server and its processes, through pipes.

A message is the length of a head (4 bytes), the head as JSON, and as many bytes as the head's `bytes` says.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

_LENGTH = struct.Struct(">I")


def send(pipe: IO[bytes], head: dict[str, Any], content: bytes | bytearray = b"") -> None:
    """Write a message."""
    text = json.dumps({**head, "bytes": len(content)}).encode()
    pipe.write(_LENGTH.pack(len(text)) + text)
    pipe.write(content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Read a message; raise EOFError if the pipe ends before its end."""
    head = json.loads(_exactly(pipe, _LENGTH.unpack(_exactly(pipe, _LENGTH.size))[0]))
    return head, _exactly(pipe, head["bytes"])


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    content = pipe.read(count)
    if len(content) < count:
        raise EOFError("the other process has ended")
    return content
