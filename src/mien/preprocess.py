"""From a face in a picture to the array that a network reads: the one crop, and the one `to_input`.

The frame is FER2013's: 48x48 gray pixels with the face where FER2013 has it. How the template below was
measured and the fit chosen is written down in docs/face-crop.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

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

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_crops(crops: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The crops as they are, if they are uint8 `(N, 48, 48)`."""
    if not isinstance(crops, np.ndarray) or crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != (FRAME, FRAME):
        got = f"{crops.dtype} {crops.shape}" if isinstance(crops, np.ndarray) else type(crops).__name__
        raise InputError(f"face crops: expected a uint8 array (N, {FRAME}, {FRAME}) of gray pixels, got {got}")
    return crops


def to_input(crops: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Crops uint8 `(N, 48, 48)` as network input float32 `(N, 1, size, size)`; no picture-dependent scaling."""
    edge = spec.margin
    window = check_crops(crops)[:, None, edge : FRAME - edge, edge : FRAME - edge]
    return np.ascontiguousarray((window.astype(np.float32) - np.float32(spec.mean)) / np.float32(spec.std))
