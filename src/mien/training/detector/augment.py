"""Training pictures: crops of scenes and of close faces, from faces of 8 pixels to faces larger than the crop.

Knows pixels and labels; nothing of networks. All randomness comes from the generator that is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mien.errors import DataError
from mien.training.detector.pictures import Pictures
from mien.training.detector.recipe import FinderAugmentRecipe
from mien.training.detector.teachers import MIRRORED_POINTS

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

VISIBLE_FACE, VISIBLE_DOUBT = 0.55, 0.08
"""Shares of a box inside the crop: from the first on it is a face, below the second it is nothing, else a doubt."""


FILLED = 0.7
"""The share of a crop's width and height that a picture covers at least, so that little is learnt from empty room."""

TRIES = 8


@dataclass(frozen=True)
class Crop:
    """One training picture: RGB uint8 (S, S, 3) and rows (m, 15) of box, ten landmark numbers, 1 where ignored.

    `mild` is the same picture before its light, colour and sharpness were changed: what a teacher is shown.
    """

    image: Pixels
    rows: FloatArray
    mild: Pixels


@dataclass(frozen=True)
class Placement:
    """How a picture is laid into a crop: turned about `source`, which comes to lie at `target`.

    `stretch` is the picture's width as a multiple of its height, beside what it was; the area stays.
    """

    scale: float
    degrees: float
    mirrored: bool
    source: tuple[float, float]
    target: tuple[float, float]
    stretch: float = 1.0

    @property
    def matrix(self) -> FloatArray:
        """The affine map (2, 3) of points of the picture to points of the crop."""
        c, s = (self.scale * f(math.radians(self.degrees)) for f in (math.cos, math.sin))
        flip = -1.0 if self.mirrored else 1.0
        linear = np.array([[c * flip, -s], [s * flip, c]]) * np.array([self.stretch**0.5, self.stretch**-0.5])
        shift = np.array(self.target) - linear @ np.array(self.source)
        return np.concatenate([linear, shift[:, None]], axis=1).astype(np.float32)


class CropMaker:
    """Makes crops of scenes and of close faces, without end."""

    def __init__(
        self,
        scenes: Pictures,
        closeups: Pictures | None,
        options: FinderAugmentRecipe,
        mistakes: FloatArray | None = None,
    ) -> None:
        self.scenes, self.options = scenes, options
        self.mistakes = mistakes if mistakes is not None and len(mistakes) else None
        self.closeups = closeups if closeups is not None and len(closeups.with_faces) else None
        if not len(scenes.with_faces):
            raise DataError("scenes: expected at least one labelled face, got none. Check the labels' paths and kinds")
        self._noise = np.random.default_rng(0).normal(0, 32, (2 * options.size, 2 * options.size, 3)).astype(np.int8)

    def __deepcopy__(self, memo: dict[int, object]) -> CropMaker:
        """Share the pictures, which never change."""
        return self

    def make(self, rng: np.random.Generator) -> Crop:
        """Make one crop."""
        size = self.options.size
        canvas = np.zeros((size, size, 3), np.uint8)
        if rng.random() < self.options.mosaic:
            x, y = (int(v) for v in rng.integers(int(0.3 * size), int(0.7 * size), 2))
            parts = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]
        else:
            parts = [(0, 0, size, size)]
        rows = np.concatenate([self._fill(rng, canvas, part) for part in parts])
        pasted_gray = False
        if self.closeups is not None and rng.random() < self.options.pasted:
            rows, pasted_gray = self._paste(rng, canvas, rows)
        cover(rng, canvas, rows, self.options.covered)
        gray = rng.random() < (0.5 if pasted_gray else self.options.gray)
        return Crop(self._spoil(rng, canvas, gray), rows, canvas)

    def _fill(self, rng: np.random.Generator, canvas: Pixels, part: tuple[int, int, int, int]) -> FloatArray:
        """Lay a picture into a part of the canvas; return its labels there."""
        x0, y0, x1, y1 = part
        width, height = x1 - x0, y1 - y0
        kind = rng.random()
        if self.closeups is not None and kind < self.options.closeup:
            pictures, number = self.closeups, int(rng.choice(self.closeups.with_faces))
            placement = self._close(rng, pictures, number, width, height)
        elif self.mistakes is not None and kind < self.options.closeup + self.options.mistaken:
            pictures = self.scenes
            number, placement = self._around_mistake(rng, width, height)
        elif kind < self.options.closeup + self.options.mistaken + self.options.background:
            pictures, number = self.scenes, int(rng.integers(len(self.scenes.images)))
            placement = self._anywhere(rng, pictures.images[number][0], width, height)
        else:
            pictures = self.scenes
            number, placement = self._around_face(rng, width, height)
        patch = warp(pictures.images[number], placement, width, height, fill_colour(rng))
        canvas[y0:y1, x0:x1] = patch
        rows = kept(moved(pictures.rows[number], placement), width, height, self.options.smallest)
        rows[:, :14] += np.tile(np.array([x0, y0], np.float32), 7)
        return rows

    def _around_face(self, rng: np.random.Generator, width: int, height: int) -> tuple[int, Placement]:
        """Choose a scene and place it so that one of its faces has a drawn size and lies anywhere in the crop.

        Of a few scenes the first is taken that fills the crop at that size; the last one is shown larger if it must.
        """
        scenes = self.scenes
        wanted = drawn_size(rng, min(width, height))
        for _ in range(TRIES):
            number = int(scenes.with_faces[rng.integers(len(scenes.with_faces))])
            faces = scenes.rows[number][scenes.rows[number][:, 14] == 0]
            box = faces[rng.integers(len(faces)), :4]
            now = math.sqrt(max(float((box[2] - box[0]) * (box[3] - box[1])), 1.0))
            shape = scenes.images[number][0].shape
            filling = FILLED * max(width / shape[1], height / shape[0])
            if filling <= wanted / now <= self.options.enlarged:
                break
        scale = min(max(wanted / now, filling), max(self.options.enlarged, filling))
        return number, self._placed(rng, box, scale, now * scale, width, height)

    def _around_mistake(self, rng: np.random.Generator, width: int, height: int) -> tuple[int, Placement]:
        """Place a scene so that something an earlier network took for a face lies in the crop, at about its size."""
        assert self.mistakes is not None
        row = self.mistakes[rng.integers(len(self.mistakes))]
        image = self.scenes.images[int(row[0])][0]
        filling = FILLED * max(width / image.shape[1], height / image.shape[0])
        scale = max(math.exp(rng.normal(0, 0.35)), filling)
        now = math.sqrt(max(float((row[3] - row[1]) * (row[4] - row[2])), 1.0))
        return int(row[0]), self._placed(rng, row[1:], scale, now * scale, width, height)

    def _close(self, rng: np.random.Generator, pictures: Pictures, number: int, width: int, height: int) -> Placement:
        """Place a close face so that it fills much of the crop, or more than it."""
        box = pictures.rows[number][0, :4]
        now = math.sqrt(max(float((box[2] - box[0]) * (box[3] - box[1])), 1.0))
        wanted = min(width, height) * math.exp(rng.uniform(math.log(0.4), math.log(1.15)))
        return self._placed(rng, box, wanted / now, wanted, width, height)

    def _placed(
        self, rng: np.random.Generator, box: FloatArray, scale: float, side: float, width: int, height: int
    ) -> Placement:
        free = [max(extent - 1.1 * side, 0.12 * extent) for extent in (width, height)]
        target = (
            width / 2 + free[0] * float(rng.uniform(-0.5, 0.5)),
            height / 2 + free[1] * float(rng.uniform(-0.5, 0.5)),
        )
        source = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
        return Placement(scale, self._turn(rng), bool(rng.random() < 0.5), source, target, self._stretch(rng))

    def _anywhere(self, rng: np.random.Generator, image: Pixels, width: int, height: int) -> Placement:
        """Place a scene at any scale between whole and enlarged, at any place."""
        whole = max(width / image.shape[1], height / image.shape[0])
        scale = math.exp(rng.uniform(math.log(0.6 * whole), math.log(max(whole, 2.0))))
        source = (rng.uniform(0.1, 0.9) * image.shape[1], rng.uniform(0.1, 0.9) * image.shape[0])
        middle = (width / 2, height / 2)
        return Placement(scale, self._turn(rng), bool(rng.random() < 0.5), source, middle, self._stretch(rng))

    def _stretch(self, rng: np.random.Generator) -> float:
        return math.exp(rng.uniform(-0.45, 0.45)) if rng.random() < self.options.stretched else 1.0

    def _turn(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(-45, 45) if rng.random() < self.options.turned else rng.uniform(-12, 12))

    def _paste(self, rng: np.random.Generator, canvas: Pixels, rows: FloatArray) -> tuple[FloatArray, bool]:
        """Paste a few small close faces where no label is; return all labels, and whether a pasted one is gray."""
        assert self.closeups is not None
        gray = False
        for _ in range(int(rng.integers(1, 5))):
            number = int(rng.choice(self.closeups.with_faces))
            side = math.exp(rng.uniform(math.log(9), math.log(56)))
            x, y = rng.uniform(side, len(canvas) - side, 2)
            area = np.array([x - side, y - side, x + side, y + side], np.float32)
            if touches(area, rows[:, :4]):
                continue
            rows = np.concatenate([rows, self._pasted(rng, canvas, number, area, side)])
            gray |= is_gray(self.closeups.images[number][-1])
        return rows, gray

    def _pasted(
        self, rng: np.random.Generator, canvas: Pixels, number: int, area: FloatArray, side: float
    ) -> FloatArray:
        assert self.closeups is not None
        source_rows = self.closeups.rows[number]
        source_rows = source_rows[source_rows[:, 14] == 0][:1]
        box = source_rows[0, :4]
        x0, y0, x1, y1 = (int(v) for v in np.clip(np.round(area), 0, len(canvas)))
        width, height = x1 - x0, y1 - y0
        scale = side / math.sqrt(max(float((box[2] - box[0]) * (box[3] - box[1])), 1.0))
        source = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
        placement = Placement(scale, self._turn(rng), bool(rng.random() < 0.5), source, (width / 2, height / 2))
        patch = warp(self.closeups.images[number], placement, width, height, fill_colour(rng))
        mask = soft_ellipse(width, height)[..., None]
        mixed = canvas[y0:y1, x0:x1] * (1 - mask) + patch * mask
        canvas[y0:y1, x0:x1] = mixed.astype(np.uint8)
        rows = kept(moved(source_rows, placement), width, height, self.options.smallest)
        rows[:, :14] += np.tile(np.array([x0, y0], np.float32), 7)
        return rows

    def _spoil(self, rng: np.random.Generator, image: Pixels, gray: bool) -> Pixels:
        """Change colours and light, blur, compress, add noise."""
        options = self.options
        if gray:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if rng.random() < options.blurred:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 1.6)))
        dark = rng.random() < options.dark
        image = cv2.LUT(image, curves(rng, gray=gray, dark=dark))
        if dark or rng.random() < options.noisy:
            x, y = rng.integers(0, options.size, 2)
            noise = self._noise[y : y + options.size, x : x + options.size]
            image = np.clip(image + noise * np.float32(rng.uniform(0.05, 0.4)), 0, 255).astype(np.uint8)
        if rng.random() < options.compressed:
            image = compressed(image, int(rng.integers(15, 60)))
        return image


def compressed(image: Pixels, quality: int) -> Pixels:
    """Return a picture as it comes back from JPEG."""
    _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(code, cv2.IMREAD_COLOR)  # type: ignore[return-value]


def drawn_size(rng: np.random.Generator, side: int) -> float:
    """Draw a face's size in pixels: most are small, some fill the crop."""
    ranges = ((8.0, 16.0), (14.0, 40.0), (36.0, 100.0), (90.0, 300.0))
    low, high = ranges[int(rng.choice(4, p=(0.22, 0.36, 0.24, 0.18)))]
    high = max(min(high, 1.15 * side), low + 1)
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def warp(levels: Sequence[Pixels], placement: Placement, width: int, height: int, fill: int) -> Pixels:
    """Lay a picture into (height, width), from the level that is at least as fine as what comes out."""
    level = min(max(math.floor(-math.log2(placement.scale)), 0), len(levels) - 1)
    matrix = placement.matrix.astype(np.float64)
    factors = np.array([levels[0].shape[k] / levels[level].shape[k] for k in (1, 0)])
    linear = matrix[:, :2] * factors
    shift = matrix[:, 2] + linear @ np.array([0.5, 0.5]) - 0.5  # OpenCV counts from the middle of the first pixel
    return cv2.warpAffine(  # type: ignore[no-any-return]
        levels[level], np.concatenate([linear, shift[:, None]], axis=1), (width, height), borderValue=(fill,) * 3
    )


def moved(rows: FloatArray, placement: Placement) -> FloatArray:
    """Return labels where a placement puts them; a turned face's box is that of the turned ellipse in it."""
    matrix = placement.matrix
    points = rows[:, 4:14].reshape(-1, 5, 2) @ matrix[:, :2].T + matrix[:, 2]
    if placement.mirrored:
        points = points[:, MIRRORED_POINTS]
    middle = (rows[:, :2] + rows[:, 2:4]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = (rows[:, 2:4] - rows[:, :2]) / 2
    extent = np.sqrt((half**2) @ (matrix[:, :2] ** 2).T)
    return np.concatenate([middle - extent, middle + extent, points.reshape(-1, 10), rows[:, 14:]], axis=1)


def kept(rows: FloatArray, width: int, height: int, smallest: float) -> FloatArray:
    """Return the labels that can be seen; small and half hidden faces become doubts."""
    extent = rows[:, 2:4] - rows[:, :2]
    inside = np.clip(rows[:, 2:4], 0, (width, height)) - np.clip(rows[:, :2], 0, (width, height))
    share = inside.prod(axis=1) / np.maximum(extent.prod(axis=1), 1e-6)
    rows = rows.copy()
    rows[(share < VISIBLE_FACE) | (np.sqrt(extent.prod(axis=1)) < smallest), 14] = 1
    limits = np.tile(np.array([width, height], np.float32), 2)
    doubts = rows[:, 14] > 0
    rows[doubts, :4] = np.clip(rows[doubts, :4], 0, limits)
    return rows[share >= VISIBLE_DOUBT]


def touches(box: FloatArray, boxes: FloatArray) -> bool:
    """Tell whether a box shares room with any of the others."""
    return bool(((box[:2] < boxes[:, 2:]) & (boxes[:, :2] < box[2:])).all(axis=1).any())


def is_gray(image: Pixels) -> bool:
    """Tell whether a picture has hardly any colour."""
    channels = image.reshape(-1, 3).astype(np.int16)
    return bool(np.abs(channels[:, 0] - channels[:, 2]).mean() < 3)


def fill_colour(rng: np.random.Generator) -> int:
    """Draw what surrounds a picture: black, as where pictures are padded, or any gray."""
    return 0 if rng.random() < 0.5 else int(rng.integers(256))


def soft_ellipse(width: int, height: int) -> FloatArray:
    """Return a mask (height, width) that fades from 1 in the middle to 0 at the border."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None] / 0.8
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] / 0.9
    result: FloatArray = np.clip((1 - np.sqrt(x**2 + y**2)) * 5 + 0.5, 0, 1)
    return result


def curves(rng: np.random.Generator, *, gray: bool, dark: bool) -> Pixels:
    """Draw a table (256, 1, 3) of brightness, contrast, gamma and colour."""
    x = np.linspace(0, 1, 256)[:, None]
    gamma = math.exp(rng.uniform(0.2, 0.8) if dark else rng.uniform(-0.35, 0.35))
    contrast = rng.uniform(0.65, 1.35) * (rng.uniform(0.35, 0.8) if dark else 1.0)
    gains = 1.0 if gray else np.exp(rng.uniform(-0.15, 0.15, (1, 3)))
    middle = 0.3 if dark else 0.5
    values = (x**gamma - 0.5) * contrast * gains + middle + rng.uniform(-0.12, 0.12)
    values = np.broadcast_to(values, (256, 3))
    return np.ascontiguousarray(np.clip(values * 255, 0, 255).astype(np.uint8)[:, None])


def cover(rng: np.random.Generator, canvas: Pixels, rows: FloatArray, chance: float) -> None:
    """Draw masks, dark glasses and other things in front of some faces."""
    for row in rows[(rows[:, 14] == 0) & np.isfinite(rows[:, 4])]:
        if rng.random() >= chance:
            continue
        colour = tuple(int(v) for v in (rng.integers(0, 256, 3) if rng.random() < 0.5 else (rng.integers(256),) * 3))
        kind = rng.integers(3)
        if kind == 0:
            outline = mask_outline(row)
        elif kind == 1:
            outline, colour = glasses_outline(row), (int(rng.integers(50)),) * 3
        else:
            outline = edge_outline(rng, row)
        cv2.fillConvexPoly(canvas, np.round(outline).astype(np.int32), colour, lineType=cv2.LINE_AA)


def mask_outline(row: FloatArray) -> FloatArray:
    """Return the outline of a mask, from the bridge of the nose to below the chin."""
    eyes, nose, mouths = row[4:8].reshape(2, 2), row[8:10], row[10:14].reshape(2, 2)
    across = (mouths[1] - mouths[0]) * 0.75
    down = mouths.mean(axis=0) - eyes.mean(axis=0)
    top = nose - 0.15 * down
    low = mouths.mean(axis=0) + 0.75 * down
    sides = [top - across * 1.1, top, top + across * 1.1, low + across * 0.5, low - across * 0.5]
    return np.array(sides, np.float32)


def glasses_outline(row: FloatArray) -> FloatArray:
    """Return the outline of dark glasses over both eyes."""
    left, right = row[4:6], row[6:8]
    across = (right - left) * 0.45
    down = np.array([-(right - left)[1], (right - left)[0]], np.float32) * 0.28
    return np.array([left - across - down, right + across - down, right + across + down, left - across + down])


def edge_outline(rng: np.random.Generator, row: FloatArray) -> FloatArray:
    """Return a quadrilateral over one side of the face, at most two fifths of it."""
    x0, y0, x1, y1 = row[:4]
    share = rng.uniform(0.15, 0.4)
    side = rng.integers(4)
    if side == 0:
        x1 = x0 + share * (x1 - x0)
    elif side == 1:
        x0 = x1 - share * (x1 - x0)
    elif side == 2:
        y1 = y0 + share * (y1 - y0)
    else:
        y0 = y1 - share * (y1 - y0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
