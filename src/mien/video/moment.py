"""`Moment`: the faces of one frame of a video, with its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mien.results import Faces

if TYPE_CHECKING:
    from mien.voice.voices import Voice


@dataclass(frozen=True, eq=False)
class Moment:
    """The faces of one frame.

    Attributes:
        time: seconds from the video's start.
        frame: the frame's number in the video, from 0.
        faces: `Faces` with track_ids; their probabilities are averaged in time.
        image: the frame, RGB uint8 (H, W, 3); None where the moment was read back from rows.
        detected: whether faces were detected in this frame (in real time: or in one just before it), not only tracked
            into it.
        stages: seconds that each stage took: wait (for the frame), detect, flow, track, classify. In real time faces
            may be detected in the background; "detect" is then in the moment that uses the detection.
        arrived: when the frame was ready to be analyzed, in seconds of `time.perf_counter`.
        voice: what is heard at that time, where the sound was asked for (`track(..., voice=True)`), else None.
        state: the state of the analysis before this frame, for JSON, where it can be resumed; else None.
    """

    time: float
    frame: int
    faces: Faces
    image: npt.NDArray[np.uint8] | None = None
    detected: bool = False
    stages: dict[str, float] = field(default_factory=dict)
    arrived: float = 0.0
    state: dict[str, Any] | None = None
    voice: Voice | None = None
