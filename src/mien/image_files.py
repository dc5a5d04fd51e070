"""List the picture files of paths, folders and globs. Knows names, nothing of pixels."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from mien.errors import ImageError
from mien.files import PICTURE_SUFFIXES, VIDEO_SUFFIXES, warn_of_left_out
from mien.images import check_local

VIDEOS_ADVICE = "`mien batch` and `mien video` read videos"


def find_images(
    paths: Iterable[str | Path] | str | Path, recursive: bool = False
) -> tuple[list[Path], list[ImageError]]:
    """List the picture files of files, folders and globs.

    Args:
        paths: one or several paths or globs.
        recursive: search subfolders too.

    Returns:
        The files, each once, and an error for each path without a picture.
    """
    found: dict[Path, None] = {}
    errors: list[ImageError] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        try:
            check_local(str(path))
            found.update(dict.fromkeys(_expand(Path(path), recursive)))
        except ImageError as error:
            errors.append(error)
        except OSError as error:  # too long a name, a folder that may not be opened
            errors.append(
                ImageError(f"cannot be read: {error.strerror}. Check the name and the permissions", str(path))
            )
    return list(found), errors


def _expand(path: Path, recursive: bool) -> list[Path]:
    if path.is_dir():
        inside = sorted(path.rglob("*") if recursive else path.iterdir())
        pictures = [file for file in inside if _is_picture(file)]
        videos = sum(file.suffix.lower() in VIDEO_SUFFIXES for file in inside)
        if pictures:
            names = [file.name for file in inside]
            warn_of_left_out(str(path), names, also=dict.fromkeys(VIDEO_SUFFIXES, VIDEOS_ADVICE))
        else:
            hint = "" if recursive else "; --recursive reads its subfolders too"
            hint += f"; of videos there are {videos}: {VIDEOS_ADVICE}" if videos else ""
            raise ImageError(
                f"expected a folder with pictures ({', '.join(sorted(PICTURE_SUFFIXES))}), found none{hint}", str(path)
            )
        return pictures
    if path.exists():
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
    if not matches:
        raise ImageError("no such file or folder, and no file matches it as a pattern. Check the path", str(path))
    return [file for match in matches for file in (_expand(match, recursive) if match.is_dir() else [match])]


def _is_picture(file: Path) -> bool:
    # Hidden files are skipped: macOS writes a "._photo.jpg" with each photo.jpg on disks of other systems.
    return file.suffix.lower() in PICTURE_SUFFIXES and not file.name.startswith(".") and file.is_file()
