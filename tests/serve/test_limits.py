"""Every limit at its edge: what just fits passes, one more does not."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from helpers.service_client import JPEG, png, problem, serving
from mien.serve.middleware.buckets import MOST_CLIENTS, TokenBuckets
from mien.serve.problems import ProblemError
from mien.serve.uploads import UploadMemory

pytestmark = pytest.mark.slow


def padded(size: int) -> bytes:
    """A picture whose file has exactly so many bytes: PNG readers ignore what follows the end."""
    content = png(8, 8)
    return content + b"\0" * (size - len(content))


def chunked(content: bytes) -> Any:
    """Without a declared length."""
    yield from (content[start : start + 997] for start in range(0, len(content), 997))


@pytest.mark.parametrize("how", [lambda content: content, chunked])
def test_bytes_of_a_body(bundle_file: str, how: Any) -> None:
    with serving(model=bundle_file, max_body=10_000) as client:
        assert client.post("/v1/faces", content=how(padded(10_000)), headers=JPEG).status_code == 200
        response = client.post("/v1/faces", content=how(padded(10_001)), headers=JPEG)
        values = problem(response, 413)
        assert values["type"] == "urn:mien:too-large"
        assert "expected at most 10,000 bytes" in values["detail"]
        assert response.headers["connection"] == "close"


def test_bytes_of_a_form(bundle_file: str) -> None:
    frame = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n%s\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with serving(model=bundle_file, max_body=10_000) as client:
        body = frame % padded(10_000 - len(frame) + 2)
        assert len(body) == 10_000
        assert client.post("/v1/faces", content=body, headers=kind).status_code == 200
        problem(client.post("/v1/faces", content=body + b"\n", headers=kind), 413)


def test_pixels(bundle_file: str) -> None:
    with serving(model=bundle_file, max_pixels=200) as client:
        assert client.post("/v1/faces", content=png(20, 10), headers=JPEG).status_code == 200
        values = problem(client.post("/v1/faces", content=png(67, 3), headers=JPEG), 422)
        assert "expected at most 200 pixels, got 67 x 3 = 201" in values["errors"][0]["reason"]


def test_a_decompression_bomb_is_not_decoded(client: TestClient) -> None:
    """30,000 x 30,000 pixels in a few bytes: only the header is read."""
    import struct
    import zlib

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    bomb += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    assert "pixels" in problem(client.post("/v1/faces", content=bomb, headers=JPEG), 422)["detail"]


def test_pictures_of_a_request(bundle_file: str) -> None:
    with serving(model=bundle_file, max_images=3) as client:
        files = [("images", (f"{k}.png", png(8, 8))) for k in range(4)]
        assert client.post("/v1/faces", files=files[:3]).status_code == 200
        assert "at most 3 files" in problem(client.post("/v1/faces", files=files), 413)["detail"]


def test_other_parts_of_a_form(client: TestClient) -> None:
    files = [("images", ("a.png", png(8, 8)))]
    assert client.post("/v1/faces", files=files, data={str(k): "x" for k in range(4)}).status_code == 200
    problem(client.post("/v1/faces", files=files, data={str(k): "x" for k in range(5)}), 422)


def test_pictures_that_wait(bundle_file: str) -> None:
    with serving(model=bundle_file, queue=3) as client:
        files = [("images", (f"{k}.png", png(8, 8))) for k in range(4)]
        assert client.post("/v1/faces", files=files[:3]).status_code == 200
        response = client.post("/v1/faces", files=files)
        assert problem(response, 503)["type"] == "urn:mien:busy"
        assert int(response.headers["retry-after"]) >= 1
        assert client.post("/v1/faces", files=files[:3]).status_code == 200  # the places are free again


def test_memory_of_bodies() -> None:
    memory = UploadMemory(100)
    with memory.reserve() as reserve, memory.reserve() as other:
        reserve(60)
        other(40)
        with pytest.raises(ProblemError, match="the 100 bytes that may be held") as caught:
            reserve(1)
        assert caught.value.status == 503
        assert caught.value.headers["Retry-After"] == "1"
    assert memory.held == 0


def test_memory_of_bodies_in_requests(bundle_file: str) -> None:
    with serving(model=bundle_file, max_memory=1000) as client:
        assert client.post("/v1/faces", content=padded(1000), headers=JPEG).status_code == 200
        problem(client.post("/v1/faces", content=padded(1001), headers=JPEG), 503)
        assert client.post("/v1/faces", content=padded(1000), headers=JPEG).status_code == 200


def test_requests_of_a_minute(bundle_file: str) -> None:
    with serving(model=bundle_file, rate=3) as client:
        assert [client.get("/v1/models").status_code for _ in range(3)] == [200] * 3
        response = client.get("/v1/models")
        assert "at most 3 requests in a minute" in problem(response, 429)["detail"]
        assert 18 <= int(response.headers["retry-after"]) <= 20
        assert client.get("/healthz").status_code == 200  # the probes are not counted
    with serving(model=bundle_file, rate=0) as client:
        assert [client.get("/v1/models").status_code for _ in range(20)] == [200] * 20


def test_a_bucket_fills_evenly() -> None:
    now = 0.0
    buckets = TokenBuckets(60, lambda: now)
    assert [buckets.take("a") for _ in range(60)] == [0] * 60
    assert buckets.take("a") == pytest.approx(1)
    assert buckets.take("b") == 0  # each client has its own
    now = 0.999
    assert buckets.take("a") == pytest.approx(0.001)
    now = 1.0
    assert buckets.take("a") == 0
    assert buckets.take("a") == pytest.approx(1)
    now = 1000.0
    assert [buckets.take("a") for _ in range(61)][-1] > 0  # never more than a minute's


def test_clients_are_forgotten() -> None:
    buckets = TokenBuckets(1, lambda: 0.0)
    buckets.take("first")
    assert buckets.take("first") > 0
    for k in range(MOST_CLIENTS):
        buckets.take(str(k))
    assert buckets.take("first") == 0
    assert len(buckets._buckets) == MOST_CLIENTS
