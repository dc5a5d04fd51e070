"""Small data sets as files, in the forms in which the real ones come."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def textures(number: int, seed: int = 0, side: int = 48) -> np.ndarray:
    """Blurred noise, uint8 (N, side, side): each picture with a coarse and a fine structure of its own."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(number, side, side)).astype(np.float32)
    scale = side / 48
    coarse = np.stack([cv2.GaussianBlur(each, (0, 0), 6 * scale) for each in noise])
    fine = np.stack([cv2.GaussianBlur(each, (0, 0), 1.5 * scale) for each in noise])
    pictures = 128 + 60 * coarse / coarse.std() + 25 * fine / fine.std()
    return pictures.clip(0, 255).astype(np.uint8)


def write_picture(path: Path, seed: int = 0, size: tuple[int, int] = (48, 48), mode: str = "L") -> Path:
    """One texture as a file; size is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(textures(1, seed, max(size))[0][: size[1], : size[0]]).convert(mode)
    picture.save(path)
    return path


def write_classes(folder: Path, names: list[str], each: int = 2, start: int = 0, suffix: str = ".png") -> Path:
    """Class folders of these names with different pictures in each, `a0.png`, `a1.png`, ..."""
    for k, name in enumerate(names):
        for i in range(each):
            write_picture(folder / name / f"a{i}{suffix}", start + k * each + i)
    return folder
