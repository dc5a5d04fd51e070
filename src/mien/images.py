"""Pictures in and out. The only module that decodes; whatever comes, RGB uint8 (H, W, 3) goes out, upright."""

from __future__ import annotations

import glob
import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from mien.errors import ImageError, InputError
from mien.files import replacing

MAX_PIXELS = 200_000_000
"""Larger pictures are refused before they are decoded: 200 megapixels are 600 MB, twice what the largest cameras
make, and a 30,000 x 30,000 file of a few kilobytes would take 2.7 GB."""

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"})
"""Files that count as pictures when a folder is searched; a file that is named is read whatever it is called."""

Pixels = npt.NDArray[np.uint8]


def load_image(source: Any, max_pixels: int = MAX_PIXELS) -> Pixels:
    """A picture as RGB uint8 (H, W, 3).

    `source` is a path, the bytes of a file, a PIL image, or an array uint8: RGB (H, W, 3), gray (H, W), or RGBA
    (H, W, 4). Files are turned upright by their EXIF note; of an animation the first frame counts; transparency is
    laid on white; 16-bit values are divided by 257, never stretched to the picture's own range.

    Raises ImageError for what cannot be read or has more than `max_pixels`, and InputError for other types.
    """
    name = describe_source(source)
    if isinstance(source, np.ndarray):
        return _from_array(source, name, max_pixels)
    if isinstance(source, Image.Image):
        _check_size(source, name, max_pixels)
        return _to_rgb(source, name)
    if isinstance(source, str | Path):
        return _decode(_read(Path(source), name), name, max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(bytes(source), name, max_pixels)
    raise InputError(f"image: expected a path, bytes, PIL image or uint8 array, got {type(source).__name__}")


def describe_source(source: Any) -> str:
    """What a picture is called in results and messages: its path, or what kind of thing it is."""
    if isinstance(source, str | Path):
        return str(source)
    if isinstance(source, np.ndarray):
        return "array"
    return "bytes" if isinstance(source, bytes | bytearray | memoryview) else "image"


def save_image(path: str | Path, pixels: Pixels) -> Path:
    """Writes RGB uint8 (H, W, 3) in the format of the path's suffix, whole or not at all. Raises ImageError."""
    try:
        with replacing(path) as temporary:
            Image.fromarray(pixels).save(temporary, quality=92)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"cannot be written: {error}. Choose a folder you may write to, and .jpg or .png", str(path)
        ) from error
    return Path(path)


def find_images(paths: Iterable[str | Path], recursive: bool = False) -> tuple[list[Path], list[ImageError]]:
    """The picture files that files, folders and globs stand for, each once; and an error for each that gives none."""
    found: dict[Path, None] = {}
    errors: list[ImageError] = []
    for path in paths:
        try:
            found.update(dict.fromkeys(_expand(Path(path), recursive)))
        except ImageError as error:
            errors.append(error)
    return list(found), errors


def _expand(path: Path, recursive: bool) -> list[Path]:
    if path.is_dir():
        inside = sorted(path.rglob("*") if recursive else path.iterdir())
        pictures = [file for file in inside if file.suffix.lower() in SUFFIXES and file.is_file()]
        if not pictures:
            hint = "" if recursive else "; --recursive looks into its folders too"
            raise ImageError(
                f"expected a folder with pictures ({', '.join(sorted(SUFFIXES))}), found none{hint}", str(path)
            )
        return pictures
    if path.exists():
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
    if not matches:
        raise ImageError("no such file or folder, and no file matches it as a pattern. Check the path", str(path))
    return [file for match in matches for file in (_expand(match, recursive) if match.is_dir() else [match])]


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise ImageError("expected a picture, got a folder. Name a file in it", name) from error
    except FileNotFoundError as error:
        raise ImageError("no such file. Check the path", name) from error
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot be read: {getattr(error, 'strerror', None) or error}", name) from error


def _decode(content: bytes, name: str, max_pixels: int) -> Pixels:
    if not content:
        raise ImageError("expected a picture, got an empty file. Copy or download it again", name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files and on sizes; the size is checked here
            with Image.open(io.BytesIO(content)) as image:
                _check_size(image, name, max_pixels)
                image.load()
                return _to_rgb(image, name)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            "expected a picture (JPEG, PNG, WebP, GIF, BMP, TIFF), got something else. Convert it, or check the file",
            name,
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"has too many pixels to decode safely: at most {max_pixels:,}. Scale it down first", name
        ) from error
    except Exception as error:  # decoders of damaged files raise whatever they come upon
        raise ImageError(f"is damaged or cut short ({error}). Copy or download it again", name) from error


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"expected at most {max_pixels:,} pixels, got {width} x {height} = {width * height:,}. Scale it down first",
            name,
        )


def _to_rgb(image: Image.Image, name: str) -> Pixels:
    image = ImageOps.exif_transpose(image) or image
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        values = np.asarray(image).astype(np.int64)
        gray = np.clip(values // 257 if image.mode != "I" or values.max(initial=0) > 255 else values, 0, 255)
        return _from_array(gray.astype(np.uint8), name, values.size)
    if image.mode == "F":
        return _from_array(
            np.clip(np.nan_to_num(np.asarray(image)), 0, 255).astype(np.uint8), name, image.width * image.height
        )
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        image.alpha_composite(layer)
    return np.array(image.convert("RGB"))


def _from_array(array: npt.NDArray[Any], name: str, max_pixels: int) -> Pixels:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.size == 0:
        raise InputError(
            "image array: expected uint8 RGB (H, W, 3), gray (H, W) or RGBA (H, W, 4), 0 to 255, "
            f"got {array.dtype} {array.shape}"
        )
    if array.shape[0] * array.shape[1] > max_pixels:
        raise ImageError(f"expected at most {max_pixels:,} pixels, got {array.shape[1]} x {array.shape[0]}", name)
    if array.ndim == 2 or channels == 1:
        return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if channels == 4:
        return _to_rgb(Image.fromarray(array), name)
    return np.ascontiguousarray(array)
