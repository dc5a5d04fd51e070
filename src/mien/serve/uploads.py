"""Read the bodies of requests within limits of size, time and memory.

Nothing here touches the disk. When a body exceeds its limit, the rest is read and discarded for a while before the
error is answered, because a client that is still sending when the connection closes would lose the answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from mien.serve.problems import CLOSE, ProblemError, too_large

DISCARD_SECONDS = 5.0
"""Most seconds for which the rest of a too large body is read and discarded."""
DISCARD_BYTES = 50_000_000
"""Most bytes of the rest that are read and discarded."""

MAX_OTHER_PARTS = 4
"""Most parts of a form that are no files; they are skipped."""


Reserve = Callable[[int], None]


class UploadMemory:
    """A budget for the bytes of all request bodies that are in memory at the same time; `limit` is the most."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    @contextmanager
    def reserve(self) -> Iterator[Reserve]:
        """Yield a function that reserves a number of bytes, or raises a 503; the end of the `with` frees them all."""
        taken = 0

        def reserve(count: int) -> None:
            nonlocal taken
            if self.held + count > self.limit:
                raise ProblemError(
                    503,
                    f"bodies: the {self.limit:,} bytes that may be held at the same time are taken. Try again later",
                    "busy",
                    {"Retry-After": "1", **CLOSE},
                )
            self.held += count
            taken += count

        try:
            yield reserve
        finally:
            self.held -= taken


async def chunks(request: Request, limit: int, seconds: float, what: str) -> AsyncIterator[bytes]:
    """Yield the pieces of a request's body.

    Args:
        request: the request.
        limit: most bytes of the body.
        seconds: most seconds until it has arrived.
        what: its name in messages.

    Raises:
        ProblemError: 408, it is too slow; 413, it is too large.
        ClientDisconnect: the client has disconnected.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        await _discard_rest(request)
        raise too_large(what, limit, f"{int(declared):,}", **CLOSE)
    received = 0
    deadline = asyncio.get_running_loop().time() + seconds
    async with aclosing(request.stream()) as stream:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    piece = await anext(stream, None)
            except TimeoutError:
                raise ProblemError(
                    408, f"{what}: expected all of it within {seconds:g} s, got {received:,} bytes", "slow", CLOSE
                ) from None
            if piece is None:
                return
            received += len(piece)
            if received > limit:
                await _discard_rest(request)
                raise too_large(what, limit, "more", **CLOSE)
            if piece:
                yield piece


async def _discard_rest(request: Request) -> None:
    """Read and discard the rest of a body, within limits; a client that waits for 100 Continue sends nothing more."""
    if request.headers.get("expect", "").lower() == "100-continue":
        return
    discarded = 0
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DISCARD_SECONDS):
            while discarded < DISCARD_BYTES:
                message = await request.receive()
                discarded += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


class Sink(Protocol):
    """The destination of an uploaded file."""

    def write(self, data: bytes, /) -> Any:
        """Append a piece."""
        ...


class BytesSink:
    """A sink in memory; `content` holds what was written."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> None:
        """Append a piece."""
        self.content += data


S = TypeVar("S", bound=Sink)


@dataclass(frozen=True)
class FormFile(Generic[S]):
    """An uploaded file of a form.

    Attributes:
        name: the client's name for it.
        sink: where it was written.
    """

    name: str
    sink: S


class FormParser(Generic[S]):
    """Parse a multipart/form-data body piece by piece; only its file parts called `field` are kept.

    Args:
        content_type: the request's Content-Type, with the boundary.
        field: the name of the file parts.
        most: most files.
        open_sink: returns the destination of a file.

    Raises:
        ProblemError: 422, the body is no valid form; 413, it has too many files.
    """

    def __init__(self, content_type: str, field: str, most: int, open_sink: Callable[[], S]) -> None:
        self.files: list[FormFile[S]] = []
        self._field, self._most, self._open_sink = field, most, open_sink
        self._headers: dict[str, bytes] = {}
        self._name, self._value = b"", b""
        self._part: FormFile[S] | None = None
        self._skipped = 0
        self._ended = False
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise _no_form("its content type names no boundary")
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise _no_form(str(error)) from error

    def write(self, data: bytes) -> None:
        """Parse a piece of the body."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _no_form(str(error)) from error

    def finish(self) -> list[FormFile[S]]:
        """Return the files after the last piece; raise a 422 (ProblemError) if the form is incomplete or has none."""
        if not self._ended:
            raise _no_form("it ends before its last boundary")
        if not self.files:
            raise ProblemError(
                422, f"form: expected a file in a part called {self._field!r}, got none. Name the part so", "input"
            )
        return self.files

    def _begin(self) -> None:
        self._headers, self._part = {}, None

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get("content-disposition", b""))
        field = options.get(b"name", b"").decode(errors="replace")
        if kind != b"form-data" or field != self._field or b"filename" not in options:
            self._skipped += 1
            if self._skipped > MAX_OTHER_PARTS:
                raise ProblemError(422, f"form: expected parts called {self._field!r}, got others", "input", CLOSE)
            return
        if len(self.files) >= self._most:
            raise ProblemError(
                413, f"form: expected at most {self._most} files, got more. Send them apart", "too-large", CLOSE
            )
        name = printable_name(options[b"filename"].decode(errors="replace"))
        self._part = FormFile(name, self._open_sink())
        self.files.append(self._part)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part is not None:
            self._part.sink.write(data[start:end])

    def _end(self) -> None:
        self._ended = True


def _no_form(reason: str) -> ProblemError:
    return ProblemError(
        422, f"form: expected a multipart/form-data body, got one that is damaged: {reason}", "input", CLOSE
    )


def media_type(request: Request) -> str:
    """Return the media type of a request's body in lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def printable_name(name: str) -> str:
    """Return a client's name for a file as a label: its last part, printable characters only, at most 200.

    It is shown and written into documents, and never used as a path.
    """
    last = re.split(r"[/\\]", name)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:200]
