"""Read FER2013 as arrays: parse Kaggle's csv, packed or not, once, and then read it from a cache.

This module knows files and numpy; it must not know networks. It never unpickles a file and never unpacks to disk.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

import numpy as np
import numpy.typing as npt

from mien.datasets.faces import TRAINING, FaceDataset, Progress
from mien.datasets.ferplus import read_votes
from mien.errors import DataError
from mien.files import cache_folder, replacing
from mien.labels import FER2013
from mien.preprocess import FRAME

SPLITS = (TRAINING, "PublicTest", "PrivateTest")
PIXELS = FRAME * FRAME

_CSV_NAMES = ("fer2013.csv", "icml_face_data.csv")
# The files that a folder may hold, the fastest to read first.
_FOLDER_NAMES = (
    *_CSV_NAMES,
    *(name + ending for name in _CSV_NAMES for ending in (".gz", ".zip")),
    *("fer2013" + ending for ending in (".tar", ".tar.gz", ".tgz", ".zip")),
    "challenges-in-representation-learning-facial-expression-recognition-challenge.zip",
)
_CACHE_VERSION = 1  # Raise it when parsing changes: old cache files are then no longer found.
_BLOCK_BYTES = 1 << 20  # About a hundred rows: big enough for numpy, small enough for the processor's cache.
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile)


def load_fer2013(
    path: str | Path,
    votes: str | Path | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> FaceDataset:
    """Read FER2013 from `fer2013.csv` or `icml_face_data.csv`, plain or in a `.zip`, `.tar`, `.tar.gz` or `.gz`.

    A face is named by its data row: `fer2013.csv#1` for the first.

    Args:
        path: the file, or a folder that holds it.
        votes: FER+'s `fer2013new.csv`.
        cache: keep the parsed arrays in the user's cache folder (`MIEN_CACHE` overrides it), under the file's SHA-256.
        progress: called with the share of the file that has been read, 0 to 1.

    Raises:
        DataError: the file cannot be read, or a row is wrong; the message names the first wrong row.
    """
    source = _find(Path(path))
    try:
        with source.open("rb") as raw:
            dataset = _load(source, raw, cache, progress)
    except _DAMAGED as error:
        raise DataError(
            f"{source}: expected a whole archive, got a damaged one ({error}). Download it again."
        ) from error
    except OSError as error:
        raise DataError(
            f"{source}: expected a readable file, got {error.strerror or error}. Check the path."
        ) from error
    dataset = _named(dataset, source.name.partition(".")[0])
    return dataset if votes is None else replace(dataset, votes=read_votes(votes, dataset.splits))


def holds_fer2013(folder: Path) -> bool:
    """Return whether a folder holds one of the files that `load_fer2013` reads."""
    return any((folder / name).is_file() for name in _FOLDER_NAMES)


def _named(dataset: FaceDataset, stem: str) -> FaceDataset:
    """Name each face by its data row, counted from 1, independent of the archive."""
    rows = range(1, len(dataset) + 1)
    names = np.array([f"{stem}.csv#{row}" for row in rows])
    return replace(dataset, names=names, sources=np.full(len(dataset), stem))


def _find(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in _FOLDER_NAMES:
        if (path / name).is_file():
            return path / name
    raise DataError(f"{path}: expected a folder with one of {', '.join(_FOLDER_NAMES)}, got none of them.")


def _load(source: Path, raw: io.BufferedReader, cache: bool, progress: Progress | None) -> FaceDataset:
    if not cache:
        return parse_csv(source, raw, progress)
    # The key is the content: a changed file with an old date must not give the old faces.
    key = hashlib.file_digest(raw, "sha256").hexdigest()
    raw.seek(0)
    kept = cache_folder("datasets") / f"fer2013-v{_CACHE_VERSION}-{key}.npz"
    dataset = _read_cache(kept)
    if dataset is None:
        dataset = parse_csv(source, raw, progress)
        _write_cache(kept, dataset)
    elif progress:
        progress(1.0)
    return dataset


def _read_cache(path: Path) -> FaceDataset | None:
    try:
        # Opened here, because np.load leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return FaceDataset(arrays["faces"], arrays["labels"], arrays["splits"])
    except (OSError, ValueError, KeyError, *_DAMAGED):  # absent or damaged: it will be written anew
        return None


def _write_cache(path: Path, dataset: FaceDataset) -> None:
    try:
        with replacing(path) as temporary:
            np.savez(temporary, faces=dataset.faces, labels=dataset.labels, splits=dataset.splits)
    except OSError:  # a full or read-only disk only makes the next load slower
        return


def parse_csv(source: Path, raw: io.BufferedReader, progress: Progress | None) -> FaceDataset:
    size = max(1, os.fstat(raw.fileno()).st_size)
    with _stream(source, raw) as stream:
        reader = _Reader(str(source), stream.readline())
        blocks = []
        while lines := stream.readlines(_BLOCK_BYTES):
            blocks.append(reader.read(lines))
            if progress:
                progress(min(1.0, raw.tell() / size))
    if not reader.rows:
        raise DataError(f"{source}: expected at least one row after the header, got none. Download it again.")
    return FaceDataset(
        np.concatenate(blocks).reshape(-1, FRAME, FRAME),
        np.array(reader.labels, np.int64),
        np.array(SPLITS)[reader.splits],
    )


@contextmanager
def _stream(source: Path, raw: io.BufferedReader) -> Iterator[IO[bytes]]:
    """Yield the csv as a stream of bytes, unpacked if it is in an archive."""
    name = source.name.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(raw) as packed:
            member = packed.getinfo(_only_csv(source, packed.namelist()))
            if member.flag_bits & 1:
                raise DataError(f"{source}: expected an open archive, got one with a password. Unpack it first.")
            with packed.open(member) as file:
                yield file
    elif name.endswith((".tar", ".tar.gz", ".tgz")):
        with tarfile.open(fileobj=raw, mode="r:" if name.endswith(".tar") else "r:gz") as tar:
            unpacked = tar.extractfile(_only_csv(source, [info.name for info in tar if info.isfile()]))
            assert unpacked is not None  # only regular files were offered
            yield unpacked
    elif name.endswith(".gz"):
        with gzip.GzipFile(fileobj=raw) as inflated:
            yield io.BufferedReader(inflated)
    else:
        yield raw


def _only_csv(source: Path, members: list[str]) -> str:
    matching = [member for member in members if PurePosixPath(member).name.lower() in _CSV_NAMES]
    if len(matching) != 1:
        listed = ", ".join(members[:20]) + (", ..." if len(members) > 20 else "")
        raise DataError(
            f"{source}: expected exactly one {' or '.join(_CSV_NAMES)} in the archive, got {len(matching)}. "
            "Unpack the right one and give its path. Pictures must be unpacked, too: give their folder. "
            f"Members: {listed or 'none'}"
        )
    return matching[0]


class _Reader:
    """Parse lines of the csv into arrays, and count the rows for error messages."""

    def __init__(self, source: str, header: bytes) -> None:
        if not header.strip():
            raise DataError(f"{source}: expected a header and rows, got an empty file. Download it again.")
        self.source = source
        names = [name.strip(b'" \r\n').lower() for name in header.removeprefix(b"\xef\xbb\xbf").split(b",")]
        missing = [name.decode() for name in (b"emotion", b"pixels", b"usage") if names.count(name) != 1]
        if missing:
            raise DataError(
                f"{source}: expected a header with one column each of emotion, pixels and Usage, "
                f"got {_show(header.strip())} "
                f"(amiss: {', '.join(missing)}). Use fer2013.csv as Kaggle ships it."
            )
        self.columns = len(names)
        self.emotion, self.pixels, self.usage = (names.index(name) for name in (b"emotion", b"pixels", b"usage"))
        self.known_labels = {str(label).encode(): label for label in range(len(FER2013))}
        self.known_splits = {split.encode(): code for code, split in enumerate(SPLITS)}
        self.rows = 0
        self.labels: list[int] = []
        self.splits: list[int] = []

    def read(self, lines: list[bytes]) -> npt.NDArray[np.uint8]:
        """Return the faces of these lines, uint8 (n, 2304), and append to `labels` and `splits`."""
        first = self.rows
        texts = [self._read_line(line) for line in lines if line.strip()]
        faces = _parse_pixels(texts)
        if faces is None:  # unusual text: parse row by row, which accepts it or says which row is wrong
            faces = np.array([self._read_pixels(text, first + i + 1) for i, text in enumerate(texts)], np.uint8)
        return faces

    def _read_line(self, line: bytes) -> bytes:
        """Store label and split of a line, and return its pixels as text."""
        self.rows += 1
        # No field here can hold a comma or a line break, quoted or not, so that splitting is enough.
        fields = line.split(b",")
        if len(fields) != self.columns:
            self._fail(self.rows, f"expected {self.columns} columns, got {len(fields)}")
        emotion, usage = fields[self.emotion].strip(b'" \r\n'), fields[self.usage].strip(b'" \r\n')
        if emotion not in self.known_labels:
            self._fail(self.rows, f"expected an emotion from 0 to {len(FER2013) - 1}, got {_show(emotion)}")
        if usage not in self.known_splits:
            self._fail(self.rows, f"expected Usage to be one of {', '.join(SPLITS)}, got {_show(usage)}")
        self.labels.append(self.known_labels[emotion])
        self.splits.append(self.known_splits[usage])
        return fields[self.pixels].strip(b'" \r\n')

    def _read_pixels(self, text: bytes, row: int) -> list[int]:
        values = text.split()
        for place, value in enumerate(values, 1):
            if not value.isdigit() or len(value.lstrip(b"0")) > 3 or int(value) > 255:
                self._fail(row, f"expected pixels from 0 to 255, got {_show(value)} as pixel {place}")
        if len(values) != PIXELS:
            self._fail(row, f"expected {PIXELS} pixels ({FRAME}x{FRAME}), got {len(values)}")
        return [int(value) for value in values]

    def _fail(self, row: int, problem: str) -> NoReturn:
        raise DataError(
            f"{self.source}, data row {row} (row 1 is the first after the header): {problem}. "
            "Correct or remove the row; if it is the last one, the file was cut short: download it again."
        )


def _show(text: bytes) -> str:
    shown = text[:40].decode("utf-8", "replace")
    return repr(shown + ("..." if len(text) > 40 else ""))


def _parse_pixels(texts: Iterable[bytes]) -> npt.NDArray[np.uint8] | None:
    """Parse rows of numbers with single spaces as uint8 (n, 2304); None if a row has another form.

    Python's own `split` and `int` would take a minute for FER2013's 80 million numbers.
    """
    texts = list(texts)
    if not texts:
        return np.zeros((0, PIXELS), np.uint8)
    if any(text.count(b" ") != PIXELS - 1 for text in texts):
        return None
    characters = np.frombuffer(b" ".join(texts) + b" ", np.uint8)
    space = characters == ord(" ")
    digits = characters - np.uint8(ord("0"))  # a character before "0" wraps around to a number above 9
    ends = np.flatnonzero(space)
    lengths = np.diff(ends, prepend=-1) - 1
    if not (space | (digits <= 9)).all() or lengths.min() < 1 or lengths.max() > 3:
        return None
    values = digits[ends - 1].astype(np.uint16)
    values += np.where(lengths >= 2, digits[ends - 2], 0).astype(np.uint16) * 10
    values += np.where(lengths >= 3, digits[ends - 3], 0).astype(np.uint16) * 100
    return None if values.max() > 255 else values.astype(np.uint8).reshape(-1, PIXELS)
