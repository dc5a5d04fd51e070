"""The options of `FacePipeline`, each described once: for Python, the command line, batches and the service.

This module imports only the standard library, `mien.errors` and `mien.options`, since every `mien` command imports it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mien.detection import DEFAULT_DETECTOR
from mien.options import documented, number, option, positive

DEFAULT_MODEL = "mien"


@documented
@dataclass(frozen=True)
class PipelineOptions:
    """Hold how faces are detected and classified; `FacePipeline` takes the same names."""

    model: str = option(
        DEFAULT_MODEL,
        "a released model's name, a bundle file, or the folder of a training run",
        metavar="BUNDLE",
        shown_default=DEFAULT_MODEL,
    )
    detector: str = option(
        DEFAULT_DETECTOR,
        "what detects faces: mien-face, centerface (needs the extra `centerface`), yunet (downloaded once), or whole: "
        "the picture is one face",
        metavar="NAME",
        shown_default=DEFAULT_DETECTOR,
    )
    labels: str | None = option(
        None,
        "the model's head to use: ferplus (8 emotions, learnt from votes) or fer2013 (7, the benchmark's labels), if "
        "the model has both",
        metavar="NAME",
        shown_default="the model's first choice, ferplus in the released ones",
    )
    size: int | None = option(
        None,
        "longer side, in pixels, of the picture in which faces are detected",
        parse=positive,
        metavar="PIXELS",
        shown_default="the detector's, 640 for mien-face",
    )
    min_face: float = option(
        0.0, "leave out faces whose box is narrower or lower than this, in pixels", parse=number, metavar="PIXELS"
    )
    min_confidence: float = option(
        0.0, "report 'uncertain' if the emotion's probability is below this, 0 to 1", parse=number, metavar="P"
    )
    flip: bool = option(
        False, "average each face with its mirror image: slightly more accurate, twice the time of classification"
    )
