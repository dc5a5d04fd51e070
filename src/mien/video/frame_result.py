"""`FrameResult`: the faces of one frame, classified but not averaged in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.detection.detections import Detections
from mien.pipeline import FacePipeline, pick_vote_shares
from mien.results import Faces
from mien.video.io.frames import Frame
from mien.video.moment import Moment


@dataclass(frozen=True, eq=False)
class FrameResult:
    """The faces of one frame, classified but not averaged.

    Attributes:
        frame: the frame.
        faces: its faces, n of them.
        numbers: their tracks, int64 (n,).
        values: probabilities and, where the model has them, vote shares, float32 (n, K) or (n, 2 K).
        pipeline: what classified them.
        detected: see `Moment`.
        stages: see `Moment`.
        arrived: see `Moment`.
        state: the state of the tracker and of the cut detector before this frame, where the analysis can be resumed.
    """

    frame: Frame
    faces: Detections
    numbers: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    pipeline: FacePipeline
    detected: bool
    stages: dict[str, float]
    arrived: float
    state: dict[str, Any] | None = None

    def moment(self, name: str, averages: npt.NDArray[np.float32], columns: npt.NDArray[np.int64]) -> Moment:
        """Return the moment with averaged values, shaped as `values`, and the reported columns, int64 (n,)."""
        count = len(self.pipeline.labels)
        probabilities = np.ascontiguousarray(averages[:, :count])
        shares = averages[:, count:] if averages.shape[1] > count else None
        image = self.frame.image
        faces = Faces(
            boxes=self.faces.boxes,
            scores=self.faces.scores,
            landmarks=self.faces.landmarks,
            probabilities=probabilities,
            vote_shares=pick_vote_shares(columns, shares),
            **self.pipeline.uncertainty(probabilities, shares, columns),
            labels=self.pipeline.labels,
            size=(image.shape[1], image.shape[0]),
            source=name,
            track_ids=self.numbers,
            reported=columns,
            min_confidence=self.pipeline.min_confidence,
        )
        return Moment(self.frame.time, self.frame.number, faces, image, self.detected, self.stages, self.arrived)
