"""Where a network takes something else for a face: places that training then shows more often.

Knows networks and labels; how the places are shown is `augment`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.detection.detections import Detections
from mien.detection.mien_face import FinderMetadata, MienFace
from mien.evaluation.detection import inside_share, overlaps
from mien.files import replacing
from mien.training.detector.data import FaceScenes
from mien.training.detector.export import finder_content
from mien.training.detector.network import FaceNetwork
from mien.training.detector.pictures import read
from mien.training.detector.recipe import FinderNetworkRecipe
from mien.training.detector.train import load_weights

FloatArray = npt.NDArray[np.float32]

LEAST_SCORE = 0.2

FAR, OUTSIDE = 0.25, 0.4
"""A box is a mistake if it overlaps no label by this IoU and lies in none with this share of its area."""


def mistakes_of(finder: Callable[[npt.NDArray[np.uint8]], Detections], scenes: FaceScenes) -> FloatArray:
    """Return the number of the picture and the box (k, 5) of what a finder finds where no label is."""
    rows = [np.zeros((0, 5), np.float32)]
    for number, file in enumerate(scenes.files):
        boxes, labels = finder(read(file)).boxes, scenes.boxes[scenes.rows(number)]
        near = overlaps(boxes, labels).max(axis=1, initial=0) >= FAR
        near |= inside_share(boxes, labels).max(axis=1, initial=0) >= OUTSIDE
        wrong = boxes[~near]
        rows.append(np.hstack([np.full((len(wrong), 1), number, np.float32), wrong]))
    return np.concatenate(rows)


def cached_mistakes(path: Path, weights: str | Path, recipe: FinderNetworkRecipe, scenes: FaceScenes) -> FloatArray:
    """Return the mistakes of a network's weights on scenes, from a file that is written the first time."""
    if not path.is_file():
        network = FaceNetwork(recipe)
        load_weights(network, weights, partly=True)
        content = finder_content(network, FinderMetadata(), read(scenes.files[0]))
        rows = mistakes_of(MienFace(content, threshold=LEAST_SCORE, second_look="never", threads=1), scenes)
        with replacing(path) as temporary:
            np.savez(temporary, rows=rows)
    with np.load(path) as kept:
        rows = kept["rows"]
    return rows.astype(np.float32)
