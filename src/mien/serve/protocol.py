"""Limit the time and the size of a request's head, in addition to uvicorn's limits.

uvicorn limits the time between requests, but not the time until the head of a request is complete: connections that
send nothing, or one byte a minute, would stay open.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 65_536
"""Most bytes of a request's first line and headers."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/problem+json\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s"
)
_DETAIL = (
    b'{"type": "urn:mien:too-large", "title": "Request Header Fields Too Large", "status": 431, '
    b'"detail": "head: expected at most 65,536 bytes, got more. Send fewer or shorter headers"}'
)


class HeadTimeoutProtocol(HttpToolsProtocol):
    """HTTP/1.1 on httptools, with a time limit for the head of a request.

    Args:
        head_seconds: seconds after which a connection with an incomplete head is closed.
    """

    def __init__(self, *arguments: Any, head_seconds: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_seconds = head_seconds
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer of the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._head_has_come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer 431 if the head is larger than MAX_HEAD."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE % (len(_DETAIL), _DETAIL))
            self.transport.close()

    def on_message_begin(self) -> None:
        """Start the timer of a further request's head."""
        super().on_message_begin()
        if self._head_timer is None:  # not the first request of this connection
            self._await_head()

    def on_headers_complete(self) -> None:
        """Stop the timer."""
        self._head_has_come()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with problem details, and close the connection."""
        detail = f"expected an HTTP/1.1 request, got something else ({msg.rstrip('.')}). Check the client"
        content = json.dumps(
            {"type": "urn:mien:http", "title": "Bad Request", "status": 400, "detail": detail}
        ).encode()
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(content), content)
        )
        self.transport.close()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self._head_seconds, self.transport.close)

    def _head_has_come(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
