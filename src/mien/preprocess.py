"""From a face in a picture to the array that a network reads: the one crop, and the one `to_input`.

The frame is FER2013's: 48x48 gray pixels with the face where FER2013 has it. How the template below was
measured and the fit chosen is written down in docs/face-crop.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.errors import InputError

FRAME = 48
"""Side of a face crop in pixels."""


@dataclass(frozen=True)
class InputSpec:
    """What a network reads: the central `size` x `size` window of a 48x48 crop, as `(pixel - mean) / std`."""

    size: int = 44
    mean: float = 128.0
    std: float = 64.0

    def __post_init__(self) -> None:
        if not 8 <= self.size <= FRAME or (FRAME - self.size) % 2:
            raise InputError(f"input size: expected an even number from 8 to {FRAME}, got {self.size}")
        if not self.std > 0:
            raise InputError(f"input std: expected a positive number, got {self.std}")

    @property
    def margin(self) -> int:
        """Pixels left out on each side of the frame."""
        return (FRAME - self.size) // 2

    def window(self, crops: Any) -> Any:
        """The central window of crops `(..., 48, 48)`: `(..., size, size)`; numpy arrays and torch tensors alike."""
        return crops[..., self.margin : FRAME - self.margin, self.margin : FRAME - self.margin]

    def normalize(self, pixels: Any) -> Any:
        """Float pixels 0..255 as network input; numpy arrays and torch tensors alike."""
        return (pixels - self.mean) / self.std

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_crops(crops: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The crops as they are, if they are uint8 `(N, 48, 48)`."""
    if (
        not isinstance(crops, np.ndarray)
        or crops.dtype != np.uint8
        or crops.ndim != 3
        or crops.shape[1:] != (FRAME, FRAME)
    ):
        got = f"{crops.dtype} {crops.shape}" if isinstance(crops, np.ndarray) else type(crops).__name__
        raise InputError(f"face crops: expected a uint8 array (N, {FRAME}, {FRAME}) of gray pixels, got {got}")
    return crops


def to_input(crops: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Crops uint8 `(N, 48, 48)` as network input float32 `(N, 1, size, size)`; no picture-dependent scaling."""
    window = spec.window(check_crops(crops))[:, None]
    return np.ascontiguousarray(spec.normalize(window.astype(np.float32)))


# Where FER2013 has them in its 48x48 frames: CenterFace on upsampled Training faces, means in pixels.
# Left eye, right eye, left and right mouth corner as they lie in the picture.
TEMPLATE_POINTS = np.array([[15.3, 19.3], [32.4, 18.9], [17.4, 36.2], [31.2, 35.9]], np.float32)
TEMPLATE_BOX = np.array([4.7, 1.7, 43.7, 47.4], np.float32)
_POINT_ROWS = [0, 1, 3, 4]  # of the five landmarks; the nose moves most when a head turns


def crop_faces(
    image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32], landmarks: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """The faces of a picture as crops uint8 `(n, 48, 48)`, each placed where FER2013 has its faces.

    `image` RGB uint8 (H, W, 3), `boxes` float32 (n, 4) xyxy, `landmarks` float32 (n, 5, 2) or NaN; both in pixels.
    A face without landmarks is fitted by its box; pixels outside the picture repeat its edge.
    """
    if not len(boxes):
        return np.zeros((0, FRAME, FRAME), np.uint8)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.stack([crop_face(gray, box, points) for box, points in zip(boxes, landmarks, strict=True)])


def crop_face(
    gray: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], points: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """One face of a gray picture (H, W) as a crop uint8 (48, 48)."""
    scale, offset = fit_frame(box, points)
    side = FRAME / scale
    left, top = -offset / scale
    # Shrink by area first where the face is large: bilinear sampling alone would alias.
    shrink = max(1.0, side / (2 * FRAME))
    x0, y0 = (max(0, int(np.floor(start - 2))) for start in (left, top))
    x1, y1 = (int(np.ceil(start + side + 2)) for start in (left, top))
    patch = gray[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    if patch.size == 0:
        patch, x0, y0 = gray, 0, 0
    if shrink > 1:
        width, height = (max(1, round(length / shrink)) for length in (patch.shape[1], patch.shape[0]))
        factors = np.array([width / patch.shape[1], height / patch.shape[0]])
        patch = cv2.resize(patch, (width, height), interpolation=cv2.INTER_AREA)
    else:
        factors = np.ones(2)
    # Pixel centres, not corners, are what the two resamplings must agree on.
    steps = scale / factors
    shift = offset + scale * np.array([x0, y0]) + 0.5 * steps - 0.5 * scale
    matrix = np.array([[steps[0], 0, shift[0]], [0, steps[1], shift[1]]])
    return cv2.warpAffine(patch, matrix, (FRAME, FRAME), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def fit_frame(box: npt.NDArray[np.float32], points: npt.NDArray[np.float32]) -> tuple[float, npt.NDArray[np.float64]]:
    """Scale and offset (x, y) that take a face's picture coordinates into the 48x48 frame, least squares.

    Eyes and mouth corners decide where they are known, else the box does.
    """
    if np.isnan(points).any():
        source, target = box.reshape(2, 2), TEMPLATE_BOX.reshape(2, 2)
    else:
        source, target = points[_POINT_ROWS], TEMPLATE_POINTS
    middle, aim = source.mean(axis=0, dtype=np.float64), target.mean(axis=0, dtype=np.float64)
    spread = np.sqrt(((source - middle) ** 2).sum())
    scale = float(np.sqrt(((target - aim) ** 2).sum()) / max(spread, 1e-6))
    return scale, aim - scale * middle
