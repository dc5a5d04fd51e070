"""Bodies of requests as they come: counted while they are read, in time, in memory that is counted too.

Nothing here touches the disk. What a client sends beyond a limit is thrown away for a while before it is told, because
a connection that is closed while it sends would lose the answer.
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

PATIENCE = 5.0
"""Seconds for which what is too much is read on and thrown away, ..."""
THROWN_AWAY = 50_000_000
"""... and bytes."""

MOST_PARTS = 4
"""Parts beside the files that a form may hold; they are skipped."""


Take = Callable[[int], None]


class UploadMemory:
    """Counts the bytes of all bodies that are held, and refuses more than `limit` of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    @contextmanager
    def lease(self) -> Iterator[Take]:
        """A function that takes so many bytes more, or raises a 503; leaving gives all of them back."""
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if self.held + count > self.limit:
                raise ProblemError(
                    503,
                    f"bodies: the {self.limit:,} bytes that may be held at the same time are taken. Come again",
                    "busy",
                    {"Retry-After": "1", **CLOSE},
                )
            self.held += count
            taken += count

        try:
            yield take
        finally:
            self.held -= taken


async def chunks(request: Request, limit: int, seconds: float, what: str) -> AsyncIterator[bytes]:
    """The pieces of a body of at most `limit` bytes that comes within `seconds`; raises 408, 411 or 413.

    `what` names it in messages. A client that goes away raises ClientDisconnect.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        await _throw_away(request)
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
                await _throw_away(request)
                raise too_large(what, limit, "more", **CLOSE)
            if piece:
                yield piece


async def _throw_away(request: Request) -> None:
    """Reads what a client sends on, within reason; one that waits to be asked is not asked."""
    if request.headers.get("expect", "").lower() == "100-continue":
        return
    thrown = 0
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(PATIENCE):
            while thrown < THROWN_AWAY:
                message = await request.receive()
                thrown += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


class Sink(Protocol):
    """Where a file of a form goes, piece by piece."""

    def write(self, data: bytes, /) -> Any: ...


class BytesSink:
    """A sink in memory."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> None:
        self.content += data


S = TypeVar("S", bound=Sink)


@dataclass(frozen=True)
class FormFile(Generic[S]):
    """A file of a form: the client's name for it, and where it went."""

    name: str
    sink: S


class FormParser(Generic[S]):
    """Takes the pieces of a multipart/form-data body; each file goes to a sink that `open_sink` makes for its name.

    Only file parts called `field` count; text parts are skipped. Raises a 422 for what is no such body.
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
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _no_form(str(error)) from error

    def finish(self) -> list[FormFile[S]]:
        """The files, when all has come."""
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
            if self._skipped > MOST_PARTS:
                raise ProblemError(422, f"form: expected parts called {self._field!r}, got others", "input", CLOSE)
            return
        if len(self.files) >= self._most:
            raise ProblemError(
                413, f"form: expected at most {self._most} files, got more. Send them apart", "too-large", CLOSE
            )
        name = label_of(options[b"filename"].decode(errors="replace"))
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
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def label_of(name: str) -> str:
    """A client's name for a file as a label: its last part, without what cannot be printed, not too long.

    It is shown and written into documents, and never used as a path.
    """
    last = re.split(r"[/\\]", name)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:200]
