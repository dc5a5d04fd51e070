"""Read frames from folders of pictures and from iterables of (seconds, image). Knows nothing of faces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import ImageError, InputError, VideoError
from mien.files import PICTURE_SUFFIXES, warn_of_left_out
from mien.images import load_image
from mien.video.io.frames import Frame
from mien.video.options import Sampling


class PictureFolder:
    """Read a folder of pictures, sorted by name with numbers in numeric order, at the frame rate of the sampling.

    Raises:
        VideoError: there is no picture in the folder.
    """

    live = False

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self.duration: float | None = None
        self.rate: float | None = None
        self.notes: list[str] = []
        inside = [file for file in folder.iterdir() if file.name[0] != "."]
        warn_of_left_out(self.name, (file.name for file in inside))
        pictures = (file for file in inside if file.suffix.lower() in PICTURE_SUFFIXES)
        self.files = sorted(pictures, key=lambda file: _natural(file.name))
        if not self.files:
            raise VideoError(
                f"expected a folder of pictures ({', '.join(sorted(PICTURE_SUFFIXES))}), found none", self.name
            )

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Yield the pictures of the sampling; note those that cannot be read. Raise InputError without `fps`."""
        if sampling.fps is None:
            raise InputError(f"{self.name}: pictures in a folder have no times. Give their rate: fps=25, --fps 25")
        for number, file in enumerate(self.files):
            seconds = number / sampling.fps
            if seconds < sampling.begin or number % sampling.every:
                continue
            if sampling.end is not None and seconds >= sampling.end:
                return
            try:
                yield Frame(seconds, number, load_image(file))
            except ImageError as error:
                self.notes.append(f"{file.name}: {error.reason}")


class FrameSequence:
    """Read frames from an iterable of (seconds, image); an image is what `predict` takes, the seconds must increase."""

    live = False
    name = "frames"

    def __init__(self, pairs: Iterable[Any]) -> None:
        self.duration: float | None = None
        self.rate: float | None = None
        self.notes: list[str] = []
        self._pairs = pairs

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Yield the frames of the sampling; raise InputError for an item that is no pair or is not later."""
        chosen, last = sampling.chooser(), -np.inf
        for number, pair in enumerate(self._pairs):
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise InputError(f"video: expected pairs of (seconds, image), got {type(pair).__name__}")
            seconds = float(pair[0])
            if not seconds > last:
                raise InputError(f"video: expected times that grow, got {seconds} after {last}")
            last = seconds
            if sampling.end is not None and seconds >= sampling.end:
                return
            if chosen(number, seconds):
                yield Frame(seconds, number, load_image(pair[1]))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that places frame2 before frame10."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
