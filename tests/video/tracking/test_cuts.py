"""Hard cuts are found; movement, pans, flashes and changes of light are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from helpers.video_clips import COLLINS
from mien.images import load_image
from mien.video.io.frames import Frame
from mien.video.tracking.cuts import CutDetector

RNG = np.random.default_rng(0)


def scene(seed: int, size: tuple[int, int] = (480, 270)) -> np.ndarray:
    """A made-up scene with large and small shapes."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(0, 256, (5, 8, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.integers(0, 256, (27, 48, 3), np.uint8), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(0.7 * coarse + 0.3 * fine, np.uint8)


def panned(speed: int, count: int) -> list[np.ndarray]:
    wide = scene(5, (1600, 270))
    return [wide[:, k * speed : k * speed + 480] for k in range(count)]


def brighter(image: np.ndarray, levels: float) -> np.ndarray:
    return np.clip(image.astype(np.float32) * 1.3 + levels, 0, 255).astype(np.uint8)


def cuts(images: list[np.ndarray], step: float = 1 / 30, *, live: bool = False) -> list[int]:
    frames = [Frame(k * step, k, image) for k, image in enumerate(images)]
    detector = CutDetector()
    if live:
        return [frame.number for frame in frames if detector.update(frame)]
    marked = list(detector.mark(iter(frames)))
    assert [frame.number for frame, _ in marked] == list(range(len(images)))  # none is lost by looking ahead
    return [frame.number for frame, after_cut in marked if after_cut]


ONE, TWO, THREE = (scene(seed) for seed in (1, 2, 3))
PORTRAIT = np.asarray(cv2.resize(load_image(COLLINS), (480, 270)), np.uint8)

CASES: dict[str, tuple[list[np.ndarray], list[int]]] = {
    "three shots": ([ONE] * 5 + [TWO] * 5 + [THREE] * 5, [5, 10]),
    "shot and reverse shot": ([ONE] * 8 + [TWO] * 8 + [ONE] * 8, [8, 16]),
    "one frame each": ([ONE, TWO, THREE, PORTRAIT], [1, 2, 3]),
    "still": ([ONE] * 10, []),
    "a fast pan": (panned(60, 15), []),
    "a change of light": ([brighter(ONE, level) for level in (0, 20, 40, 60, 60, 60)], []),
    "a flash": ([ONE] * 5 + [brighter(ONE, 150)] * 2 + [ONE] * 5, []),
    "a white flash": ([ONE] * 5 + [np.full_like(ONE, 255)] * 3 + [ONE] * 5, []),
    "black between two shots": ([ONE] * 5 + [np.zeros_like(ONE)] * 10 + [TWO] * 5, [15]),
    "black in one shot": ([ONE] * 5 + [np.zeros_like(ONE)] * 10 + [ONE] * 5, []),
    "another size": ([ONE] * 5 + [cv2.resize(ONE, (270, 480))] * 5, []),
}


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_where_a_shot_begins(name: str, live: bool) -> None:
    images, expected = CASES[name]
    assert cuts(images, live=live) == expected


@pytest.mark.parametrize("step", [1 / 120, 0.2, 1.0, 10.0])
def test_at_any_rate(step: float) -> None:
    noisy = [np.clip(one + RNG.normal(0, 4, one.shape), 0, 255).astype(np.uint8) for one in [ONE] * 4 + [TWO] * 4]
    assert cuts(noisy, step) == [4]


def test_a_flash_longer_than_flashes_is_a_shot() -> None:
    bright = brighter(TWO, 60)
    assert cuts([ONE] * 5 + [bright] * 20) == [5]
    assert cuts([ONE] * 5 + [bright] * 20, live=True) != []
