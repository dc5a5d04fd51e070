"""Detect hard cuts between two shots of a video: after one, nobody is where a face was before.

Two frames belong to the same shot if the middle of one is found again in the other, moved or not. Brightness does not
count, so a change of light is no cut; a flash, after which the picture is as before, is none either. Knows pixels and
times only. The constants were chosen by measurement: docs/video.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.video.io.frames import Frame, Pixels

SIZE = (64, 36)
"""Width and height of the small picture that is compared."""

MARGIN_X, MARGIN_Y = 12, 7
"""Pixels of it by which the middle may have moved between two frames."""

SAME_SHOT = 0.78
"""Correlation, -1 to 1, from which two frames belong to the same shot."""

PANNING = 0.7
"""In a fast pan all frames differ: a cut is less alike than this share of what the last frames were."""

FLASH_SECONDS = 0.15
"""Longest flash, in seconds."""

BRIGHTER = 25.0
"""Gray levels, 0 to 255, by which a flash is brighter than what was seen before it."""

NOISE = 5.0
"""Gray levels, 0 to 255, by which a pixel may be darker by chance."""

DARKER_SHARE = 0.02
"""Most pixels, as a share, that are darker in a flash."""

BLANK = 2.0
"""Standard deviation of gray levels, 0 to 255, below which a picture is blank and shows no shot."""

MEMORY = 5
"""Number of earlier similarities with which a new one is compared."""


class CutDetector:
    """Compare each frame with the one before it."""

    def __init__(self) -> None:
        self._last: npt.NDArray[np.float32] | None = None
        self._shape: tuple[int, ...] = ()
        self._similarities: list[float] = []
        self._bright_since: float | None = None
        self._before = self._values()

    def _values(self) -> dict[str, Any]:
        return {"last": self._last, "shape": self._shape, "similarities": self._similarities}

    def state(self) -> dict[str, Any]:
        """Return the state before the last frame as plain values, for JSON."""
        last = self._before["last"]
        return {**self._before, "last": None if last is None else last.astype(int).tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the result of `state`."""
        self._last = None if state["last"] is None else np.array(state["last"], np.float32)
        self._shape = tuple(state["shape"])
        self._similarities = [float(value) for value in state["similarities"]]

    def mark(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, bool]]:
        """Yield each frame, and whether a cut is before it; look ahead by FLASH_SECONDS where a flash is possible."""
        waiting: list[Frame] = []
        while True:
            frame = waiting.pop(0) if waiting else next(frames, None)
            if frame is None:
                return
            yield frame, self.update(frame, partial(self._returns, frame, waiting, frames))

    def update(self, frame: Frame, is_flash: Callable[[], bool] | None = None) -> bool:
        """Return whether a cut is between the last frame and this one.

        Args:
            frame: the frame.
            is_flash: called where the frame differs; returns whether a later one shows the earlier shot again. None:
                what is much brighter than before is taken for a flash until it lasts longer than FLASH_SECONDS.
        """
        image = frame.image
        self._before = self._values()
        small = small_gray(image)
        if image.shape != self._shape or self._last is None:  # the size changed, which is no cut
            self._shape, self._last, self._similarities = image.shape, small, []
            return False
        if small.std() < BLANK:
            return False
        similarity = similarity_of(self._last, small) if self._last.std() >= BLANK else 1.0
        usual = float(np.median(self._similarities)) if self._similarities else 1.0
        if similarity >= min(SAME_SHOT, PANNING * usual):
            self._last, self._bright_since = small, None
            self._similarities = [*self._similarities, similarity][-MEMORY:]
            return False
        if is_flash() if is_flash is not None else self._may_be_flash(frame.time, small):
            return False
        self._last, self._bright_since, self._similarities = small, None, []
        return True

    def _may_be_flash(self, time: float, small: npt.NDArray[np.float32]) -> bool:
        """Return whether a frame is brighter than before nearly everywhere, for at most FLASH_SECONDS."""
        assert self._last is not None
        gain = small - self._last
        if gain.mean() < BRIGHTER or (gain < -NOISE).mean() > DARKER_SHARE:
            return False
        self._bright_since = time if self._bright_since is None else self._bright_since
        return time - self._bright_since <= FLASH_SECONDS

    def _returns(self, now: Frame, waiting: list[Frame], frames: Iterator[Frame]) -> bool:
        """Return whether a frame within FLASH_SECONDS shows again what was seen last; frames read are kept."""
        assert self._last is not None
        position = 0
        while True:
            if position == len(waiting):
                following = next(frames, None)
                if following is None:
                    return False
                waiting.append(following)
            later = waiting[position]
            if later.time - now.time > FLASH_SECONDS or later.image.shape != now.image.shape:
                return False
            if similarity_of(self._last, small_gray(later.image)) >= SAME_SHOT:
                return True
            position += 1


def small_gray(image: Pixels) -> npt.NDArray[np.float32]:
    """Return a frame, RGB uint8 (H, W, 3), as a small gray picture, float32 (36, 64)."""
    step = max(1, min(image.shape[:2]) // 90)
    thinned = np.ascontiguousarray(image[::step, ::step])
    small = cv2.resize(thinned, SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def similarity_of(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
    """Return the largest correlation, -1 to 1, of two small pictures, or of the middle of one moved over the other."""
    middle = after[MARGIN_Y:-MARGIN_Y, MARGIN_X:-MARGIN_X]
    if min(before.std(), after.std(), middle.std()) < 1e-3:
        return 0.0
    moved = cv2.matchTemplate(before, middle, cv2.TM_CCOEFF_NORMED).max()
    return float(max(moved, cv2.matchTemplate(before, after, cv2.TM_CCOEFF_NORMED)[0, 0]))
