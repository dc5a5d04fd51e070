"""The folder that is written, here or in an object store. A file in it is whole or not there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from mien.batch.sources import is_local, open_place
from mien.errors import InputError
from mien.files import write_atomically

PUTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "memory"})
"""Stores where a file appears with its last byte; elsewhere it is written under another name and then moved."""


class Store:
    """A folder by its path or address; it need not be there yet. Raises InputError or MissingExtraError."""

    def __init__(self, url: str) -> None:
        self._system, self._root = open_place(url.rstrip("/") or url)
        self._local = is_local(self._system)
        self.url = self._root if self._local else url.rstrip("/")
        if self._local and Path(self._root).is_file():
            raise InputError(f"{url}: expected a folder to write, got a file. Name another")

    def names(self, folder: str = "") -> list[str]:
        """The names of the files in it, or in a folder in it, sorted; none where there is no such folder.

        What is hidden is half written, or nothing of ours.
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
        """A file's content, or None where it is not there."""
        try:
            return bytes(self._system.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        """Whether the file is there now."""
        self._system.invalidate_cache()
        return bool(self._system.exists(self._path(name)))

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, whole or not at all, in the place of one that is there. Raises OSError."""
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

    def sweep(self) -> None:
        """Removes what a killed process left half written, which has hidden names: local files only."""
        if self._local:
            for pattern in (".part-*.parquet", "._manifest-*.json", "_plan/.*.parquet"):
                for file in Path(self._root).glob(pattern):
                    file.unlink(missing_ok=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _protocols(self) -> tuple[str, ...]:
        protocol: Any = self._system.protocol
        return (protocol,) if isinstance(protocol, str) else tuple(protocol)
