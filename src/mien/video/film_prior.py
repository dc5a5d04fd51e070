"""Estimate how frequent each emotion is in a film, from some of its frames, before it is analyzed."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from mien.errors import InputError
from mien.pipeline import FacePipeline
from mien.preprocess import FRAME
from mien.video.io.frames import Source
from mien.video.io.opening import open_source
from mien.video.options import Sampling

Pipeline = TypeVar("Pipeline", bound=FacePipeline)

FRAMES_A_SECOND = 1.0
LEAST_FRAMES = 300
"""Number of frames that are read of a short film, more than one a second."""


def with_estimated_prior(pipeline: Pipeline, source: Any, opened: Source, sampling: Sampling) -> Pipeline:
    """Return a pipeline with the frequencies of the emotions in a film as its prior.

    One frame a second is read, or more in a short film.

    Args:
        pipeline: detects, crops and classifies.
        source: what was opened, to open it once more.
        opened: the opened source.
        sampling: which part of the film is analyzed.

    Raises:
        InputError: the source cannot be read twice, or has too few faces.
    """
    if opened.live or not isinstance(source, str | os.PathLike) or not os.path.exists(source):
        raise InputError(
            f"prior 'estimate': expected a film in a file, which can be read twice, got {opened.name}. Use 'uniform', "
            "'training' or weights of your own"
        )
    seconds = min(sampling.end or float("inf"), opened.duration or float("inf")) - sampling.start
    rate = max(FRAMES_A_SECOND, LEAST_FRAMES / seconds) if 0 < seconds < float("inf") else FRAMES_A_SECOND
    crops = [np.zeros((0, FRAME, FRAME), np.uint8)]
    for frame in open_source(source).frames(replace(sampling, fps=min(rate, sampling.fps or rate), resume=0.0)):
        crops.append(pipeline.detect_and_crop(frame.image, opened.name).crops)
    return pipeline.with_prior(pipeline.estimate_prior(np.concatenate(crops)))
