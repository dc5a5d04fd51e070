"""`Face`: one face with its box, landmarks, emotion and probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
        if self.fused is not None:
            values["fused"] = {name: round(value, 4) for name, value in self.fused.items()}
        return values

    def __str__(self) -> str:
        left, top, right, bottom = self.box
        width, height = right - left, bottom - top
        seen = "" if self.vote_share is None else f", seen by {self.vote_share:.0%}"
        return f"{self.emotion} {self.confidence:.0%}{seen} ({width:.0f}x{height:.0f} at {left:.0f}, {top:.0f})"
