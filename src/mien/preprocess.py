"""Turn a face in a picture into network input: the one crop, and the one `to_input`, for every use.

The frame is FER2013's: 48x48 gray pixels with the face where FER2013 has it. docs/face-crop.md says how the template
below was measured and how the fit was chosen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.errors import InputError, describe_value

FRAME = 48
"""Side of a face crop in pixels."""


@dataclass(frozen=True)
class InputSpec:
    """Define a network's input: the central `size` x `size` window of a 48x48 crop, as `(pixel - mean) / std`.

    Attributes:
        size: side of the window in pixels, an even number from 8 to 48.
        mean: subtracted from every pixel (0 to 255).
        std: divides every pixel after the subtraction; above 0.

    Raises:
        InputError: a value is out of range.
    """

    size: int = 44
    mean: float = 128.0
    std: float = 64.0

    def __post_init__(self) -> None:
        if not 8 <= self.size <= FRAME or (FRAME - self.size) % 2:
            raise InputError(f"input size: expected an even number from 8 to {FRAME}, got {self.size}")
        if not (np.isfinite([self.mean, self.std]).all() and self.std > 0):
            raise InputError(f"input: expected a finite mean and a positive std, got {self.mean} and {self.std}")

    @property
    def margin(self) -> int:
        """Return the number of pixels between the window and each side of the frame."""
        return (FRAME - self.size) // 2

    def window(self, crops: Any) -> Any:
        """Return the central window (..., size, size) of crops (..., 48, 48), for numpy arrays and torch tensors."""
        return crops[..., self.margin : FRAME - self.margin, self.margin : FRAME - self.margin]

    def normalize(self, pixels: Any) -> Any:
        """Return float pixels from 0 to 255 as network input, for numpy arrays and torch tensors."""
        return (pixels - self.mean) / self.std

    def to_dict(self) -> dict[str, Any]:
        """Return size, mean and std as a dict."""
        return asdict(self)


def check_crops(crops: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the crops unchanged if they are gray, uint8 (N, 48, 48).

    Raises:
        InputError: they are not.
    """
    if (
        not isinstance(crops, np.ndarray)
        or crops.dtype != np.uint8
        or crops.ndim != 3
        or crops.shape[1:] != (FRAME, FRAME)
    ):
        raise InputError(
            f"face crops: expected a uint8 array (N, {FRAME}, {FRAME}) of gray pixels, got {describe_value(crops)}"
        )
    return crops


def to_input(crops: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Convert crops to network input, without scaling that depends on the picture.

    Args:
        crops: gray, uint8 (N, 48, 48).
        spec: the network's input spec.

    Returns:
        float32 (N, 1, size, size).

    Raises:
        InputError: `crops` are not crops.
    """
    window = spec.window(check_crops(crops))[:, None]
    return np.ascontiguousarray(spec.normalize(window.astype(np.float32)))


# Mean positions in FER2013's 48x48 frames, in pixels, by CenterFace on enlarged Training faces: left eye, right eye,
# left and right mouth corner, where left is left in the picture. The mean box is the default of `Framing.box`.
TEMPLATE_POINTS = np.array([[14.8, 19.1], [32.5, 18.7], [16.9, 36.9], [31.7, 36.5]], np.float32)
_POINT_ROWS = [0, 1, 3, 4]  # of the five landmarks, without the nose, which moves most when a head turns


@dataclass(frozen=True)
class Framing:
    """Define how a face is placed in the frame; docs/face-crop.md has the measurements behind the defaults.

    Attributes:
        scale: size of the face in the frame, relative to FER2013's mean.
        shift: (x, y) in pixels of the frame, added to FER2013's mean position.
        upright: share of the head's roll that is undone, 0 to 1; FER2013's frames were not rotated.
        by_box: weight of the detector's box for position and size, 0 to 1; eyes and mouth have the rest.
        box: position of a face's box in the frame: left, top, right, bottom in pixels.
    """

    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    upright: float = 0.0
    by_box: float = 0.0
    box: tuple[float, float, float, float] = (4.4, -0.8, 43.7, 49.0)


WHOLE_FRAME = Framing(box=(0, 0, FRAME, FRAME))
"""Framing for pictures that are a frame already, like FER2013's: nothing is moved."""


def crop_faces(
    image: npt.NDArray[np.uint8],
    boxes: npt.NDArray[np.float32],
    landmarks: npt.NDArray[np.float32],
    framing: Framing = Framing(),
) -> npt.NDArray[np.uint8]:
    """Crop the faces of a picture, each placed where FER2013 has its faces.

    A face without landmarks is placed by its box. Outside the picture its edge pixels are repeated.

    Args:
        image: RGB, uint8 (H, W, 3), or gray (H, W).
        boxes: left, top, right, bottom in pixels, float32 (n, 4). The pixel of column i reaches from i to i + 1.
        landmarks: x, y in pixels, float32 (n, 5, 2), or NaN.
        framing: how faces are placed.

    Returns:
        Crops, gray, uint8 (n, 48, 48).
    """
    if not len(boxes):
        return np.zeros((0, FRAME, FRAME), np.uint8)
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    fits = (fit_frame(box, points, framing) for box, points in zip(boxes, landmarks, strict=True))
    return np.stack([_sample(gray, *fit) for fit in fits])


def fit_frame(
    box: npt.NDArray[np.float32], points: npt.NDArray[np.float32], framing: Framing
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Fit the transform from picture coordinates p to the 48x48 frame: `matrix @ p + offset`.

    Args:
        box: left, top, right, bottom in pixels, (4,).
        points: landmarks, (5, 2), or NaN.
        framing: how the face is placed.

    Returns:
        matrix: rotation and scale, float64 (2, 2).
        offset: float64 (2,), in pixels of the frame.
    """
    corners = box.reshape(2, 2).astype(np.float64)
    target = np.array(framing.box, np.float64).reshape(2, 2)
    size, centre, aim = _size(target) / _size(corners), corners.mean(axis=0), target.mean(axis=0)
    angle = 0.0
    if np.isfinite(points).all():
        found = points[_POINT_ROWS].astype(np.float64)
        by_box = framing.by_box
        size = (_size(TEMPLATE_POINTS) / _size(found)) ** (1 - by_box) * size**by_box
        centre = (1 - by_box) * found.mean(axis=0) + by_box * centre
        aim = (1 - by_box) * TEMPLATE_POINTS.mean(axis=0, dtype=np.float64) + by_box * aim
        angle = -framing.upright * _roll(found)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = size * framing.scale * np.array([[cosine, -sine], [sine, cosine]])
    return turn, aim + np.array(framing.shift) - turn @ centre


def _size(points: npt.NDArray[Any]) -> float:
    """Return the root of the summed squared distances from the mean, at least a thousandth of a pixel."""
    return max(1e-3, float(np.sqrt(((points - points.mean(axis=0, dtype=np.float64)) ** 2).sum())))


def _roll(points: npt.NDArray[np.float64]) -> float:
    """Return the angle in radians between eyes and mouth corners (4, 2) and the template."""
    found = points - points.mean(axis=0)
    wanted = TEMPLATE_POINTS - TEMPLATE_POINTS.mean(axis=0)
    across = (wanted[:, 0] * found[:, 1] - wanted[:, 1] * found[:, 0]).sum()
    return float(np.arctan2(across, (wanted * found).sum()))


def _sample(
    gray: npt.NDArray[np.uint8], turn: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    """Sample the 48x48 frame from a gray picture (H, W); picture coordinates p are at `turn @ p + offset`."""
    back = np.linalg.inv(turn)
    frame = np.array([[0, 0], [FRAME, 0], [0, FRAME], [FRAME, FRAME]], np.float64)
    inside = (frame - offset) @ back.T
    limit = np.array([gray.shape[1], gray.shape[0]])
    low = np.clip(np.floor(inside.min(axis=0)) - 2, 0, limit - 1).astype(int)
    high = np.clip(np.ceil(inside.max(axis=0)) + 2, low + 1, limit).astype(int)
    patch = gray[low[1] : high[1], low[0] : high[0]]

    # Shrink a large face by area averaging to twice the frame first: bilinear sampling alone would alias.
    shrink = max(1.0, 0.5 / float(np.sqrt(np.linalg.det(turn))))
    sides = np.maximum(1, np.round((high - low) / shrink)).astype(int)
    factors = sides / (high - low)
    if shrink > 1:
        patch = cv2.resize(patch, (int(sides[0]), int(sides[1])), interpolation=cv2.INTER_AREA)
    # OpenCV's origin is the center of the first pixel: p = (q + 0.5) / factors + low, and likewise in the frame.
    matrix = turn / factors
    shift = offset + turn @ (0.5 / factors + low) - 0.5
    transform = np.concatenate([matrix, shift[:, None]], axis=1)
    return cv2.warpAffine(  # type: ignore[no-any-return]
        patch, transform, (FRAME, FRAME), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
