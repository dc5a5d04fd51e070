"""Small videos with known times, made with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from helpers.paths import EXAMPLES
from mien.images import load_image

COLLINS = EXAMPLES / "eileen_collins.jpg"
BASE = Fraction(1, 90_000)
NTSC = [k * 1001 / 30_000 for k in range(12)]
VARIABLE = [0.0, 0.04, 0.05, 0.2, 0.21, 0.5, 0.9, 1.0]


def gray(value: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((size[1], size[0], 3), value, np.uint8)


def levels(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Pictures that get brighter from one to the next: which is which shows in their mean."""
    return [gray(20 + 200 * k // max(1, count - 1), size) for k in range(count)]


def quadrants(size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """White at the upper left, gray at the upper right, black below: it shows how a picture is turned."""
    picture = gray(0, size)
    picture[: size[1] // 2, : size[0] // 2] = 255
    picture[: size[1] // 2, size[0] // 2 :] = 128
    return picture


def red(image: np.ndarray) -> bool:
    """Whether the live window's mark of a recording is in the picture's upper right corner."""
    return bool(((image[:40, -200:].astype(int) - (220, 30, 30)).__abs__().max(axis=2) < 12).any())


def write_clip(
    path: Path,
    times: Sequence[float],
    images: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rotation: int = 0,
    sound: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of these frames at exactly these times; `sound` names the codec of a tone as long as the pictures."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream(codec, rate=30)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = BASE
        if rotation:
            stream.set_display_rotation(rotation)
        track: Any = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for time, image in zip(times, images, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = round(time / BASE), BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None:
            size = track.codec_context.frame_size or 1024
            layout = track.codec_context.format.name
            for start in range(0, int(48_000 * (times[-1] + 0.1)), size):
                wave = np.sin(np.arange(start, start + size) / 20)[None]
                kind = np.float32 if layout.startswith("flt") else np.int16
                tone = (wave if kind is np.float32 else wave * 9000).astype(kind)
                piece = av.AudioFrame.from_ndarray(tone, format=layout, layout="mono")
                piece.pts, piece.sample_rate, piece.time_base = start, 48_000, Fraction(1, 48_000)
                container.mux(track.encode(piece))
            container.mux(track.encode(None))
    return path


def portraits(count: int, size: tuple[int, int] = (320, 240), seconds: float = 0.1) -> list[tuple[float, np.ndarray]]:
    """A face that wanders over a gray picture, with times; its box is about 0.17 of the picture's width wide."""
    face = cv2.resize(load_image(COLLINS), (size[1] - 40, size[1] - 40), interpolation=cv2.INTER_AREA)
    frames = []
    for k in range(count):
        picture = gray(128, size)
        left = 10 + 3 * (k % 20)
        picture[20 : size[1] - 20, left : left + face.shape[1]] = face
        frames.append((k * seconds, picture))
    return frames
