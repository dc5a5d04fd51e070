"""Track persons from frame to frame by position, size and appearance.

This module knows boxes, times and appearance vectors; nothing of files, networks or drawing. Its defaults were chosen
by measurement: docs/video.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import lap
import numpy as np
import numpy.typing as npt

from mien.errors import InputError

FloatArray = npt.NDArray[np.float32]


Pixels = npt.NDArray[np.uint8]


APPEARANCE_SIDE = 6
"""Side of the grid of colours that describes the appearance of a face: hair, skin and clothes, not expression."""


_IMPOSSIBLE = 1e3


@dataclass(frozen=True)
class TrackOptions:
    """Options of the tracker. Distances are in sides of the face's box. Raises InputError for values out of range.

    Attributes:
        max_gap: most seconds between two sightings of a person.
        reach: most distance from the expected position at once.
        reach_gain: how much the reach grows with each second without a sighting.
        max_reach: upper limit of the reach.
        absence_cost: cost of a second without a sighting, counted up to one second.
        appearance_weight: weight of the difference in appearance; 0: it does not count.
        min_similarity: least similarity of appearance, -1 to 1, unless the face is less than 0.3 from its expected
            position.
    """

    max_gap: float = 2.0
    reach: float = 0.7
    reach_gain: float = 2.0
    max_reach: float = 1.2
    absence_cost: float = 0.25
    appearance_weight: float = 0.7
    min_similarity: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_gap", "reach", "reach_gain", "max_reach", "absence_cost", "appearance_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"tracking: expected {name} from 0, got {getattr(self, name)}")


@dataclass(eq=False)
class _Track:
    """One person: the last box, when it was seen, the appearance, and the centre's velocity in pixels per second."""

    number: int
    box: npt.NDArray[np.float64]
    seen: float
    appearance: FloatArray | None
    velocity: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    known: float = 0.0  # seconds over which the velocity has been measured

    VELOCITY_TIME = 0.4  # seconds over which the velocity is averaged
    COAST = 2.0  # time constant, in seconds, with which the velocity of an unseen face decays
    APPEARANCE_TIME = 2.0  # seconds over which the appearance is averaged

    @property
    def side(self) -> float:
        """Side of the square with the area of the box, in pixels."""
        return float(np.sqrt(max(1.0, (self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))))

    def centre_at(self, time: float) -> npt.NDArray[np.float64]:
        """Return the expected centre of the face; the velocity of an unseen face decays."""
        away = time - self.seen
        travelled = self.COAST * (1 - np.exp(-away / self.COAST))
        return np.asarray(_centres(self.box[None])[0] + self.velocity * travelled)

    def move(self, time: float, box: npt.NDArray[np.float64], appearance: FloatArray | None) -> None:
        """Update the track with a new sighting."""
        passed = time - self.seen
        if passed > 0:
            speed = (_centres(box[None])[0] - _centres(self.box[None])[0]) / passed
            share = 1 - np.exp(-passed / self.VELOCITY_TIME)
            self.velocity += max(share, passed / (self.known + passed)) * (speed - self.velocity)
            self.known += passed
        if appearance is not None and self.appearance is not None:
            share = np.float32(1 - np.exp(-max(passed, 1e-3) / self.APPEARANCE_TIME))
            appearance = self.appearance + share * (appearance - self.appearance)
        self.box, self.seen, self.appearance = box, time, self.appearance if appearance is None else appearance


class Tracker:
    """Give each person a number that stays the same from frame to frame.

    The position of a track is predicted from its velocity. Faces are assigned to tracks by the Hungarian method, with a
    cost of distance, difference in size and difference in appearance. A face without a track in reach starts a new one;
    a track that is not seen for `max_gap` seconds ends.

    Args:
        options: the options.
        first: the first number that is given.
    """

    def __init__(self, options: TrackOptions = TrackOptions(), first: int = 1) -> None:
        self.options = options
        self.next_number = first
        self._tracks: list[_Track] = []
        self._anywhere = False

    @property
    def numbers(self) -> set[int]:
        """The numbers of the tracks that have not ended, visible or not."""
        return {track.number for track in self._tracks}

    def restore(self, time: float, boxes: FloatArray, numbers: npt.NDArray[np.int64]) -> None:
        """Restore the tracks of an earlier tracker.

        Args:
            time: when the faces were seen, in seconds.
            boxes: their boxes, float32 (n, 4).
            numbers: their numbers, int64 (n,).
        """
        for box, number in zip(boxes, numbers, strict=True):
            self._tracks.append(_Track(int(number), box.astype(np.float64), time, None))
        self.next_number = max([self.next_number, *(int(number) + 1 for number in numbers)])

    def end_all(self) -> None:
        """End all tracks: whoever is seen next gets a new number."""
        self._tracks = []

    def expect_anywhere(self) -> None:
        """Let appearance alone find each person in the next update, since all positions have changed."""
        self._anywhere = True

    def state(self) -> dict[str, Any]:
        """Return the tracks as plain values, for JSON."""
        tracks = [
            {
                "number": track.number,
                "box": track.box.tolist(),
                "seen": track.seen,
                "appearance": None if track.appearance is None else track.appearance.tolist(),
                "velocity": track.velocity.tolist(),
                "known": track.known,
            }
            for track in self._tracks
        ]
        return {"next_number": self.next_number, "tracks": tracks}

    def restore_state(self, state: dict[str, Any]) -> None:
        """Continue from the result of `state`."""
        self.next_number = int(state["next_number"])
        self._tracks = [
            _Track(
                int(track["number"]),
                np.array(track["box"], np.float64),
                float(track["seen"]),
                None if track["appearance"] is None else np.array(track["appearance"], np.float32),
                np.array(track["velocity"], np.float64),
                float(track["known"]),
            )
            for track in state["tracks"]
        ]

    def update(self, time: float, boxes: FloatArray, appearances: FloatArray | None = None) -> npt.NDArray[np.int64]:
        """Assign the detected faces to tracks; call it in the order of time.

        Args:
            time: seconds.
            boxes: the faces, float32 (n, 4) xyxy in pixels.
            appearances: unit vectors of their appearance, float32 (n, d), from `appearance_of`, or None.

        Returns:
            The number of each face's track, int64 (n,).
        """
        self._tracks = [track for track in self._tracks if time - track.seen <= self.options.max_gap]
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)
        numbers = np.full(len(corners), -1, np.int64)
        costs = self._costs(time, corners, appearances)
        self._anywhere = False
        for column, row in enumerate(assign(costs).tolist()):
            if row >= 0 and costs[row, column] < _IMPOSSIBLE:
                numbers[column] = self._tracks[row].number
                self._tracks[row].move(time, corners[column], None if appearances is None else appearances[column])
        for column in np.flatnonzero(numbers < 0).tolist():
            numbers[column] = self.next_number
            appearance = None if appearances is None else appearances[column]
            self._tracks.append(_Track(self.next_number, corners[column], time, appearance))
            self.next_number += 1
        return numbers

    def update_positions(self, time: float, boxes: FloatArray, numbers: npt.NDArray[np.int64]) -> None:
        """Update the tracks of faces whose numbers are known, since they were moved by optical flow.

        Args:
            time: seconds.
            boxes: the faces, float32 (n, 4) xyxy in pixels.
            numbers: their numbers, int64 (n,).
        """
        places = {int(number): box.astype(np.float64) for number, box in zip(numbers, boxes, strict=True)}
        for track in self._tracks:
            if track.number in places:
                track.move(time, places[track.number], None)

    def _costs(
        self, time: float, boxes: npt.NDArray[np.float64], appearances: FloatArray | None
    ) -> npt.NDArray[np.float64]:
        """Return the cost of assigning each face (columns) to each track (rows)."""
        costs = np.full((len(self._tracks), len(boxes)), _IMPOSSIBLE)
        sides = np.sqrt(np.maximum(1.0, (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)))
        centres = _centres(boxes)
        for row, track in enumerate(self._tracks):
            options, away = self.options, time - track.seen
            reach = min(options.reach + options.reach_gain * away, options.max_reach)
            distance = np.linalg.norm(centres - track.centre_at(time), axis=1) / np.sqrt(sides * track.side)
            growth = np.abs(np.log(sides / track.side))
            if self._anywhere:
                distance, growth = np.zeros(len(boxes)), np.zeros(len(boxes))
            cost = distance + options.absence_cost * min(away, 1.0) + 0.5 * growth
            possible = (distance < reach) & (growth < 1.0)
            if appearances is not None and track.appearance is not None and options.appearance_weight:
                similarity = appearances @ track.appearance / max(1e-6, float(np.linalg.norm(track.appearance)))
                cost = cost + options.appearance_weight * (1 - similarity)
                possible &= (similarity >= options.min_similarity) | (distance < 0.3)
            costs[row, possible] = cost[possible]
        return costs


def assign(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the row of each column, int64 (m,), so that the sum of the costs is least; -1: none is left for it.

    Args:
        costs: float64 (n, m), finite.
    """
    if not costs.size:
        return np.full(costs.shape[1], -1, np.int64)
    return np.asarray(lap.lapjv(costs, extend_cost=True)[2], np.int64)


def appearance_of(image: Pixels, boxes: FloatArray) -> FloatArray:
    """Describe the appearance of faces by a coarse grid of colours around each box, without the mean brightness.

    Args:
        image: the frame, RGB uint8 (H, W, 3).
        boxes: the faces, float32 (n, 4) xyxy in pixels.

    Returns:
        Unit vectors float32 (n, d); the scalar product of two is their similarity, -1 to 1.
    """
    appearances = np.zeros((len(boxes), 3 * APPEARANCE_SIDE**2), np.float32)
    height, width = image.shape[:2]
    for appearance, (left, top, right, bottom) in zip(appearances, boxes, strict=True):
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
        appearance[:] = grid / max(1e-6, float(np.linalg.norm(grid)))
    return appearances


def _centres(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
