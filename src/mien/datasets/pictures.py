"""Decode many picture files as 48x48 gray faces, in threads, with a cache.

This module knows files and pixels, not labels. It has no crop of its own: `crop_faces` fits a picture, or the face
box in it, into the frame, as `mien predict --detector whole` does.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.datasets.faces import Progress
from mien.errors import ImageError
from mien.files import PICTURE_SUFFIXES, cache_folder, replacing, warn_of_left_out
from mien.images import load_image
from mien.preprocess import FRAME, WHOLE_FRAME, crop_faces

_CACHE_VERSION = 1  # Raise it when reading changes: old cache files are then no longer found.
_CHUNK = 64  # files per task of a thread
_NO_LANDMARKS = np.full((1, 5, 2), np.nan, np.float32)

Box = tuple[float, float, float, float]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class PictureFile:
    """Describe one face: a picture file and, where known, the face box in it.

    Attributes:
        path: path below the source's folder, with forward slashes.
        box: (left, top, right, bottom) in pixels. None: the whole picture.
    """

    path: str
    box: Box | None = None


def find_pictures(folder: Path) -> Iterator[str]:
    """Yield the paths of all picture files below a folder, sorted; hidden files and folders are skipped.

    The paths are relative to the folder, with forward slashes.
    """
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    warn_of_left_out(str(folder), (name for name, is_folder in found if not is_folder))
    for name, is_folder in found:
        if is_folder:
            yield from (f"{name}/{path}" for path in find_pictures(folder / name))
        elif Path(name).suffix.lower() in PICTURE_SUFFIXES:
            yield name


def read_pictures(
    root: Path, pictures: Sequence[PictureFile], cache: bool = True, progress: Progress | None = None
) -> tuple[npt.NDArray[np.uint8], dict[int, str]]:
    """Read pictures as faces, in threads, with a cache.

    Args:
        root: the folder that the paths are relative to.
        pictures: N files, each with a box or not.
        cache: keep the result in the cache, under the paths, boxes, sizes and times of the files.
        progress: called with the share done, 0 to 1.

    Returns:
        faces: gray, uint8 (N, 48, 48); black where a picture cannot be read.
        problems: index of each picture that cannot be read -> the reason.
    """
    words = (f"{picture.path}|{picture.box}" for picture in pictures)
    key = fingerprint(root, (picture.path for picture in pictures), words) if cache else None
    arrays = load_or_make("pictures", key, lambda: decode_pictures(root, pictures, progress))
    if progress:
        progress(1.0)
    problems = zip(arrays["places"].tolist(), arrays["reasons"].tolist(), strict=True)
    return arrays["faces"], dict(problems)


def fingerprint(root: Path, paths: Iterator[str], words: Iterator[str]) -> str:
    """Return the SHA-256 of the sizes and times of files below `root`.

    Args:
        root: the folder that the paths are relative to.
        paths: the files, relative to `root`.
        words: one more string for each file that goes into the digest.
    """
    digest = hashlib.sha256(str(root.resolve()).encode(errors="surrogateescape"))
    for path, word in zip(paths, words, strict=True):
        try:
            status = os.stat(root / path)
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            state = "missing"
        digest.update(f"{word} {state}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def load_or_make(kind: str, key: str | None, make: Callable[[], Arrays]) -> Arrays:
    """Return arrays from the cache, or make them and keep them there.

    Args:
        kind: the first part of the cache file's name.
        key: the cache key. None: do not use the cache.
        make: makes the arrays.
    """
    path = cache_folder("datasets") / f"{kind}-v{_CACHE_VERSION}-{key}.npz"
    if key is not None:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile):
            pass  # absent or damaged: it will be written anew
    made = make()
    if key is not None:
        try:
            with replacing(path) as temporary:
                np.savez(temporary, **made)  # type: ignore[arg-type]  # no key is savez's own
        except OSError:  # a full or read-only disk only makes the next load slower
            pass
    return made


def run_in_threads(read: Callable[[int], None], number: int, progress: Progress | None = None) -> None:
    """Call `read` with 0 to `number` - 1, in threads.

    Args:
        read: called with each index.
        number: number of indices.
        progress: called with the share done, 0 to 1.
    """

    def read_chunk(start: int) -> None:
        for place in range(start, min(start + _CHUNK, number)):
            read(place)

    starts = range(0, number, _CHUNK)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        try:
            for done, _ in enumerate(threads.map(read_chunk, starts), 1):
                if progress:
                    progress(done / len(starts))
        except BaseException:  # above all Control-C: otherwise reading would continue for minutes
            threads.shutdown(cancel_futures=True)
            raise


def decode_pictures(root: Path, pictures: Sequence[PictureFile], progress: Progress | None) -> Arrays:
    faces = np.zeros((len(pictures), FRAME, FRAME), np.uint8)
    problems: dict[int, str] = {}

    def read(place: int) -> None:
        try:
            faces[place] = read_face(root / pictures[place].path, pictures[place].box)
        except ImageError as error:
            problems[place] = error.reason

    run_in_threads(read, len(pictures), progress)
    places = sorted(problems)
    reasons = np.array([problems[place] for place in places], np.str_)
    return {"faces": faces, "places": np.array(places, np.int64), "reasons": reasons}


def read_face(path: Path, box: Box | None = None) -> npt.NDArray[np.uint8]:
    """Read a picture, or a face box in it, as a face.

    Args:
        path: the picture file.
        box: (left, top, right, bottom) in pixels. None: the whole picture.

    Returns:
        The face, gray, uint8 (48, 48).

    Raises:
        ImageError: the picture cannot be read, or the box is not inside it.
    """
    image = load_image(path)
    height, width = image.shape[:2]
    left, top, right, bottom = box or (0, 0, width, height)
    if not (left < right and top < bottom and left < width and top < height and right > 0 and bottom > 0):
        raise ImageError(f"expected a face box in the picture of {width} x {height}, got {box}", str(path))
    corners = np.array([[left, top, right, bottom]], np.float32)
    return np.asarray(crop_faces(image, corners, _NO_LANDMARKS, WHOLE_FRAME)[0], np.uint8)
