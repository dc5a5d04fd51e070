"""Files fetched on request, once: pinned by their SHA-256 and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from platformdirs import user_cache_path

from mien.errors import DownloadError
from mien.files import write_atomically

TIMEOUT = 30.0
"""Seconds without an answer after which a download is given up."""

LARGEST = 64 * 2**20
"""Bytes after which a download is given up: nothing that mien fetches is that large."""


def cache_folder(kind: str) -> Path:
    """The user's cache folder for one kind of file; the variable MIEN_CACHE moves it."""
    root = os.environ.get("MIEN_CACHE")
    return (Path(root) if root else user_cache_path("mien", appauthor=False)) / kind


@dataclass(frozen=True)
class Download:
    """One file: where it comes from, and the SHA-256 that it must have. The environment `variable` replaces the URL."""

    name: str
    url: str
    sha256: str
    variable: str

    def path(self) -> Path:
        """The file in the cache, fetched if it is not there or not the pinned one. Raises DownloadError."""
        target = cache_folder("detectors") / self.name
        if target.is_file() and self._is_pinned(target.read_bytes()):
            return target
        url = os.environ.get(self.variable) or self.url
        by_hand = f"With no network, put the file there by hand: {target} (SHA-256 {self.sha256})."
        if not url.startswith(("https://", "http://")):
            raise DownloadError(
                f"{self.variable}: expected an address with https:// or http://, got {url!r}. {by_hand}"
            )
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                content: bytes = answer.read(LARGEST + 1)
                announced = answer.headers.get("Content-Length")
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, HTTPError):
                error.close()  # it is an open answer too
            raise DownloadError(f"{self.name} could not be fetched from {url}: {error}. {by_hand}") from error
        if announced is not None and announced.isdigit() and len(content) < int(announced) <= LARGEST:
            raise DownloadError(
                f"{url}: expected {announced} bytes, got {len(content)}: cut short. Try again. {by_hand}"
            )
        if not self._is_pinned(content):
            got = hashlib.sha256(content).hexdigest()
            raise DownloadError(
                f"{url}: expected the file with SHA-256 {self.sha256}, got {len(content):,} bytes with {got}; "
                f"nothing was kept. {by_hand}"
            )
        try:
            return write_atomically(target, content)
        except OSError as error:
            raise DownloadError(f"{target} cannot be written: {error}. Set MIEN_CACHE to another folder") from error

    def _is_pinned(self, content: bytes) -> bool:
        return hashlib.sha256(content).hexdigest() == self.sha256
