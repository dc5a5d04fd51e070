"""Boxes, names and bars on pictures. The colours are those of `mien.labels`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mien.labels import color
from mien.results import Face, Faces

INK = (20, 20, 20)
PAPER = (255, 255, 255)


def draw_faces(image: npt.NDArray[np.uint8], faces: Faces, top: int = 3) -> npt.NDArray[np.uint8]:
    """A copy of the picture, uint8 RGB (H, W, 3), with a box and a caption of the `top` likeliest emotions per face.

    The caption stands below its face, or above where there is no room; small faces get a shorter one.
    """
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas, "RGBA")
    unit = max(canvas.size) / 1000
    for face in reversed(list(faces)):  # small faces first, so that captions of large ones stay on top
        line = max(1, round(2.5 * unit))
        pen.rectangle(face.box, outline=color(face.emotion), width=line)
    for face in reversed(list(faces)):
        _caption(pen, face, top, unit, canvas.size)
    return np.asarray(canvas)


def _caption(pen: ImageDraw.ImageDraw, face: Face, top: int, unit: float, size: tuple[int, int]) -> None:
    left, upper, right, lower = face.box
    text_size = float(np.clip((right - left) / 8, 9 * max(unit, 1.0), 22 * max(unit, 1.0)))
    font = ImageFont.load_default(text_size)
    lines = face.top(top if right - left >= 8 * text_size / 1.5 else 1)
    step = text_size * 1.3
    labels = [f"{name} {value:.0%}" for name, value in lines]
    width = max(max(pen.textlength(label, font=font) for label in labels) + text_size * 0.8, right - left)
    height = step * len(lines) + text_size * 0.3

    x = min(max(0.0, left), max(0.0, size[0] - width))
    y = lower if lower + height <= size[1] else upper - height
    y = min(max(0.0, y), max(0.0, size[1] - height))
    pen.rectangle((x, y, x + width, y + height), fill=(*PAPER, 215))
    for row, ((name, value), label) in enumerate(zip(lines, labels, strict=True)):
        line_top = y + text_size * 0.15 + row * step
        pen.rectangle((x, line_top, x + width * value, line_top + step * 0.92), fill=(*color(name), 190))
        pen.text((x + text_size * 0.4, line_top + step * 0.46), label, fill=INK, font=font, anchor="lm")
