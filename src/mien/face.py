"""`Face`: one face with its box, landmarks, emotion and probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

VOTE_NUMBERS = ("expressiveness", "valence", "arousal")
"""Numbers that are derived from the estimated votes: fields of `Face` and `Faces`, and methods of `LabelSet`."""


class Estimate(NamedTuple):
    """An estimated number, and the interval that holds the real one in nine of ten cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Face:
    """One face of a picture.

    Attributes:
        box: left, top, right and bottom in pixels of the original, upright picture.
        score: the detector's score, 0 to 1.
        landmarks: x and y of both eyes, nose and mouth corners, from the picture's left to its right, in pixels; None
            where the detector gives none.
        emotion: the most probable emotion, or "uncertain" if its probability is below `min_confidence`.
        confidence: the calibrated probability that the emotion is right, 0 to 1.
        probabilities: the probability of each emotion; they sum to 1.
        vote_share: the estimated share of people who would choose that emotion for this face, 0 to 1; None if the model
            was not trained on votes.
        track: the person's number in a video, else None.
        fused: the probability of each emotion from face and voice together, where the sound was asked for, else None.
        emotion_set: the emotions of which one is right with the promised share of cases, the most probable first; None
            where the model does not know its errors.
        expressiveness: the share of people, 0 to 1, who see any emotion at all (not "neutral"); None if the model was
            not trained on votes, as for the next.
        valence: how pleasant people find what they see, -1 to 1: the mean over the vote distribution, see
            `mien.labels.LabelSet.valence`.
        arousal: how aroused people find what they see, -1 to 1, in the same way.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...] | None
    emotion: str
    confidence: float
    probabilities: dict[str, float]
    vote_share: float | None
    track: int | None = None
    fused: dict[str, float] | None = None
    emotion_set: tuple[str, ...] | None = None
    expressiveness: Estimate | None = None
    valence: Estimate | None = None
    arousal: Estimate | None = None

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the `count` most probable emotions with their probabilities, in descending order."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:count]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, rounded to 0.1 pixel and 0.0001."""
        values = {
            "box": [round(value, 1) for value in self.box],
            "score": round(self.score, 4),
            "landmarks": self.landmarks and [[round(x, 1), round(y, 1)] for x, y in self.landmarks],
            "emotion": self.emotion,
            "confidence": round(self.confidence, 4),
            "vote_share": None if self.vote_share is None else round(self.vote_share, 4),
            "probabilities": {name: round(value, 4) for name, value in self.probabilities.items()},
            "track": self.track,
        }
        if self.emotion_set is not None:
            values["emotion_set"] = list(self.emotion_set)
        for name in VOTE_NUMBERS:
            estimate: Estimate | None = getattr(self, name)
            if estimate is not None:
                values[name] = {part: round(value, 4) for part, value in estimate._asdict().items()}
        if self.fused is not None:
            values["fused"] = {name: round(value, 4) for name, value in self.fused.items()}
        return values

    def __str__(self) -> str:
        left, top, right, bottom = self.box
        width, height = right - left, bottom - top
        seen = "" if self.vote_share is None else f", seen by {self.vote_share:.0%}"
        return f"{self.emotion} {self.confidence:.0%}{seen} ({width:.0f}x{height:.0f} at {left:.0f}, {top:.0f})"
