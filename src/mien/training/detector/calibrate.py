"""Scores that are chances: a line on the logits, fitted on labelled pictures that training never saw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mien.detection.detections import Detections
from mien.errors import DataError
from mien.evaluation.detection import UNCOUNTED, judge
from mien.training.detector.data import FaceScenes
from mien.training.detector.pictures import read

FEWEST = 50
"""Right boxes, and wrong ones, that a fit needs."""

STEPS = 50


def fit_scores(finder: Callable[[npt.NDArray[np.uint8]], Detections], scenes: FaceScenes) -> tuple[float, float]:
    """Return scale and shift that make a finder's scores the chance that a box is a face.

    `finder` has scale 1, shift 0 and a low threshold. Boxes in a doubt's place do not count.
    """
    parts = [scenes.rows(k) for k in range(len(scenes))]
    found = [finder(read(file)) for file in scenes.files]
    findings = judge(
        [(answer.boxes, answer.scores) for answer in found],
        [scenes.boxes[part][~scenes.ignored[part]] for part in parts],
        [scenes.boxes[part][scenes.ignored[part]] for part in parts],
    )
    counted = findings.verdicts != UNCOUNTED
    right = findings.verdicts[counted].astype(float)
    if min(right.sum(), (1 - right).sum()) < FEWEST:
        raise DataError(
            f"calibration: expected at least {FEWEST} right and {FEWEST} wrong boxes, got {int(right.sum())} and "
            f"{int((1 - right).sum())}. Give more pictures, or lower the finder's threshold"
        )
    scores = findings.scores[counted].astype(float).clip(1e-6, 1 - 1e-6)
    return fit_line(np.log(scores / (1 - scores)), right)


def fit_line(logits: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the scale and shift of the logistic regression of `right` on logits, by Newton's method."""
    inputs = np.stack([logits, np.ones_like(logits)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-(inputs @ weights).clip(-30, 30)))
        slope = inputs.T @ (chance - right) + 1e-6 * weights
        bend = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + 1e-6 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return float(weights[0]), float(weights[1])
