"""Decide in which frames of a video faces are detected; in the others they are tracked by their motion."""

from __future__ import annotations

from dataclasses import dataclass, field

DETECT_SECONDS = 0.15
"""Seconds between two detections, unless `detect_every` is given."""

MAX_DETECT_SECONDS = 0.5
"""Most seconds between two detections in real time: a new face is found no later than that."""

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
    """

    detect_every: int | None
    realtime: bool
    period: float | None = None
    find: float = 0.0
    rest: float = 0.0
    _last: float = field(default=float("-inf"), repr=False)
    _frames: int = field(default=0, repr=False)

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

    def learn(self, stages: dict[str, float]) -> None:
        """Update the mean costs with the seconds that the stages of a frame took."""
        if "detect" in stages:
            self.find += 0.2 * (stages["detect"] - self.find) if self.find else stages["detect"]
        rest = sum(value for name, value in stages.items() if name not in ("wait", "detect"))
        self.rest += 0.2 * (rest - self.rest) if self.rest else rest
