"""Clients that mean ill, or fare ill, on real connections: nothing falls, and the next request is served."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2 as httpx
import pytest

from helpers.service_client import JPEG, READY, Address, png, running
from mien.serve.protocol import MAX_HEAD

pytestmark = pytest.mark.slow

IDLE = 1000


@pytest.fixture(scope="module")
def server(bundle_file: str) -> Iterator[Address]:
    with running(
        model=bundle_file, head_seconds=1.0, body_seconds=1.0, idle_seconds=1.0, max_body=3_000_000, max_frame=10_000
    ) as address:
        yield address


@pytest.fixture(autouse=True)
def still_serves(server: Address) -> Iterator[None]:
    """After each of these tests."""
    yield
    response = httpx.post(f"{server.url}/v1/faces", content=png(8, 8), headers=JPEG, timeout=READY)
    assert response.status_code == 200
    assert server.app.state.memory.held == 0
    assert server.app.state.engine.admitted == 0


def connect(server: Address) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=READY)
    connection.settimeout(READY)
    return connection


def head(length: int | None = None, *more: str, path: str = "/v1/faces") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: image/png", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def everything(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    received = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not piece:
            return received
        received += piece


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_picture_over_a_real_connection(server: Address) -> None:
    with httpx.Client() as client:
        for _ in range(3):
            response = client.post(f"{server.url}/v1/faces", files={"images": ("a.png", png(8, 8))})
            assert response.json()["images"][0]["source"] == "a.png"


def test_a_socket_that_says_nothing_is_closed(server: Address) -> None:
    with connect(server) as connection:
        assert everything(connection) == b""


def test_a_head_letter_by_letter_is_closed(server: Address) -> None:
    began = time.monotonic()
    with connect(server) as connection:
        try:
            for letter in head(8):
                connection.sendall(bytes([letter]))
                time.sleep(0.04)
        except OSError:
            pass
        assert everything(connection) == b""
    assert time.monotonic() - began < 5


def test_a_thousand_idle_sockets(server: Address) -> None:
    """They are there all at once, and a request is answered beside them."""
    connections = [connect(server) for _ in range(IDLE)]
    try:
        response = httpx.post(f"{server.url}/v1/faces", content=png(8, 8), headers=JPEG, timeout=READY)
        assert response.status_code == 200
        assert all(everything(connection) == b"" for connection in connections)
    finally:
        for connection in connections:
            connection.close()


def test_a_connection_without_another_request_is_closed(server: Address) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert everything(connection).endswith(b'{"status":"ok"}')


def test_the_second_head_has_its_time_too(server: Address) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP")
        assert everything(connection).count(b"200 OK") == 1


@pytest.mark.parametrize("more", [MAX_HEAD - 1000, MAX_HEAD + 1000])
def test_bytes_of_a_head(server: Address, more: int) -> None:
    with connect(server) as connection:
        lines = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 992) for number in range(more // 1000))
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + lines)
        time.sleep(0.1)
        with suppress(OSError):
            connection.sendall(b"\r\n")
        assert status_of(everything(connection)) == (200 if more < MAX_HEAD else 431)


def test_a_body_that_does_not_come(server: Address) -> None:
    with connect(server) as connection:
        connection.sendall(head(1000) + b"half")
        answer = everything(connection)
    assert status_of(answer) == 408
    assert "within 1 s, got 4 bytes" in json.loads(answer.split(b"\r\n\r\n", 1)[1])["detail"]


def test_a_body_drop_by_drop(server: Address) -> None:
    with connect(server) as connection:
        connection.sendall(head(100_000))
        try:
            for _ in range(100):
                connection.sendall(b"a")
                time.sleep(0.04)
        except OSError:
            pass
        assert status_of(everything(connection)) == 408


def test_half_a_body_and_away(server: Address) -> None:
    before = server.app.state.metrics.requests.labels("POST", "/v1/faces", "499")._value.get()
    for _ in range(20):
        with connect(server) as connection:
            connection.sendall(head(100_000) + b"a" * 50_000)
    end = time.monotonic() + READY
    while server.app.state.metrics.requests.labels("POST", "/v1/faces", "499")._value.get() < before + 20:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_body_that_is_too_large_is_told_so(server: Address) -> None:
    """The answer arrives, although the client sends all before it listens."""
    for content in (b"a" * 6_000_000, iter([b"a" * 1_000_000] * 6)):
        response = httpx.post(f"{server.url}/v1/faces", content=content, headers=JPEG, timeout=READY)
        assert response.status_code == 413


def test_who_waits_to_be_asked_for_a_large_body_is_not_asked(server: Address) -> None:
    with connect(server) as connection:
        connection.sendall(head(3_000_001, "Expect: 100-continue"))
        answer = everything(connection)
    assert status_of(answer) == 413
    assert b"100 Continue" not in answer


def test_a_body_without_end(server: Address) -> None:
    with connect(server) as connection:
        connection.sendall(head(None, "Transfer-Encoding: chunked"))
        piece = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
        try:
            for _ in range(200):
                connection.sendall(piece)
        except OSError:
            pass
        assert everything(connection)[:12] in (b"HTTP/1.1 413", b"")


@pytest.mark.parametrize(
    "request_",
    [
        b"words\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /%00%ff%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_is_no_request(server: Address, request_: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(request_)
        answer = everything(connection)
    assert not answer or 400 <= status_of(answer) < 500


def test_a_client_that_does_not_read(server: Address) -> None:
    """It asks for the page again and again and takes nothing."""
    with connect(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.settimeout(0.5)
        try:
            for _ in range(2000):
                connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        except OSError:
            pass


async def upgraded(server: Address, *headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """A WebSocket by hand, as far as the answer's head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET /v1/stream HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade", *headers]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    writer.write("\r\n".join(lines).encode())
    return reader, writer, await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READY)


def frame(content: bytes) -> bytes:
    """A binary message of a client, masked with zeros."""
    size = len(content)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return b"\x82" + length + b"\0\0\0\0" + content


async def message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and content of a message of the server."""
    first, second = await asyncio.wait_for(reader.readexactly(2), READY)
    length = second & 127
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    return first & 15, await reader.readexactly(length)


def padded(size: int) -> bytes:
    return png(8, 8) + b"\0" * (size - len(png(8, 8)))


def test_bytes_of_a_frame(server: Address) -> None:
    async def run() -> None:
        reader, writer, answer = await upgraded(server)
        assert answer.startswith(b"HTTP/1.1 101")
        assert b"permessage-deflate" not in answer
        writer.write(frame(padded(10_000)))
        kind, content = await message(reader)
        assert (kind, json.loads(content)["frame"]) == (1, 0)
        writer.write(frame(padded(10_001)))
        kind, content = await message(reader)
        assert (kind, int.from_bytes(content[:2], "big")) == (8, 1009)
        writer.close()

    asyncio.run(run())


def test_a_page_of_another_site_gets_no_stream(server: Address) -> None:
    async def run() -> None:
        _, writer, answer = await upgraded(server, "Origin: http://example.com")
        assert answer.startswith(b"HTTP/1.1 403")
        assert b"application/problem+json" in answer
        writer.close()

    asyncio.run(run())


def test_streams_that_break_off_are_forgotten(server: Address) -> None:
    async def run() -> None:
        for _ in range(20):
            _, writer, _ = await upgraded(server)
            writer.write(frame(png(8, 8))[:30])
            writer.transport.abort()

    asyncio.run(run())
    end = time.monotonic() + READY
    while server.app.state.engine.streams:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_many_at_once(bundle_file: str) -> None:
    """128 clients, nobody is turned away."""

    async def run(url: str) -> list[Any]:
        limits = httpx.Limits(max_connections=128)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:
            return await asyncio.gather(*(client.post(url, content=png(8, 8), headers=JPEG) for _ in range(128)))

    with running(model=bundle_file) as address:
        responses = asyncio.run(run(f"{address.url}/v1/faces"))
    assert {response.status_code for response in responses} == {200}
