"""Boxes, names and bars on pictures. The colours are those of `mien.labels`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mien.labels import color
from mien.results import Face, Faces

INK = (20, 20, 20)
PAPER = (255, 255, 255)

Box = tuple[float, float, float, float]


def draw_faces(image: npt.NDArray[np.uint8], faces: Faces, top: int = 3) -> npt.NDArray[np.uint8]:
    """A copy of the picture, uint8 RGB (H, W, 3), with a box and a caption of the `top` likeliest emotions per face.

    The caption stands below its face or above it, where it covers least of the faces and of the other captions;
    small faces get a shorter one.
    """
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas, "RGBA")
    unit = max(1.0, max(canvas.size) / 1000)
    taken = [face.box for face in faces]
    for face in faces:
        pen.rectangle(face.box, outline=color(face.emotion), width=round(2 * unit))
    for face in faces:
        taken.append(_caption(pen, face, top, unit, canvas.size, taken))
    return np.array(canvas)


def _caption(
    pen: ImageDraw.ImageDraw, face: Face, top: int, unit: float, size: tuple[int, int], taken: list[Box]
) -> Box:
    """Draws the caption of a face and returns where it stands."""
    breadth = face.box[2] - face.box[0]
    text_size = float(np.clip(breadth / 8, 10 * unit, 22 * unit))
    font = ImageFont.load_default(text_size)
    emotions = face.top(top if breadth >= 5 * text_size else 1)
    labels = [f"{name} {value:.0%}" for name, value in emotions]
    step = text_size * 1.3
    width = max(breadth, text_size * 0.8 + max((pen.textlength(label, font=font) for label in labels), default=0))
    height = step * len(labels)

    place = _place(face.box, width, height, size, taken)
    left, upper = place[:2]
    pen.rectangle(place, fill=(*PAPER, 215))
    for row, ((name, value), label) in enumerate(zip(emotions, labels, strict=True)):
        line = upper + row * step
        pen.rectangle((left, line, left + width * value, line + step), fill=(*color(name), 190))
        pen.text((left + text_size * 0.4, line + step / 2), label, fill=INK, font=font, anchor="lm")
    return place


def _place(box: Box, width: float, height: float, size: tuple[int, int], taken: list[Box]) -> Box:
    """Of the places below and above the box, flush with its left or right, inside the picture: what covers least."""
    left, upper, right, lower = box
    places = []
    for y in (lower, upper - height):
        for x in (left, right - width):
            x, y = min(max(0, x), max(0, size[0] - width)), min(max(0, y), max(0, size[1] - height))
            places.append((x, y, x + width, y + height))
    return min(places, key=lambda place: sum(_shared(place, other) for other in taken))


def _shared(a: Box, b: Box) -> float:
    """Square pixels that two boxes have in common."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
