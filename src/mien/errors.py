"""Define every error that mien raises on purpose. A message says what was expected, what was given, how to fix it.

MienError
├── InputError          an argument has the wrong type, shape or range        (also a ValueError)
├── ImageError          a picture cannot be read, or is refused                (also a ValueError)
├── VideoError          a video cannot be read or written                      (also a ValueError)
├── SoundError          the sound of a file or microphone cannot be read       (also a ValueError)
├── DataError           a data set file is damaged, or not as expected         (also a ValueError)
├── BundleError         a model file is missing, damaged, foreign or too new
├── DetectorError       a face detector is unknown, or returns wrong results
│   └── DownloadError   its weights could not be downloaded, or are not the pinned file
├── RecipeError         a recipe has an unknown key or a wrong value           (also a ValueError)
├── TrainingError       training cannot continue, for example since it diverged
├── ExportError         the exported network does not agree with the trained one
└── MissingExtraError   an optional dependency is not installed                (also an ImportError)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MienError(Exception):
    """Base class: `except MienError` catches everything that mien raises on purpose."""


class InputError(MienError, ValueError):
    """An argument has the wrong type, shape or range."""


class ImageError(MienError, ValueError):
    """A picture cannot be read, or is refused.

    `predict_batch` returns these in place of a result, so that one bad picture does not end a batch.

    Attributes:
        source: name of the picture.
        reason: the message without the name.
    """

    def __init__(self, message: str, source: str = "the image") -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.reason = message

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        return type(self), (self.reason, self.source)  # results, also errors, are sent between processes


class VideoError(MienError, ValueError):
    """A video, stream or camera cannot be read, or a video cannot be written.

    Attributes:
        source: name of the video.
        reason: the message without the name.
    """

    def __init__(self, message: str, source: str = "the video") -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.reason = message

    def __reduce__(self) -> tuple[type[VideoError], tuple[str, str]]:
        return type(self), (self.reason, self.source)


class SoundError(MienError, ValueError):
    """The sound of a file, stream or microphone cannot be read.

    Attributes:
        source: name of the file.
        reason: the message without the name.
        missing: whether the file can be read, but has no sound, or too little of it.
    """

    def __init__(self, message: str, source: str = "the sound", missing: bool = False) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.reason = message
        self.missing = missing

    def __reduce__(self) -> tuple[type[SoundError], tuple[str, str, bool]]:
        return type(self), (self.reason, self.source, self.missing)  # results, also errors, are sent between processes


class DataError(MienError, ValueError):
    """A data set file is damaged, or not as expected; the message names the row."""


class BundleError(MienError):
    """A model file is missing, damaged, not one of mien's, or of a newer format version."""


class DetectorError(MienError):
    """A face detector is unknown, or returns wrong results."""


class DownloadError(DetectorError):
    """Weights could not be downloaded, or the file is not the pinned one."""


class RecipeError(MienError, ValueError):
    """A recipe has an unknown key or a wrong value."""


class TrainingError(MienError):
    """Training cannot continue."""


class ExportError(MienError):
    """The exported network does not agree with the trained one; nothing was written."""


def describe_value(value: object) -> str:
    """Describe a value where an array was expected: `float32 (3, 7)`, or the name of its type."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    return type(value).__name__ if dtype is None or shape is None else f"{dtype} {shape}"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its class."""
    return next(iter(str(error).splitlines()), type(error).__name__)


PINS = {"federated": "-c constraints-federated.txt ", "export-litert": ""}
"""Extra -> pip's option for its pinned versions, if they are not those of constraints.txt."""


class MissingExtraError(MienError, ImportError):
    """An optional dependency is not installed; the message has the command that installs it.

    Attributes:
        purpose: what needs the dependency.
        extra: name of the extra.
    """

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


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a hint for a misspelt word: "did you mean 'x'?" or, if none is similar, the known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
