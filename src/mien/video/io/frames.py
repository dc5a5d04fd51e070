"""Frames with their true times, which of them are wanted, and the protocol of what gives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mien.video.options import Sampling

Pixels = npt.NDArray[np.uint8]


OPEN_TIMEOUT = 15.0
"""Seconds that a stream may take to open, and, unless told otherwise, between two of its packets."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video: `time` in seconds from its start, `number` among all its frames, from 0, sampled or
    not, and `image` RGB uint8 (H, W, 3)."""

    time: float
    number: int
    image: Pixels


class Source(Protocol):
    """Where frames come from. `notes` collects what a reader should be told: a file that was cut short, ...

    name      its path, address, or a description
    live      frames are lost if they are not taken in time
    duration  seconds, or None where nobody knows
    rate      frames per second, about; None where nobody knows
    """

    name: str
    live: bool
    duration: float | None
    rate: float | None
    notes: list[str]

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """The frames of the sampling, in order of time, which grows from each to the next."""
        ...
