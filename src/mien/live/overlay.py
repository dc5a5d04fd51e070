"""Draw the overlay of the live window: frame rate, keys, notices and the recording mark. It decides nothing."""

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
"""Width in pixels to which smaller pictures are enlarged, so that the text fits."""
LARGEST = (1280, 720)
"""Width and height in pixels to which larger pictures are reduced, if no window size is given."""


@dataclass(frozen=True)
class OverlayText:
    """The texts of the overlay; an empty one is not drawn.

    Attributes:
        status: at the bottom left: frame rate and counts.
        keys: at the bottom right, or above the status if both do not fit in one line.
        notice: at the top, centred.
        recording: at the top right, after a red dot.
        stale: whether the picture is an old one; it is darkened.
    """

    status: str = ""
    keys: str = ""
    notice: str = ""
    recording: str = ""
    stale: bool = False


def draw_overlay(image: Pixels, overlay: OverlayText) -> Pixels:
    """Return a copy of the picture, RGB uint8 (H, W, 3), with the texts of an overlay, `overlay`."""
    canvas = Image.fromarray(image // 3 if overlay.stale else image)
    pen = ImageDraw.Draw(canvas, "RGBA")
    width, height = canvas.size
    size = max(12, round(min(width / 70, height / 36)))
    font, step, pad = font_of(size), size * 1.6, size * 0.5

    def line(words: str, left: float, upper: float) -> None:
        pen.rectangle((left, upper, left + pen.textlength(words, font=font) + 2 * pad, upper + step), fill=(*INK, 170))
        pen.text((left + pad, upper + step / 2), words, fill=PAPER, font=font, anchor="lm")

    if overlay.status:
        line(overlay.status, 0, height - step)
    if overlay.keys:
        free = width - pen.textlength(overlay.keys, font=font) - 2 * pad
        above = free < pen.textlength(overlay.status, font=font) + 2 * pad
        line(overlay.keys, max(0.0, free), height - (1 + above) * step)
    if overlay.notice:
        for row, part in enumerate(_wrapped(overlay.notice, pen, font, width - 4 * pad)):
            line(part, (width - pen.textlength(part, font=font)) / 2 - pad, (row + 0.5 + overlay.stale) * step)
    if overlay.recording:
        left = width - pen.textlength(overlay.recording, font=font) - 2 * pad
        line(overlay.recording, left, 0)
        middle, radius = (left - size, step / 2), size * 0.5
        pen.ellipse((middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), fill=RED)
    return np.asarray(canvas)


def fitted(image: Pixels, size: tuple[int, int] | None) -> Pixels:
    """Scale a picture with its aspect ratio.

    Args:
        image: RGB uint8 (H, W, 3).
        size: (width, height) of the window to fill, in pixels; None: scale only if the picture is narrower than
            LEAST_WIDTH or larger than LARGEST.
    """
    height, width = image.shape[:2]
    scale = min((size or LARGEST)[0] / width, (size or LARGEST)[1] / height)
    if size is None:
        scale = min(scale, max(1.0, LEAST_WIDTH / width))
    if scale == 1:
        return image
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, target, interpolation=smooth), np.uint8)


def _wrapped(text: str, pen: ImageDraw.ImageDraw, font: object, width: float) -> list[str]:
    """Wrap a text into lines of at most `width` pixels, breaking only at spaces."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and pen.textlength(longer, font=font) > width:  # type: ignore[arg-type]
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
