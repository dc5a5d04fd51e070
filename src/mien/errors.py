"""Every error that mien raises on purpose. A message says what was expected, what came, and how to mend it.

MienError
├── InputError          an argument has the wrong type, shape or range        (also a ValueError)
├── ImageError          a picture cannot be read, or is refused                (also a ValueError)
├── VideoError          a video cannot be read or written                      (also a ValueError)
├── DataError           a data set file is not what it should be               (also a ValueError)
├── BundleError         a model file is missing, damaged, foreign or too new
├── DetectorError       a face detector is unknown or answers nonsense
│   └── DownloadError   its weights could not be fetched or are not the pinned file
├── RecipeError         a recipe has an unknown key or a bad value             (also a ValueError)
├── TrainingError       training cannot go on: it diverged
├── ExportError         the exported network disagrees with the trained one
└── MissingExtraError   an optional dependency is not installed                (also an ImportError)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MienError(Exception):
    """The root: `except MienError` catches everything that mien raises on purpose."""


class InputError(MienError, ValueError):
    """An argument has the wrong type, shape or range."""


class ImageError(MienError, ValueError):
    """A picture cannot be read, or is refused. `source` names it.

    `predict_batch` returns these in the place of a result, so that one bad picture never ends a batch.
    """

    def __init__(self, message: str, source: str = "the image") -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.reason = message

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        return type(self), (self.reason, self.source)  # results cross processes, errors among them


class VideoError(MienError, ValueError):
    """A video, stream or camera cannot be read, or a video cannot be written. `source` names it."""

    def __init__(self, message: str, source: str = "the video") -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.reason = message

    def __reduce__(self) -> tuple[type[VideoError], tuple[str, str]]:
        return type(self), (self.reason, self.source)


class DataError(MienError, ValueError):
    """A data set file is not what it should be; the message names the row."""


class BundleError(MienError):
    """A model file is missing, damaged, not one of mien's, or of a newer format version."""


class DetectorError(MienError):
    """A face detector is unknown or answers nonsense."""


class DownloadError(DetectorError):
    """Weights could not be fetched, or what came is not the pinned file."""


class RecipeError(MienError, ValueError):
    """A recipe has an unknown key or a bad value."""


class TrainingError(MienError):
    """Training cannot go on."""


class ExportError(MienError):
    """The exported network disagrees with the trained one, so nothing was written."""


def kind_of(value: object) -> str:
    """What came where an array was expected: `float32 (3, 7)`, or the name of its type."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    return type(value).__name__ if dtype is None or shape is None else f"{dtype} {shape}"


def first_line(error: Exception) -> str:
    """What an error of another package's says at first, or its name."""
    return next(iter(str(error).splitlines()), type(error).__name__)


PINS = {"federated": "-c constraints-federated.txt ", "export-litert": ""}
"""The pinned versions of extras that want others than constraints.txt has."""


class MissingExtraError(MienError, ImportError):
    """An optional dependency is not installed; the message is the line that installs it."""

    def __init__(self, purpose: str, extra: str) -> None:
        pinned = PINS.get(extra, "-c constraints.txt ")
        super().__init__(
            f"{purpose} needs the optional dependencies '{extra}'. Install them in a clone of mien with:\n"
            f"    pip install {pinned}'.[{extra}]'"
        )
        self.purpose = purpose
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return type(self), (self.purpose, self.extra)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word: "; did you mean 'x'?" or, with nothing near, the known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
