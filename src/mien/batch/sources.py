"""Find files and read their content, on this machine and in object stores, through fsspec.

A file's name is its absolute path or its address (`s3://bucket/key`); it is in the column `source`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from mien.errors import ImageError, InputError, MissingExtraError
from mien.files import PICTURE_SUFFIXES, VIDEO_SUFFIXES, warn_of_left_out

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az"}
"""Protocol of an address -> the extra that installs its client."""

TRIES = 3
"""How often a file is requested from a store before its part is left for the next run."""

AT_ONCE = 16
"""Number of files that are requested from a store at the same time."""

PAUSE = 0.5
"""Seconds before the second request, doubled before each further one."""


def is_video(name: str) -> bool:
    """Return whether a file's suffix is that of a video."""
    return PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES


def open_filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a path or an address, and the path in it.

    Raises:
        InputError: it is neither a path nor a known address.
        MissingExtraError: the client of the address is not installed.
    """
    fsspec = _fsspec()
    try:
        system, path = fsspec.core.url_to_fs(url)
        return system, str(path)
    except ImportError as error:
        if extra := EXTRAS.get(url.partition("://")[0]):
            raise MissingExtraError(f"reading {url}", extra) from error
        raise InputError(f"{url}: {error}. Install the package that it names") from error
    except ValueError as error:
        raise InputError(f"{url}: expected a path or an address such as s3://bucket/folder ({error})") from error


def is_local(system: Any) -> bool:
    """Return whether a file system is on this machine."""
    return "file" in ((system.protocol,) if isinstance(system.protocol, str) else system.protocol)


def find_files(sources: Iterable[str]) -> list[str]:
    """Find the files of paths, folders (with subfolders), globs and lists (`@FILE`), each once, sorted.

    In folders and globs only pictures and videos count, without hidden ones. A named or listed file always counts.

    Raises:
        InputError: a source has no file, or cannot be read.
    """
    found: set[str] = set()
    for source in sources:
        found.update(_listed(source[1:]) if source.startswith("@") else _expand(source))
    return sorted(found)


def _listed(name: str) -> Iterator[str]:
    """Return the lines of a list as names, without a check that the files exist."""
    system, path = open_filesystem(name)
    try:
        lines = system.cat_file(path).decode(errors="surrogateescape").splitlines()
    except OSError as error:
        raise InputError(f"@{name}: expected a list with a file name per line; it cannot be read ({error})") from error
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise InputError(f"@{name}: expected a list with a file name per line, got an empty file")
    return map(_absolute, names)


def _absolute(name: str) -> str:
    return name if "://" in name else os.path.abspath(name)


def _expand(source: str) -> Iterable[str]:
    system, path = open_filesystem(source)
    try:
        if system.isdir(path):
            return _inside(system, system.find(path), path, source)
        if system.exists(path):
            return [_name(system, path, source)]
        if not any(sign in path for sign in "*?["):
            raise InputError(f"{source}: no such file or folder. Check the path")
        matches = system.glob(path, detail=True)
        files: list[str] = []
        for match, facts in matches.items():
            files += system.find(match) if facts["type"] == "directory" else [match]
        return _inside(system, files, os.path.dirname(path.split("*")[0].split("?")[0].split("[")[0]), source)
    except OSError as error:
        raise InputError(f"{source}: cannot be listed ({error}). Check the name and the permissions") from error
    except InputError:
        raise
    except Exception as error:  # each store has its own errors: no credentials, no such region, ...
        raise InputError(f"{source}: cannot be listed ({type(error).__name__}: {error})") from error


def _inside(system: Any, files: Sequence[str], folder: str, source: str) -> list[str]:
    names = [_name(system, file, source) for file in files if _counts(file[len(folder) :])]
    if not names:
        raise InputError(
            f"{source}: expected pictures ({', '.join(sorted(PICTURE_SUFFIXES))}) or videos "
            f"({', '.join(sorted(VIDEO_SUFFIXES))}), found none. Name the files, or give a list of them as @FILE"
        )
    warn_of_left_out(source, files)
    return names


def _counts(path: str) -> bool:
    parts = PurePosixPath(path)
    return parts.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES and not any(
        part.startswith(".") for part in parts.parts
    )


def _name(system: Any, path: str, source: str) -> str:
    """Return a local file's absolute path, or its address with the source's protocol, as stores can have several."""
    if is_local(system):
        return os.path.abspath(path)
    return f"{source.partition('://')[0]}://{system.unstrip_protocol(path).partition('://')[2]}"


def fetch(names: Sequence[str]) -> list[str | bytes | ImageError]:
    """Return what the recognizer reads of each picture: a local path, or the bytes of a remote file.

    Remote files are requested in parallel. An ImageError stands for a file that does not exist or may not be read.

    Raises:
        OSError: a store fails.
    """
    contents: dict[str, str | bytes | ImageError] = {name: name for name in names if "://" not in name}
    remote = [name for name in names if name not in contents]
    for attempt in range(TRIES):
        failed = {}
        for name, content in read_contents(remote).items():
            if isinstance(content, Exception) and not isinstance(content, FileNotFoundError | PermissionError):
                failed[name] = content
            else:
                contents[name] = _refused(name, content) if isinstance(content, Exception) else content
        if not failed:
            break
        if attempt + 1 == TRIES:
            name, error = next(iter(failed.items()))
            raise OSError(f"{name}: its store does not give it ({type(error).__name__}: {error})") from error
        remote = list(failed)
        time.sleep(PAUSE * 2**attempt)
    return [contents[name] for name in names]


def read_contents(names: Sequence[str]) -> dict[str, bytes | Exception]:
    """Return the contents of remote files, or the errors instead."""
    if not names:
        return {}
    answers: dict[str, bytes | Exception] = {}
    by_protocol: dict[str, list[str]] = {}
    for name in names:
        by_protocol.setdefault(name.partition("://")[0], []).append(name)
    for group in by_protocol.values():
        system, _ = open_filesystem(group[0])
        with ThreadPoolExecutor(AT_ONCE) as threads:
            answers |= zip(group, threads.map(partial(_content, system), group), strict=True)
    return answers


def _content(system: Any, name: str) -> bytes | Exception:
    """Read one file by its exact name (`cat` reads several in parallel, but expands globs), or return the error."""
    try:
        return bytes(system.cat_file(system._strip_protocol(name)))
    except Exception as error:
        return error


def _refused(name: str, error: Exception) -> ImageError:
    if isinstance(error, FileNotFoundError):
        return ImageError("no such file. Check the path", name)
    return ImageError("cannot be read: permission denied. Check the permissions", name)


@contextmanager
def as_file(name: str) -> Iterator[str]:
    """Give a local path with a file's content, for random access; a remote file is copied to a temporary one.

    Raises:
        ImageError: the file does not exist or may not be read.
        OSError: the store fails.
    """
    if "://" not in name:
        yield name
        return
    with TemporaryDirectory(prefix="mien-") as folder:
        path = Path(folder) / f"video{PurePosixPath(name).suffix}"
        system, remote = open_filesystem(name)
        for attempt in range(TRIES):
            try:
                system.get_file(remote, str(path))
                break
            except (FileNotFoundError, PermissionError) as error:
                raise _refused(name, error) from error
            except Exception as error:
                if attempt + 1 == TRIES:
                    raise OSError(f"{name}: its store does not give it ({type(error).__name__}: {error})") from error
                time.sleep(PAUSE * 2**attempt)
        yield str(path)


def _fsspec() -> Any:
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtraError("mien batch", "scale") from error
    return fsspec
