"""Detect faces with YuNet, whose weights are downloaded once."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.detection.detections import Detections, FloatArray, Pixels
from mien.errors import DetectorError
from mien.files import Download


class YuNet:
    """Detect faces with YuNet (Wu et al. 2023) through OpenCV, small and fast; its file is downloaded on first use.

    Args:
        size: longer side in pixels at which faces are detected.
        threshold: least score, 0 to 1.
        threads: ignored: OpenCV has one setting for the whole process.

    Raises:
        DetectorError: OpenCV cannot use the file.
        DownloadError: the file cannot be downloaded.
    """

    FILE = Download(
        name="face_detection_yunet_2023mar.onnx",
        url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        variable="MIEN_YUNET_URL",
    )

    def __init__(self, *, size: int = 640, threshold: float = 0.6, threads: int = 0) -> None:
        del threads  # OpenCV has one setting for the whole process, which a library must not change
        self.size = size
        self.threshold = threshold
        self._lock = threading.Lock()  # the input size is state of the network
        path = self.FILE.path()
        try:
            self._network = cv2.FaceDetectorYN.create(str(path), "", (size, size), threshold, 0.3, 5000)
        except (AttributeError, cv2.error) as error:
            raise DetectorError(
                f"OpenCV {cv2.__version__} cannot use {path}: {error}. Take opencv-python 4.8 or newer, or 'mien-face'"
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the options; the network is loaded again."""
        return partial(YuNet, size=self.size, threshold=self.threshold), ()

    def __call__(self, image: Pixels) -> Detections:
        """Return the faces of a picture, RGB uint8 (H, W, 3)."""
        scale = min(1.0, self.size / max(image.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        bgr = cv2.cvtColor(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
        with self._lock:
            self._network.setInputSize((width, height))
            _, rows = self._network.detect(bgr)
        return self.parse(np.zeros((0, 15), np.float32) if rows is None else rows, scale).clip_to(image)

    @staticmethod
    def parse(rows: npt.NDArray[Any], scale: float) -> Detections:
        """Convert OpenCV's rows to detections in the unscaled picture.

        The points begin with the person's right eye, which is the left one in the picture, as in `Detections`.

        Args:
            rows: (n, 15): x, y, width, height, five points, score; in pixels of the scaled picture.
            scale: size of the scaled picture relative to the original.
        """
        pixels: FloatArray = (rows[:, :14] / scale).astype(np.float32)
        boxes = np.concatenate([pixels[:, :2], pixels[:, :2] + pixels[:, 2:4]], axis=1)
        return Detections(boxes, rows[:, 14].astype(np.float32).clip(0, 1), pixels[:, 4:].reshape(-1, 5, 2))
