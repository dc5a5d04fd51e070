"""Decide in which frames of a video faces are detected, and in real time how many of them are classified.

Between detections faces are tracked by their motion.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DETECT_SECONDS = 0.15
"""Seconds between two detections, unless `detect_every` is given."""

MAX_DETECT_SECONDS = 0.5
"""Most seconds between two detections in real time: a new face is found no later than that."""

CLASSIFIED_SHARE = 0.85
"""Share of the time between two frames that tracking and classification may take in real time. It limits how many faces
are classified; the others keep the probabilities of an earlier frame."""

BACKGROUND_SHARE = 0.4
"""If a detection takes more than this share of the time between two frames, it runs in the background, in real time."""


@dataclass
class DetectionSchedule:
    """Decide in which frames faces are detected.

    They are detected every `detect_every` frames, or every DETECT_SECONDS, or in real time as often as the time allows:
    a detection may use the part of `period` that the other stages leave.

    Attributes:
        detect_every: detect in each n-th frame; None: by time.
        realtime: whether the analysis must keep up with the clock.
        period: seconds from frame to frame; None: unknown.
        find: running mean of the seconds that a detection takes.
        rest: running mean of the seconds that all other stages of a frame take.
        each: running mean of the seconds that the classification of a face takes.
    """

    detect_every: int | None
    realtime: bool
    period: float | None = None
    find: float = 0.0
    rest: float = 0.0
    each: float = 0.0
    _last: float = field(default=float("-inf"), repr=False)
    _frames: int = field(default=0, repr=False)
    _classified: float = field(default=0.0, repr=False)

    def due(self, seconds: float) -> bool:
        """Return whether to detect faces at this time of the video; call it once for every frame."""
        self._frames += 1
        away = seconds - self._last
        if self.detect_every is not None:
            return self._frames >= self.detect_every
        if not self.realtime or self.period is None:
            return away >= DETECT_SECONDS - 1e-3
        spare = max(self.period - self.rest, 1e-3)
        return away >= min(max(DETECT_SECONDS, self.period * self.find / spare), MAX_DETECT_SECONDS) - 1e-3

    def detected(self, seconds: float) -> None:
        """Record that faces were detected at this time of the video."""
        self._last, self._frames = seconds, 0

    @property
    def in_background(self) -> bool:
        """Whether a detection takes so long that frames would be late: they are tracked while it runs."""
        return self.realtime and self.period is not None and self.find > BACKGROUND_SHARE * self.period

    def classified(self, faces: int) -> int:
        """Return how many faces of a frame are classified: all of them, or in real time as many as the time allows."""
        if not self.realtime or self.period is None or not self.each:
            return faces
        besides = max(0.0, self.rest - self.each * self._classified)
        return min(faces, max(1, int((CLASSIFIED_SHARE * self.period - besides) / self.each)))

    def learn(self, stages: dict[str, float], classified: int = 0) -> None:
        """Update the mean costs: seconds of a frame's stages, and how many of its faces were classified."""
        if classified and "classify" in stages:
            each = stages["classify"] / classified
            self.each += 0.2 * (each - self.each) if self.each else each
        self._classified += 0.2 * (classified - self._classified)
        if "detect" in stages:
            self.find += 0.2 * (stages["detect"] - self.find) if self.find else stages["detect"]
        rest = sum(value for name, value in stages.items() if name not in ("wait", "detect"))
        self.rest += 0.2 * (rest - self.rest) if self.rest else rest
