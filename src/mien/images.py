"""Read and write pictures. The only module that decodes; every picture becomes RGB uint8 (H, W, 3), upright."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from mien.errors import ImageError, InputError, MissingExtraError
from mien.files import replacing
from mien.pillow_warnings import without_warnings

MAX_PIXELS = 160_000_000
"""Most pixels of a picture, checked before it is decoded. 160 megapixels take half a gigabyte and are more than the
largest cameras have (151); a 30,000 x 30,000 file of a few kilobytes would take 2.7 GB. Pillow's own limit, which is
not changed, is 179 megapixels."""

# Pillow reads more formats, but some of them start other programs (EPS: Ghostscript), and none holds photographs.
# HEIF is available where the extra `heif` is installed.
_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "AVIF", "HEIF")

VIDEO_ADVICE = "This is a video: `mien video FILE` and, in Python, `recognizer.track(path)` read it"

_ADDRESS = re.compile(r"^(https?|ftp|s3|gs)://", re.IGNORECASE)
_BASE64 = re.compile(r"^\s*(/9j/|iVBORw0KGgo|UklGR|R0lGOD|AAAA[A-Za-z0-9+/]{4}Z0eX)[A-Za-z0-9+/=\s]{100,}$")
"""The beginning of JPEG, PNG, WebP, GIF and HEIF in base64."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BAND_PIXELS = 4_000_000
"""Pixels of a large picture that are converted at a time."""

Pixels = npt.NDArray[np.uint8]

IMAGE_FORMATS = ("RGB", "BGR")
"""Orders of an array's colours."""


def load_image(source: Any, max_pixels: int = MAX_PIXELS, *, image_format: str = "RGB", least_side: int = 0) -> Pixels:
    """Read a picture as RGB uint8 (H, W, 3).

    Pictures are rotated by their EXIF orientation; of an animation the first frame is used; transparency is composed on
    white; 16-bit gray (Pillow's modes I;16 and I) is divided by 257, never scaled to the picture's own range. A PIL
    image of mode I without values above 255 is taken for one that was made from 8 bits.

    Args:
        source: a path, a data URL (data:image/png;base64,...), the bytes of a file, a binary file object, a PIL
            image, or an array uint8: colour (H, W, 3), gray (H, W), or colour with transparency (H, W, 4).
        max_pixels: most pixels, H x W.
        image_format: order of an array's colours, "RGB" or "BGR" (what `cv2.imread` gives); the values do not show
            which of the two it is.
        least_side: shrink a file's picture while it is decoded, by 2, 4 or 8, as long as its longer side keeps at
            least so many pixels; a JPEG is decoded faster so. 0: never.

    Raises:
        ImageError: the picture cannot be read, or has more than `max_pixels`.
        InputError: the source is something else.
    """
    if image_format not in IMAGE_FORMATS:
        raise InputError(f"image_format: expected {' or '.join(IMAGE_FORMATS)}, got {image_format!r}")
    name = describe_source(source)
    if isinstance(source, np.ndarray):
        return _from_array(source, name, max_pixels, image_format)
    if isinstance(source, Image.Image):
        return _decode(source, name, max_pixels)
    if isinstance(source, str) and source[:5].lower() == "data:":
        return _open(_data_of(source), name, max_pixels, least_side)
    if isinstance(source, str | os.PathLike):
        return _open(_read(source, name), name, max_pixels, least_side)
    if isinstance(source, bytes | bytearray | memoryview):
        return _open(bytes(source), name, max_pixels, least_side)
    if hasattr(source, "read"):
        return _open(_read_object(source, name), name, max_pixels, least_side)
    raise InputError(
        "image: expected a path, bytes, a binary file object, a PIL image or a uint8 array, got "
        f"{type(source).__name__}"
    )


def load_gray(content: bytes, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return a file's picture in gray, uint8 (H, W): what OpenCV makes of `load_image`'s, in a third of the memory.

    Args:
        content: the bytes of a file.
        max_pixels: most pixels, H x W.

    Raises:
        ImageError: the picture cannot be read, or has more than `max_pixels`.
    """
    with _opened(content, "bytes") as image:
        return _decode(image, "bytes", max_pixels, gray=True)


def size_of(content: bytes | bytearray, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return the width and height of a picture in pixels, as its header says, without decoding it.

    They are those before the picture is rotated upright: for some files the decoder must run to know of a rotation.

    Args:
        content: the bytes of a file.
        max_pixels: most pixels, H x W.

    Raises:
        ImageError: it is no picture, or has more than `max_pixels`.
    """
    with _opened(bytes(content), "bytes") as image:
        _check_size(image, "bytes", max_pixels)
        return image.size


def is_one_image(source: Any) -> bool:
    """Return whether an argument is one picture rather than several."""
    if isinstance(source, np.ndarray):
        return source.ndim < 4 and source.dtype != object
    return isinstance(source, str | os.PathLike | bytes | bytearray | memoryview | Image.Image) or hasattr(
        source, "read"
    )


def describe_source(source: Any) -> str:
    """Return a picture's name in results and messages: its path, or the kind of its source ("array", "bytes", ...)."""
    if isinstance(source, str) and source[:5].lower() == "data:":
        return "data URL"
    if isinstance(source, str) and _BASE64.match(source):
        return "base64 text"
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    if isinstance(source, np.ndarray):
        return "array"
    if isinstance(source, bytes | bytearray | memoryview):
        return "bytes"
    name = getattr(source, "name", None) if hasattr(source, "read") else None
    return name if isinstance(name, str) and name else "image"


def save_image(path: str | Path, pixels: Pixels) -> Path:
    """Write a picture, whole or not at all, and return the path.

    Args:
        path: its suffix decides the format.
        pixels: RGB uint8 (H, W, 3).

    Raises:
        ImageError: it cannot be written.
    """
    try:
        with replacing(path) as temporary:
            Image.fromarray(pixels).save(temporary, quality=92)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"cannot be written: {error}. Choose a folder you may write to, and .jpg or .png", str(path)
        ) from error
    return Path(path)


def _read_object(file: Any, name: str) -> bytes:
    """Return the rest of a binary file object."""
    try:
        content = file.read()
    except UnicodeDecodeError:
        content = ""  # opened for text, in which these bytes are none
    except ValueError as error:  # it is closed
        raise InputError(
            f"image: expected an open file, got one that cannot be read ({error}). Open it again"
        ) from error
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}. Check the file", name) from error
    if not isinstance(content, bytes | bytearray):
        raise InputError("image: expected a file opened for bytes, got one for text. Open it with mode 'rb'")
    return bytes(content)


def _data_of(url: str) -> bytes:
    """Return the content of a data URL (RFC 2397)."""
    head, comma, body = url.partition(",")
    try:
        if not comma:
            raise ValueError("it has no comma")
        content = unquote_to_bytes(body)
        return base64.b64decode(content, validate=False) if head.lower().endswith(";base64") else content
    except ValueError as error:
        raise ImageError(
            f"expected data:image/png;base64, and the content, got another form ({error}). Copy it again", "data URL"
        ) from error


def check_local(path: str | os.PathLike[str]) -> None:
    """Raise ImageError for an address in the network."""
    if isinstance(path, str) and _ADDRESS.match(path):
        raise ImageError("expected a file, got an address; mien fetches no pictures. Download it first", path)


def _read(path: str | os.PathLike[str], name: str) -> bytes:
    check_local(path)
    if name == "base64 text":
        raise ImageError(
            "expected a path, got the content of a picture. Decode it with base64.b64decode and give the bytes", name
        )
    try:
        if os.path.isdir(path):
            raise ImageError("expected a picture, got a folder. Name a file in it", name)
        if os.path.exists(path) and not os.path.isfile(path):  # reading a pipe or a device could last for ever
            raise ImageError("expected a picture, got a pipe or a device. Give its content as bytes", name)
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ImageError("no such file. Check the path", name) from error
    except ValueError as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"cannot be a path: {error}. Check the path", name) from error
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}. Check the name and the permissions", name) from error


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Image.Image]:
    """Read the header, and raise ImageError for whatever is wrong with the file."""
    if not content:
        raise ImageError("expected a picture, got an empty file. Copy or download it again", name)
    try:
        with without_warnings(), Image.open(io.BytesIO(content), formats=_formats()) as image:
            yield image
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"expected a picture (JPEG, PNG, WebP, GIF, BMP, TIFF), got something else. {_advice(content)}",
            name,
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"has more pixels than Pillow decodes safely ({2 * (Image.MAX_IMAGE_PIXELS or 0):,}). Scale it down first, "
            "or, if you trust it, raise PIL.Image.MAX_IMAGE_PIXELS and max_pixels",
            name,
        ) from error
    except Exception as error:
        raise _damaged(error, name) from error


def _open(content: bytes, name: str, max_pixels: int, least_side: int) -> Pixels:
    """Read the header, then decode the pixels with `_decode`."""
    with _opened(content, name) as image:
        return _decode(image, name, max_pixels, least_side)


def _decode(image: Image.Image, name: str, max_pixels: int, least_side: int = 0, *, gray: bool = False) -> Pixels:
    _check_size(image, name, max_pixels)
    longer = max(image.size)
    factor = next((number for number in (8, 4, 2) if least_side and longer >= number * least_side), 1)
    try:
        with without_warnings():
            if factor > 1:
                image.draft(None, (image.width // factor, image.height // factor))  # a JPEG is shrunk by its decoder
            image.load()
            if max(image.size) < longer:
                factor = 1
            if gray or factor > 1 or image.width * image.height > _BAND_PIXELS:
                return _in_bands(image, factor, name, gray)
            return _to_rgb(_upright(image), name)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("needs more memory to be decoded than there is. Scale it down first", name) from error
    except Exception as error:
        raise _damaged(error, name) from error


def _in_bands(image: Image.Image, factor: int, name: str, gray: bool) -> Pixels:
    """Return a decoded picture averaged over squares of `factor` pixels, upright; in gray (H, W) if that is asked for.

    It is converted in bands of rows, so that no second picture of the full size is in memory.
    """
    if image.mode == "I":  # which of the two it is, no band can say
        image = image.convert("L" if np.max(image.getextrema()) <= 255 else "I;16")
    width, height = image.width // factor, image.height // factor
    small = np.empty((height, width) if gray else (height, width, 3), np.uint8)
    rows = max(1, _BAND_PIXELS // image.width // factor)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        band = image.crop((0, top * factor, width * factor, bottom * factor))
        band.info = image.info
        pixels = _to_rgb(band, name)
        pixels = pixels if factor == 1 else np.asarray(Image.fromarray(pixels).reduce(factor))
        small[top:bottom] = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if gray else pixels
    turn = _UPRIGHT.get(_orientation(image))
    return small if turn is None else np.array(Image.fromarray(small).transpose(turn))


def _damaged(error: Exception, name: str) -> ImageError:
    """Return an ImageError for any exception of a decoder: damaged files raise many types."""
    return ImageError(f"is damaged or cut short ({error or type(error).__name__}). Copy or download it again", name)


def _advice(content: bytes) -> str:
    """Return how to mend a file that is no known picture: HEIC and AVIF say in their first bytes what they are."""
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"):
        return str(MissingExtraError("This is a HEIC picture, as iPhones make it, and reading it", "heif"))
    if _is_video(content):
        return VIDEO_ADVICE
    return "Convert it, or check the file"


def _is_video(content: bytes) -> bool:
    """Return whether the first bytes are those of MP4, QuickTime, Matroska, AVI, MPEG or Ogg."""
    return (
        content[4:8] in (b"ftyp", b"moov", b"mdat")
        or content[:4] in (b"\x1aE\xdf\xa3", b"OggS", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1")
        or (content[:4] == b"RIFF" and content[8:12] == b"AVI ")
        or (content[:1] == b"G" and content[188:189] == b"G" and content[376:377] == b"G")
    )


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return tuple(kind for kind in _FORMATS if kind in Image.OPEN)


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"expected at most {max_pixels:,} pixels, got {width} x {height} = {width * height:,}. Scale it down first",
            name,
        )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none."""
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # the EXIF data are damaged, the pixels may not be: no rotation
        return 1
    return orientation if isinstance(orientation, int) else 1


def _upright(image: Image.Image) -> Image.Image:
    method = _UPRIGHT.get(_orientation(image))
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image, name: str) -> Pixels:
    if image.mode.startswith("I"):  # 16-bit gray comes as I;16 or, from some formats and older Pillows, as I
        values = np.asarray(image).astype(np.int64).clip(0, 65535)
        gray = values if image.mode == "I" and values.max(initial=0) <= 255 else values // 257
        return np.repeat(gray.astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise ImageError(
            "has floating-point pixels, whose range is not defined. Scale them to 0..255 and convert them to 8 bits",
            name,
        )
    if image.mode in ("La", "RGBa"):  # with premultiplied alpha: Pillow knows no direct way to anything else
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        image.alpha_composite(layer)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _from_array(array: npt.NDArray[Any], name: str, max_pixels: int, image_format: str) -> Pixels:
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
    if image_format == "BGR":
        array = array[..., [2, 1, 0, 3][:channels]]
    if channels == 4:
        return _to_rgb(Image.fromarray(np.ascontiguousarray(array)), name)
    return np.ascontiguousarray(array)
