"""Faces as a video gives them, made up."""

from __future__ import annotations

import numpy as np

from mien.labels import FERPLUS
from mien.results import Faces


def faces(*people: tuple[int, str, float], box: tuple[float, float, float, float] = (10, 10, 50, 60)) -> Faces:
    """A row per (track, reported emotion, its probability), side by side, 60 pixels apart."""
    n = len(people)
    probabilities = np.zeros((n, len(FERPLUS)), np.float32)
    for row, (_, emotion, value) in enumerate(people):
        probabilities[row] = (1 - value) / (len(FERPLUS) - 1)
        probabilities[row, FERPLUS.index(emotion)] = value
    boxes = np.array([np.add(box, [60 * row, 0, 60 * row, 0]) for row in range(n)], np.float32).reshape(n, 4)
    return Faces(
        boxes=boxes,
        scores=np.full(n, 0.9, np.float32),
        landmarks=np.full((n, 5, 2), np.nan, np.float32),
        probabilities=probabilities,
        vote_shares=np.full(n, 0.5, np.float32),
        labels=FERPLUS,
        size=(320, 240),
        track_ids=np.array([track for track, *_ in people], np.int64),
        reported=np.array([FERPLUS.index(emotion) for _, emotion, _ in people], np.int64),
    )
