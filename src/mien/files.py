"""Write files whole or not at all, and download pinned files into the user's cache. Knows no file's content."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from urllib.error import HTTPError

from platformdirs import user_cache_path

from mien.errors import DownloadError, InputError

PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jfif", ".jpe", ".mpo", ".png", ".apng", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
        *(".pbm", ".pgm", ".ppm", ".pnm", ".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc", ".avif", ".avifs"),
        *(".heic", ".heif", ".hif"),
    )
)
"""Suffixes of pictures in a folder; a file that is named itself may have any suffix."""

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".mts", ".m2ts", ".ogv"}
)
"""Suffixes of videos; every other file that is named or listed is read as a picture."""

OTHER_PICTURES = frozenset(
    (
        *(".tga", ".ico", ".icns", ".psd", ".pcx", ".sgi", ".ras", ".eps", ".svg", ".jxl", ".exr", ".hdr", ".qoi"),
        *(".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw", ".x3f"),
    )
)
"""Suffixes of pictures that are not read, such as cameras' raw files."""

log = logging.getLogger("mien")

BOM = "\ufeff"
"""The byte order mark, with which Excel takes a CSV file for UTF-8."""

STANDARD_OUTPUT = "-"


def warn_of_left_out(folder: str, names: Iterable[str], *, also: Mapping[str, str] = MappingProxyType({})) -> None:
    """Log how many pictures of a folder are not read, by suffix.

    Args:
        folder: the folder's name in the message.
        names: the names of all files in it.
        also: further suffixes that are not read, with what reads them.
    """
    seen = (PurePosixPath(name) for name in names)
    suffixes = Counter(name.suffix.lower() for name in seen if not name.name.startswith("."))
    pictures = {suffix: count for suffix, count in suffixes.items() if suffix in OTHER_PICTURES}
    if pictures:
        listed = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(pictures.items()))
        log.warning("%s: left out: %s files, which are not read. Convert them to .jpg or .png", folder, listed)
    for advice in dict.fromkeys(also.values()):
        kinds = {suffix: count for suffix, count in suffixes.items() if also.get(suffix) == advice}
        if kinds:
            listed = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(kinds.items()))
            log.warning("%s: left out: %s files. %s", folder, listed, advice)


def check_outputs(
    outputs: Iterable[str | Path | None], inputs: Iterable[str | Path | None] = (), *, text: bool = True
) -> None:
    """Check, before any work, that no output is an input, a folder, or named twice, and make the outputs' folders.

    Files are compared through links and hard links. None and "-" (standard output) are left out.

    Args:
        outputs: files that will be written.
        inputs: files and folders that will be read.
        text: the outputs are JSON or CSV; the suffix of a picture or a video is then a mistake, such as that of a shell
            which gives an option the first of the files that were meant as inputs.

    Raises:
        InputError: an output cannot be written under its name, or would destroy an input.
    """
    sources = [Path(source) for source in inputs if source is not None and str(source) != STANDARD_OUTPUT]
    outputs, taken = list(outputs), list[Path]()
    if sum(str(output) == STANDARD_OUTPUT for output in outputs) > 1:
        raise InputError("standard output is named twice: only one of them can be written there")
    for output in outputs:
        if output is None or str(output) == STANDARD_OUTPUT:
            continue
        path = Path(output)
        if text and path.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES:
            raise InputError(
                f"{path}: expected a file for text, such as .json or .csv, got the name of a picture or video"
            )
        if any(_same_file(path, source) for source in sources):
            raise InputError(f"{path} is an input, which would be lost. Choose another name for the output")
        if any(_same_file(path, other) for other in taken):
            raise InputError(f"{path} is named twice: only one of them can be written there")
        if path.is_dir():
            raise InputError(f"{path}: expected a file to write, got a folder. Name a file in it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path}: its folder cannot be made ({error.strerror}). Choose another") from error
        taken.append(path)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
    except OSError:  # a name that no file can have
        return False


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path with the same suffix, whose content becomes that of `path` at the end of the `with`.

    A regular file is replaced whole or not at all; it keeps its mode and, if possible, its owner. Links are followed,
    a file with several hard links keeps them, and a pipe or a device is written to. Missing parent folders are created.
    On an exception the temporary file is removed and `path` stays as it was.
    """
    path = Path(path)
    before = path.stat() if path.exists() else None
    special = before is not None and not stat.S_ISREG(before.st_mode)
    target = Path(os.path.realpath(path)) if path.is_symlink() and not special else path
    folder = Path(tempfile.gettempdir()) if special else target.parent
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=folder)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if before is not None and (special or before.st_nlink > 1):
            with temporary.open("rb") as content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
            return
        _give_rights(temporary, before)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _give_rights(temporary: Path, before: os.stat_result | None) -> None:
    """Give a new file the mode and the owner of the one that it replaces, or else the usual mode."""
    if before is None:
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        return
    with suppress(OSError, AttributeError):  # another owner needs rights, and Windows has none
        os.chown(temporary, before.st_uid, before.st_gid)
    temporary.chmod(stat.S_IMODE(before.st_mode))


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
