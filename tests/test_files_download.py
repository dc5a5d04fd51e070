"""Fetching pinned files, from a server on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mien.detection.registry import make_detector
from mien.detection.yunet import YuNet
from mien.errors import DownloadError
from mien.files import Download, cache_folder

PAYLOAD = bytes(range(256)) * 300


class Server(ThreadingHTTPServer):
    hits = 0
    daemon_threads = False  # so that closing it waits for the last answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.hits += 1
        if self.path == "/nonsense":
            self.wfile.write(b"what?\r\n\r\n")
            return
        self.send_response(200 if self.path in ("/good", "/other", "/cut") else 404)
        body = {"/good": PAYLOAD, "/other": PAYLOAD[::-1], "/cut": PAYLOAD[:1000]}.get(self.path, b"")
        self.send_header("Content-Length", str(len(PAYLOAD) if body else 0))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def pinned(url: str) -> Download:
    return Download(name="thing.bin", url=url, sha256=hashlib.sha256(PAYLOAD).hexdigest(), variable="MIEN_TEST_URL")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_fetched_once(server: Server, own_cache: Path) -> None:
    download = pinned(server.url + "/good")
    path = download.path()
    assert path.read_bytes() == PAYLOAD
    assert path.is_relative_to(own_cache)
    assert download.path() == path
    assert server.hits == 1


def test_a_damaged_cache_is_fetched_anew(server: Server) -> None:
    download = pinned(server.url + "/good")
    download.path().write_bytes(b"damaged")
    assert download.path().read_bytes() == PAYLOAD
    assert server.hits == 2


def test_a_file_put_there_by_hand_needs_no_server(own_cache: Path) -> None:
    path = cache_folder("detectors") / "thing.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(PAYLOAD)
    assert pinned("http://127.0.0.1:9/nobody").path() == path


def test_the_variable_names_a_mirror(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_TEST_URL", server.url + "/good")
    assert pinned("http://127.0.0.1:9/nobody").path().read_bytes() == PAYLOAD


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("/other", "SHA-256"),
        ("/cut", "cut short|Incomplete"),
        ("/missing", "404"),
        ("/nonsense", "could not be fetched"),
    ],
)
def test_nothing_bad_is_kept(page: str, words: str, server: Server, own_cache: Path) -> None:
    with pytest.raises(DownloadError, match=words) as caught:
        pinned(server.url + page).path()
    assert server.url + page in str(caught.value)
    assert str(own_cache / "detectors" / "thing.bin") in str(caught.value)  # where to put it by hand
    assert files(own_cache) == []


def test_too_large(server: Server, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    monkeypatch.setattr("mien.files.LARGEST", 1000)
    with pytest.raises(DownloadError):
        pinned(server.url + "/good").path()
    assert files(own_cache) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "file:///etc/hosts", "nonsense"])
def test_no_server_and_no_address(url: str) -> None:
    with pytest.raises(DownloadError, match="by hand"):
        pinned(url).path()


def test_a_cache_that_cannot_be_written(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match="MIEN_CACHE"):
        pinned(server.url + "/good").path()


def test_yunet_without_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    monkeypatch.setenv("MIEN_YUNET_URL", "http://127.0.0.1:9/yunet.onnx")
    with pytest.raises(DownloadError, match="by hand") as caught:
        make_detector("yunet")
    assert str(own_cache / "detectors" / YuNet.FILE.name) in str(caught.value)
    assert "http://127.0.0.1:9/yunet.onnx" in str(caught.value)
