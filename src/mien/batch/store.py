"""Write the output folder, on this machine or in an object store. Files are written atomically."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from mien.batch.sources import is_local, open_filesystem
from mien.errors import InputError
from mien.files import write_atomically

PUTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "memory"})
"""Stores that write files atomically; in others a file is written under another name and then moved."""


class Store:
    """Access a folder by its path or address; it need not exist.

    Raises:
        InputError: the address is unknown, or the path is a file.
        MissingExtraError: the client of the address is not installed.
    """

    def __init__(self, url: str) -> None:
        self._system, self._root = open_filesystem(url.rstrip("/") or url)
        self._local = is_local(self._system)
        self.url = self._root if self._local else url.rstrip("/")
        if self._local and Path(self._root).is_file():
            raise InputError(f"{url}: expected a folder to write, got a file. Choose another")

    def names(self, folder: str = "") -> list[str]:
        """Return the sorted names of the files in the folder, or in a subfolder; [] if it does not exist.

        Hidden files are ignored: they are incomplete, or not written by mien.
        """
        path = self._path(folder)
        self._system.invalidate_cache()
        try:
            return sorted(
                name
                for each in self._system.ls(path, detail=True)
                if each["type"] == "file" and not (name := PurePosixPath(each["name"]).name).startswith(".")
            )
        except FileNotFoundError:
            return []

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None if it does not exist."""
        try:
            return bytes(self._system.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        """Return whether a file exists now."""
        self._system.invalidate_cache()
        return bool(self._system.exists(self._path(name)))

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically, and replace an existing one.

        Raises:
            OSError: the store fails.
        """
        path = self._path(name)
        if self._local:
            write_atomically(path, content)
        elif PUTS.intersection(self._protocols()):
            self._system.pipe_file(path, content)
        else:
            self._system.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            temporary = f"{self._path('')}/.{uuid4().hex}"
            self._system.pipe_file(temporary, content)
            self._system.mv(temporary, path)

    def delete_hidden(self) -> None:
        """Remove the incomplete hidden files of killed processes, on a local disk only."""
        if self._local:
            for pattern in (".part-*.parquet", "._manifest-*.json", "_plan/.*.parquet"):
                for file in Path(self._root).glob(pattern):
                    file.unlink(missing_ok=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _protocols(self) -> tuple[str, ...]:
        protocol: Any = self._system.protocol
        return (protocol,) if isinstance(protocol, str) else tuple(protocol)
