"""`Frame`, a picture with its time, and `Source`, the protocol of everything that yields frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mien.video.options import Sampling

Pixels = npt.NDArray[np.uint8]


OPEN_TIMEOUT = 15.0
"""Seconds that a stream may take to open, and by default between two of its packets."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        time: seconds from the video's start.
        number: the position among all frames of the video, sampled or not, from 0.
        image: RGB uint8 (H, W, 3).
    """

    time: float
    number: int
    image: Pixels


class Source(Protocol):
    """A source of frames: a file, a stream, a camera, a folder of pictures.

    Attributes:
        name: the path, the address, or a description.
        live: whether frames are lost if they are not taken in time.
        duration: seconds; None if unknown.
        rate: approximate frames per second; None if unknown.
        notes: problems for the user to read, such as a file that was cut short; complete after the last frame.
    """

    name: str
    live: bool
    duration: float | None
    rate: float | None
    notes: list[str]

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Yield the frames of the sampling; their times increase."""
        ...
