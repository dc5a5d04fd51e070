"""Who is who from frame to frame, and probabilities and labels that are steady in time.

Knows boxes, times, small descriptions of how faces look, and distributions; nothing of files, networks or drawing.
The choices here were measured: docs/video.md says against what, and how.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from mien.errors import InputError

FloatArray = npt.NDArray[np.float32]


Pixels = npt.NDArray[np.uint8]


APPEARANCE_SIDE = 6
"""A face's look is a grid of so many colours squared: hair, skin and clothes count, expression does not."""


_IMPOSSIBLE = 1e3


@dataclass(frozen=True)
class TrackOptions:
    """How tracks are kept; distances are in sides of the face's box.

    max_gap     seconds that a face may stay away and still be the same person on return
    reach       how far from where it is expected a face may turn up at once
    reach_gain  how much farther for every second that it was away
    max_reach   but not farther than this
    away        what a second of absence counts against somebody, up to one: the one who was here is likelier
    look        weight of the look against the distance, 0: looks do not count
    least_look  a face that looks less alike than this (-1 to 1) is another person, if it was away or another is near
    """

    max_gap: float = 2.0
    reach: float = 0.7
    reach_gain: float = 2.0
    max_reach: float = 1.2
    away: float = 0.25
    look: float = 0.7
    least_look: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_gap", "reach", "reach_gain", "max_reach", "away", "look"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"tracking: expected {name} from 0, got {getattr(self, name)}")


@dataclass(eq=False)
class _Track:
    """One person: the last box, its centre's velocity in pixels a second, the look, and when it was last seen."""

    number: int
    box: npt.NDArray[np.float64]
    seen: float
    look: FloatArray | None
    velocity: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    known: float = 0.0  # seconds over which the velocity has been learnt

    VELOCITY_TIME = 0.4  # seconds over which the velocity is averaged
    COAST = 2.0  # seconds after which an unseen face is no longer thought to move
    LOOK_TIME = 2.0  # seconds over which the look is averaged

    @property
    def side(self) -> float:
        return float(np.sqrt(max(1.0, (self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))))

    def centre_at(self, time: float) -> npt.NDArray[np.float64]:
        """Where the middle of the face is expected; the speed of one who is not seen dies away."""
        away = time - self.seen
        travelled = self.COAST * (1 - np.exp(-away / self.COAST))
        return np.asarray(_centres(self.box[None])[0] + self.velocity * travelled)

    def move(self, time: float, box: npt.NDArray[np.float64], look: FloatArray | None) -> None:
        passed = time - self.seen
        if passed > 0:
            speed = (_centres(box[None])[0] - _centres(self.box[None])[0]) / passed
            share = 1 - np.exp(-passed / self.VELOCITY_TIME)
            self.velocity += max(share, passed / (self.known + passed)) * (speed - self.velocity)
            self.known += passed
        if look is not None and self.look is not None:
            share = np.float32(1 - np.exp(-max(passed, 1e-3) / self.LOOK_TIME))
            look = self.look + share * (look - self.look)
        self.box, self.seen, self.look = box, time, self.look if look is None else look


class Tracker:
    """Numbers for faces that stay the same as long as the person does: `update` is called for every frame in order.

    A face is expected where its velocity takes it. Faces and tracks are paired so that the sum of their distances, in
    sides of the face, and differences in size and look is least (the Hungarian method). What finds no partner in
    reach is a new person; who is not seen for `max_gap` seconds is forgotten, and gets a new number on return.
    """

    def __init__(self, options: TrackOptions = TrackOptions(), first: int = 1) -> None:
        self.options = options
        self.next_number = first
        self._tracks: list[_Track] = []

    @property
    def numbers(self) -> set[int]:
        """The tracks that are not forgotten yet, visible or not."""
        return {track.number for track in self._tracks}

    def restore(self, time: float, boxes: FloatArray, numbers: npt.NDArray[np.int64]) -> None:
        """Goes on from faces that an earlier tracker numbered at that time."""
        for box, number in zip(boxes, numbers, strict=True):
            self._tracks.append(_Track(int(number), box.astype(np.float64), time, None))
        self.next_number = max([self.next_number, *(int(number) + 1 for number in numbers)])

    def update(self, time: float, boxes: FloatArray, looks: FloatArray | None = None) -> npt.NDArray[np.int64]:
        """The numbers int64 (n,) of the faces seen at a time in seconds.

        `boxes` float32 (n, 4) xyxy in pixels; `looks` float32 (n, d) of length 1, from `appearance_of`, or None.
        """
        self._tracks = [track for track in self._tracks if time - track.seen <= self.options.max_gap]
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)
        numbers = np.full(len(corners), -1, np.int64)
        costs = self._costs(time, corners, looks)
        for row, column in zip(*linear_sum_assignment(costs), strict=True):
            if costs[row, column] < _IMPOSSIBLE:
                numbers[column] = self._tracks[row].number
                self._tracks[row].move(time, corners[column], None if looks is None else looks[column])
        for column in np.flatnonzero(numbers < 0):
            numbers[column] = self.next_number
            look = None if looks is None else looks[column]
            self._tracks.append(_Track(self.next_number, corners[column], time, look))
            self.next_number += 1
        return numbers

    def keep(self, time: float, boxes: FloatArray, numbers: npt.NDArray[np.int64]) -> None:
        """Takes over the places of faces whose numbers are known, because they were followed between pictures."""
        places = {int(number): box.astype(np.float64) for number, box in zip(numbers, boxes, strict=True)}
        for track in self._tracks:
            if track.number in places:
                track.move(time, places[track.number], None)

    def _costs(self, time: float, boxes: npt.NDArray[np.float64], looks: FloatArray | None) -> npt.NDArray[np.float64]:
        """How unlikely each face (columns) is to be each track (rows)."""
        costs = np.full((len(self._tracks), len(boxes)), _IMPOSSIBLE)
        sides = np.sqrt(np.maximum(1.0, (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)))
        centres = _centres(boxes)
        for row, track in enumerate(self._tracks):
            options, away = self.options, time - track.seen
            reach = min(options.reach + options.reach_gain * away, options.max_reach)
            distance = np.linalg.norm(centres - track.centre_at(time), axis=1) / np.sqrt(sides * track.side)
            growth = np.abs(np.log(sides / track.side))
            cost = distance + options.away * min(away, 1.0) + 0.5 * growth
            possible = (distance < reach) & (growth < 1.0)
            if looks is not None and track.look is not None and options.look:
                alike = looks @ track.look / max(1e-6, float(np.linalg.norm(track.look)))
                cost = cost + options.look * (1 - alike)
                possible &= (alike >= options.least_look) | (distance < 0.3)
            costs[row, possible] = cost[possible]
        return costs


def appearance_of(image: Pixels, boxes: FloatArray) -> FloatArray:
    """How faces look, float32 (n, d) of length 1 each: a coarse grid of colours around each box, brightness evened.

    `image` RGB uint8 (H, W, 3); two looks are compared by their scalar product.
    """
    looks = np.zeros((len(boxes), 3 * APPEARANCE_SIDE**2), np.float32)
    height, width = image.shape[:2]
    for look, (left, top, right, bottom) in zip(looks, boxes, strict=True):
        margin = 0.25 * (right - left)
        low_x, high_x = int(np.clip(left - margin, 0, width - 1)), int(np.clip(right + margin, 1, width))
        low_y, high_y = int(np.clip(top - margin, 0, height - 1)), int(np.clip(bottom + 2 * margin, 1, height))
        patch = image[low_y : max(high_y, low_y + 1), low_x : max(high_x, low_x + 1)]
        grid = (
            cv2.resize(patch, (APPEARANCE_SIDE, APPEARANCE_SIDE), interpolation=cv2.INTER_AREA)
            .astype(np.float32)
            .ravel()
        )
        grid -= grid.mean()
        look[:] = grid / max(1e-6, float(np.linalg.norm(grid)))
    return looks


def _centres(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
