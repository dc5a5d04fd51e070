"""A plain file server for the benchmark's page, which remembers what was asked for; and pictures as a camera."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import cv2
import numpy as np
import numpy.typing as npt

from mien.images import load_image


class Site:
    """Folders under the first part of the address, on a port of this machine."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self.folders = folders
        self.asked: list[str] = []
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def translate_path(self, path: str) -> str:
                return str(site.file_of(path))

            def do_GET(self) -> None:
                site.asked.append(self.path)
                super().do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def file_of(self, path: str) -> Path:
        """The file of an address; one that does not exist where there is none."""
        first, _, rest = unquote(urlsplit(path).path).lstrip("/").partition("/")
        folder = self.folders.get(first)
        return folder / rest if folder is not None and ".." not in rest else Path("/nowhere")

    def packed(self, paths: list[str]) -> dict[str, int]:
        """Bytes of the files under these addresses as a server that packs by gzip sends them."""
        return {path: packed_size(self.file_of(path)) for path in dict.fromkeys(paths)}

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()


def packed_size(file: Path) -> int:
    """Bytes of a file, packed by gzip unless it is already."""
    content = file.read_bytes()
    return len(content) if content[:2] == b"\x1f\x8b" else len(gzip.compress(content, 9))


@contextmanager
def serving(folders: dict[str, Path]) -> Iterator[Site]:
    """A site, closed at the end."""
    site = Site(folders)
    try:
        yield site
    finally:
        site.close()


def write_camera(path: Path, portrait: Path, frames: int = 60, rate: int = 60) -> list[npt.NDArray[np.uint8]]:
    """Write 1280 x 720 frames in which a portrait moves slowly before a noisy wall, as Y4M; return them as RGB."""
    side = 620
    face = cv2.resize(load_image(portrait), (side, side), interpolation=cv2.INTER_AREA)
    random = np.random.default_rng(1)
    wall = cv2.GaussianBlur(random.integers(90, 160, (720, 1280, 3), dtype=np.uint8), (0, 0), 6)
    pictures = []
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W1280 H720 F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(frames):
            frame = wall.copy()
            left = round(330 + 60 * np.sin(2 * np.pi * number / frames))
            frame[60 : 60 + side, left : left + side] = face
            noisy = np.clip(frame.astype(np.int16) + random.integers(-3, 4, frame.shape), 0, 255).astype(np.uint8)
            pictures.append(noisy)
            file.write(b"FRAME\n" + cv2.cvtColor(noisy, cv2.COLOR_RGB2YUV_I420).tobytes())
    return pictures
