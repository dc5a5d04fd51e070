"""Corrupt face crops in ten ways, in five levels each.

The idea is that of ImageNet-C (Hendrycks and Dietterich 2019). The corruptions are made for crops like FER2013's, with
the eyes around row 19 and the mouth around row 36 of 48. The same seed corrupts the same crops in the same way. This
module knows pixels only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mien.errors import InputError, suggest
from mien.preprocess import FRAME, check_crops

Crop = npt.NDArray[np.uint8]
LEVELS = (1, 2, 3, 4, 5)
EYES, MOUTH = 19, 36
"""Rows of the 48 of a crop around which FER2013 has eyes and mouths."""
BAR_LEFT, BAR_RIGHT = 6, 42
MASK = 200
"""Gray value of the bar over the mouth (a light mask); the bar over the eyes is black, like sunglasses."""
GLASSES = 13
"""Height of the bar over the eyes in pixels. A black bar of 3 pixels, a line, is harder to read than one of 6."""


@dataclass(frozen=True)
class Corruption:
    """Define one kind of corruption.

    Attributes:
        strengths: the strength at each of the five levels.
        unit: the unit of the strengths.
        apply: corrupts a crop, uint8 (48, 48), given the strength and a random generator.
    """

    strengths: tuple[float, ...]
    unit: str
    apply: Callable[[Crop, float, np.random.Generator], Crop]


def corrupt(crops: npt.NDArray[np.uint8], name: str, level: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return crops with one corruption.

    Args:
        crops: gray, uint8 (N, 48, 48).
        name: a key of `CORRUPTIONS`.
        level: 1 to 5.
        seed: seed of the random numbers, from 0.

    Returns:
        New crops, gray, uint8 (N, 48, 48).

    Raises:
        InputError: an argument is out of range.
    """
    check_crops(crops)
    if name not in CORRUPTIONS:
        raise InputError(f"corruption {name!r}: {suggest(name, CORRUPTIONS)}")
    if level not in LEVELS:
        raise InputError(f"level: expected 1 to {LEVELS[-1]}, got {level}")
    if seed < 0:
        raise InputError(f"seed: expected a whole number from 0, got {seed}")
    corruption = CORRUPTIONS[name]
    rng = np.random.default_rng([seed, *name.encode()])
    strength = corruption.strengths[level - 1]
    corrupted = np.empty_like(crops)
    for place, crop in enumerate(crops):
        corrupted[place] = corruption.apply(crop, strength, rng)
    return corrupted


def _pixels(values: npt.NDArray[np.floating]) -> Crop:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _blur(crop: Crop, sigma: float, rng: np.random.Generator) -> Crop:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8)


def _noise(crop: Crop, deviation: float, rng: np.random.Generator) -> Crop:
    return _pixels(crop + deviation * rng.standard_normal(crop.shape))


def _jpeg(crop: Crop, quality: float, rng: np.random.Generator) -> Crop:
    _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _low_light(crop: Crop, share: float, rng: np.random.Generator) -> Crop:
    """Darken the crop and add the shot noise of less light: its variance is the mean number of photons."""
    photons = rng.poisson(crop * share)
    return _pixels(photons.astype(np.float64))


def _contrast(crop: Crop, share: float, rng: np.random.Generator) -> Crop:
    mean = crop.mean()
    return _pixels(mean + share * (crop - mean))


def _bar(crop: Crop, middle: int, height: float, gray: int) -> Crop:
    hidden = crop.copy()
    top = round(middle - height / 2)
    hidden[max(0, top) : min(FRAME, top + round(height)), BAR_LEFT:BAR_RIGHT] = gray
    return hidden


def _eyes(crop: Crop, darkness: float, rng: np.random.Generator) -> Crop:
    hidden = _bar(crop, EYES, GLASSES, 0)
    return np.asarray(crop * (1 - darkness) + hidden.astype(np.float32) * darkness, np.uint8)


def _mouth(crop: Crop, height: float, rng: np.random.Generator) -> Crop:
    return _bar(crop, MOUTH, height, MASK)


def _warped(crop: Crop, degrees: float, scale: float) -> Crop:
    middle = ((FRAME - 1) / 2, (FRAME - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, degrees, scale)
    return np.asarray(cv2.warpAffine(crop, matrix, (FRAME, FRAME), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _rotation(crop: Crop, degrees: float, rng: np.random.Generator) -> Crop:
    return _warped(crop, degrees * rng.choice((-1, 1)), 1.0)


def _scale(crop: Crop, factor: float, rng: np.random.Generator) -> Crop:
    return _warped(crop, 0.0, float(factor ** rng.choice((-1, 1))))


def _resolution(crop: Crop, side: float, rng: np.random.Generator) -> Crop:
    small = cv2.resize(crop, (int(side), int(side)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (FRAME, FRAME), interpolation=cv2.INTER_LINEAR), np.uint8)


CORRUPTIONS = {
    "blur": Corruption((0.75, 1.0, 1.5, 2.0, 3.0), "sigma, pixels", _blur),
    "noise": Corruption((8, 16, 24, 36, 48), "deviation, gray levels", _noise),
    "jpeg": Corruption((50, 30, 20, 10, 5), "quality", _jpeg),
    "low light": Corruption((0.5, 0.25, 0.12, 0.06, 0.03), "share of the light", _low_light),
    "contrast": Corruption((0.6, 0.4, 0.25, 0.15, 0.08), "share of the contrast", _contrast),
    "eyes hidden": Corruption((0.3, 0.5, 0.7, 0.85, 1.0), "share of the light that dark glasses take", _eyes),
    "mouth hidden": Corruption((4, 8, 12, 16, 20), "height of a light bar, pixels", _mouth),
    "rotation": Corruption((10, 20, 30, 45, 60), "degrees to either side", _rotation),
    "scale": Corruption((1.1, 1.2, 1.35, 1.5, 1.75), "larger or smaller by", _scale),
    "resolution": Corruption((36, 28, 24, 20, 16), "side, pixels", _resolution),
}
