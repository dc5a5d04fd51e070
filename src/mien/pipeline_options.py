"""The options of `FacePipeline`, each described once: for Python, the command line, batches and the service.

This module imports only the standard library, `mien.errors` and `mien.options`, since every `mien` command imports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.detection import DEFAULT_DETECTOR
from mien.options import documented, number, option, positive

DEFAULT_MODEL = "mien"

TRAINING, UNIFORM, ESTIMATE = "training", "uniform", "estimate"
PRIORS = (TRAINING, UNIFORM, ESTIMATE)

BY_EMOTION, BY_ALL = "emotion", "all"
SET_KINDS = (BY_EMOTION, BY_ALL)


def parse_prior(text: str) -> str | dict[str, float]:
    """Convert a name of PRIORS, or weights like "happy=3,sad=0.5"; raise ValueError for anything else."""
    if "=" not in text:
        if text not in PRIORS:
            raise ValueError(f"expected {', '.join(PRIORS)} or weights like happy=3,sad=0.5, got {text}")
        return text
    pairs = [pair.partition("=") for pair in text.split(",")]
    return {name.strip(): number(value) for name, _, value in pairs}


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
    prior: Any = option(
        TRAINING,
        "how frequent the emotions are among the faces: training (as in the model's own data), uniform, weights like "
        "happy=3,sad=0.5 (the others have 1), or estimate (from the faces of all pictures, or of a film; at least 50)",
        parse=parse_prior,
        metavar="PRIOR",
        shown_default=TRAINING,
    )
    set_coverage: float = option(
        0.9,
        "share of cases in which a face's emotion_set holds the right emotion, 0.5 to 0.99",
        parse=number,
        metavar="P",
    )
    set_kind: str = option(
        BY_EMOTION,
        "what that share holds for: emotion (the faces of each emotion), or all (all faces together, with smaller sets "
        "that often lack the rare emotions)",
        metavar="KIND",
        shown_default=BY_EMOTION,
    )
    flip: bool = option(
        False, "average each face with its mirror image: slightly more accurate, twice the time of classification"
    )
