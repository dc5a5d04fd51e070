"""Make face detectors by name, and check the results of a user's own detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mien.detection.centerface import CenterFace
from mien.detection.detections import Detections, Detector, Pixels
from mien.detection.mien_face import MienFace
from mien.detection.whole_image import WholeImage
from mien.detection.yunet import YuNet
from mien.errors import DetectorError, suggest

DETECTORS: dict[str, Callable[..., Detector]] = {
    "mien-face": MienFace,
    "centerface": CenterFace,
    "yunet": YuNet,
    "whole": WholeImage,
}


def make_detector(
    spec: str | Callable[..., Any], *, size: int | None = None, threshold: float | None = None, threads: int = 0
) -> Detector:
    """Return a detector.

    Args:
        spec: a name ("mien-face", "centerface", "yunet", "whole"), or a callable that takes an RGB picture, uint8
            (H, W, 3), and returns `Detections` or boxes.
        size: longer side in pixels at which faces are detected. None: the detector's default.
        threshold: least score. None: the detector's default.
        threads: number of threads. 0: the runtime chooses.

    Raises:
        DetectorError: the name is unknown, or an option is out of range.
    """
    if size is not None and size < 32:
        raise DetectorError(f"detection size: expected at least 32 pixels, got {size}")
    if threshold is not None and not 0 < threshold < 1:
        raise DetectorError(f"detection threshold: expected a number between 0 and 1, got {threshold}")
    if not isinstance(spec, str):
        return _Checked(spec)
    if spec not in DETECTORS:
        raise DetectorError(f"no detector {spec!r}; {suggest(spec, DETECTORS)}")
    options = {"size": size, "threshold": threshold}
    given = {name: value for name, value in options.items() if value is not None}
    return DETECTORS[spec](threads=threads, **given)


class _Checked:
    """Wrap a user's callable, and convert its result to `Detections` inside the picture."""

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise DetectorError(f"detector: expected a name or a callable, got {type(function).__name__}")
        self._function = function
        self.detects_closeups = bool(getattr(function, "detects_closeups", False))  # as `detect_at_all_sizes` asks

    def __call__(self, image: Pixels) -> Detections:
        result = self._function(image)
        if result is None:
            raise DetectorError(
                "detector: expected Detections or boxes (n, 4) xyxy, got None. Return an array of shape (0, 4) where "
                "there is no face"
            )
        found = result if isinstance(result, Detections) else Detections.of_boxes(result)
        return found.clip_to(image)
