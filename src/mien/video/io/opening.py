"""`open_source`: open a path, an address, a camera, a folder or an iterable as a source of frames."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import InputError, VideoError
from mien.video.io.camera import Camera
from mien.video.io.container import _URL, VideoFile
from mien.video.io.frames import OPEN_TIMEOUT, Source
from mien.video.io.pictures import FrameSequence, PictureFolder


def open_source(source: Any, timeout: float = OPEN_TIMEOUT) -> Source:
    """Open a source of frames.

    Args:
        source: a path, an address (rtsp://, http://, ...), a camera's number, a folder of pictures, a binary file
            object, or an iterable of (seconds, image).
        timeout: seconds without data after which a stream has failed.

    Raises:
        VideoError: the source cannot be read.
        InputError: it is none of these.
        MissingExtraError: the extra `video` is needed and not installed.
    """
    if isinstance(source, bool) or source is None:
        raise InputError(f"video: expected a path, an address, a camera's number or frames, got {source!r}")
    if isinstance(source, int | np.integer):
        return Camera(int(source))
    if isinstance(source, str | Path):
        if _URL.match(str(source)):
            return VideoFile(str(source), timeout=timeout)
        if Path(source).is_dir():
            return PictureFolder(Path(source))
        if not Path(source).exists():
            raise VideoError("no such file or folder. Check the path", str(source))
        return VideoFile(str(source))
    if hasattr(source, "isOpened"):
        raise InputError(
            "video: expected a path, an address or a camera's number, got a cv2.VideoCapture. Give what you opened it "
            "with; mien reads it itself, with true times"
        )
    if hasattr(source, "read"):
        _check_file_object(source)
        return VideoFile(source, name=str(getattr(source, "name", "stream")))
    if isinstance(source, Iterable) and not isinstance(source, bytes | np.ndarray):
        return FrameSequence(source)
    raise InputError(
        "video: expected a path, an address, a camera's number, a folder, or an iterable of (seconds, image), "
        f"got {type(source).__name__}"
    )


def _check_file_object(file: Any) -> None:
    """Raise InputError unless a file object is open and gives bytes."""
    try:
        nothing = file.read(0)
    except ValueError as error:  # it is closed
        raise InputError(
            f"video: expected an open file, got one that cannot be read ({error}). Open it again"
        ) from error
    if not isinstance(nothing, bytes | bytearray):
        raise InputError("video: expected a file opened for bytes, got one for text. Open it with mode 'rb'")
