"""Write files whole or not at all, and download pinned files into the user's cache. Knows no file's content."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from platformdirs import user_cache_path

from mien.errors import DownloadError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path, with the same folder and suffix, that is renamed to `path` at the end of the `with`.

    Missing parent folders are created. On an exception the temporary file is removed and `path` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, content: bytes | str) -> Path:
    """Write bytes, or text as UTF-8, whole or not at all, and return the path.

    Characters that UTF-8 cannot encode (surrogates of undecodable file names) are written as escapes, which JSON reads.

    Args:
        path: the file; missing folders are created.
        content: what it will hold.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
    return Path(path)


TIMEOUT = 30.0
"""Seconds without data after which a download fails."""


LARGEST = 64 * 2**20
"""Most bytes of a download; every file that mien downloads is smaller."""


def cache_folder(kind: str) -> Path:
    """Return the user's cache folder for a kind of file; the environment variable MIEN_CACHE sets another root."""
    root = os.environ.get("MIEN_CACHE")
    return (Path(root) if root else user_cache_path("mien", appauthor=False)) / kind


@dataclass(frozen=True)
class Download:
    """A file that can be downloaded.

    Attributes:
        name: its name in the cache.
        url: its address.
        sha256: the hash that it must have, hexadecimal.
        variable: the environment variable that replaces the address.
    """

    name: str
    url: str
    sha256: str
    variable: str

    def path(self) -> Path:
        """Return the file in the cache; download it if it is missing or has another hash.

        Raises:
            DownloadError: it cannot be downloaded or written, or has another hash.
        """
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
                error.close()  # it holds the open response
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
