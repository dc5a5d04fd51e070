"""What a live picture says of itself: rates, keys, notices, whether it is recorded. Draws; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mien.drawing import INK, PAPER, font_of

Pixels = npt.NDArray[np.uint8]

RED = (220, 30, 30)
LEAST_WIDTH = 640
"""Smaller pictures are enlarged to this width, so that the lines fit."""
LARGEST = (1280, 720)
"""Larger ones are scaled down to fit, where no size is asked for."""


@dataclass(frozen=True)
class OverlayText:
    """The lines on a picture; an empty one is left out.

    status     below, on the left: rates and counts
    keys       below, on the right, or over the status if that is too long
    notice     above, in the middle
    recording  above, on the right, beside a red dot
    stale      the picture is an old one: it is shown dark
    """

    status: str = ""
    keys: str = ""
    notice: str = ""
    recording: str = ""
    stale: bool = False


def draw_overlay(image: Pixels, hud: OverlayText) -> Pixels:
    """A copy of the picture, RGB uint8 (H, W, 3), with the lines."""
    canvas = Image.fromarray(image // 3 if hud.stale else image)
    pen = ImageDraw.Draw(canvas, "RGBA")
    width, height = canvas.size
    size = max(12, round(min(width / 70, height / 36)))
    font, step, pad = font_of(size), size * 1.6, size * 0.5

    def line(text: str, left: float, upper: float) -> None:
        pen.rectangle((left, upper, left + pen.textlength(text, font=font) + 2 * pad, upper + step), fill=(*INK, 170))
        pen.text((left + pad, upper + step / 2), text, fill=PAPER, font=font, anchor="lm")

    if hud.status:
        line(hud.status, 0, height - step)
    if hud.keys:
        free = width - pen.textlength(hud.keys, font=font) - 2 * pad
        above = free < pen.textlength(hud.status, font=font) + 2 * pad
        line(hud.keys, max(0.0, free), height - (1 + above) * step)
    if hud.notice:
        for row, part in enumerate(_folded(hud.notice, pen, font, width - 4 * pad)):
            line(part, (width - pen.textlength(part, font=font)) / 2 - pad, (row + 0.5 + hud.stale) * step)
    if hud.recording:
        left = width - pen.textlength(hud.recording, font=font) - 2 * pad
        line(hud.recording, left, 0)
        middle, radius = (left - size, step / 2), size * 0.5
        pen.ellipse((middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), fill=RED)
    return np.asarray(canvas)


def fitted(image: Pixels, size: tuple[int, int] | None) -> Pixels:
    """The picture scaled, its shape kept, to fill a window of (width, height); None: only if it is small or large."""
    height, width = image.shape[:2]
    scale = min((size or LARGEST)[0] / width, (size or LARGEST)[1] / height)
    if size is None:
        scale = min(scale, max(1.0, LEAST_WIDTH / width))
    if scale == 1:
        return image
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, target, interpolation=smooth), np.uint8)


def _folded(text: str, pen: ImageDraw.ImageDraw, font: object, width: float) -> list[str]:
    """The text in lines of at most so many pixels, as far as its words allow."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and pen.textlength(longer, font=font) > width:  # type: ignore[arg-type]
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
