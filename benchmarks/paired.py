"""Accuracy of both heads, and the difference from a reference on the same faces, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.datasets import plurality

Right = dict[str, npt.NDArray[np.bool_]]
"""Head -> which faces are read right."""

HEADING = ["FER2013", "difference", "FER+ plurality", "difference"]


def right_answers(
    answers: Mapping[str, npt.NDArray[np.floating]], labels: npt.NDArray[np.integer], votes: npt.NDArray[np.uint8]
) -> Right:
    """Which faces are read right, by their label and by the plurality of their votes where there is one."""
    voted, seen = plurality(votes)
    return {
        "fer2013": answers["fer2013"].argmax(axis=1) == labels,
        "ferplus": answers["ferplus"][voted].argmax(axis=1) == seen,
    }


def paired(right: Right, reference: Right) -> dict[str, dict[str, float]]:
    """For each head `accuracy`, `gain` over the reference, and the gain's standard `error`; shares of 1."""
    scores = {}
    for head, values in right.items():
        gain = values.astype(float) - reference[head]
        scores[head] = {
            "accuracy": round(float(values.mean()), 4),
            "gain": round(float(gain.mean()), 4),
            "error": round(float(gain.std() / math.sqrt(len(gain))), 4),
        }
    return scores


def cells(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The same in percent, under HEADING; nothing where it is the reference itself."""
    return [
        text
        for score in scores.values()
        for text in (
            f"{100 * score['accuracy']:.1f}",
            f"{100 * score['gain']:+.1f} ± {100 * score['error']:.1f}" if score["error"] else "",
        )
    ]
