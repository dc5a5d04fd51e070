"""Detect faces in a background thread while tracking continues. Used in real time, where detection is slow."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from mien.detection.detections import Detections
from mien.pipeline import FacePipeline

MAX_FLOW_STEPS = 3
"""Most steps in which faces that were detected in an earlier picture are moved to the current one."""


class BackgroundDetection:
    """Detect the faces of one picture in a background thread, and keep the gray pictures that follow it."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._running: Future[tuple[float, Detections]] | None = None
        self._since: list[npt.NDArray[np.uint8]] = []

    @property
    def running(self) -> bool:
        """Whether a detection was begun whose faces have not been taken."""
        return self._running is not None

    @property
    def done(self) -> bool:
        """Whether its faces are ready to be taken."""
        return self._running is not None and self._running.done()

    def begin(self, pipeline: FacePipeline, image: npt.NDArray[np.uint8], gray: npt.NDArray[np.uint8]) -> None:
        """Begin to detect the faces of a picture, RGB uint8 (H, W, 3), which in gray is uint8 (H, W)."""
        self._threads = self._threads or ThreadPoolExecutor(1, "mien-search")
        self._running = self._threads.submit(_timed_find, pipeline, image)
        self._since = [gray]

    def take(self, gray: npt.NDArray[np.uint8]) -> tuple[float, Detections, list[npt.NDArray[np.uint8]]] | None:
        """Return the faces once they are detected; call it with every picture.

        Args:
            gray: the current picture, uint8 (H, W).

        Returns:
            None while there is no result; else the seconds that the detection took, the faces, and a few gray pictures,
            from the one in which they were detected to the current one, over which they can be moved.
        """
        if self._running is None:
            return None
        self._since.append(gray)
        if not self._running.done():
            return None
        seconds, faces = self._running.result()
        steps = np.linspace(0, len(self._since) - 1, min(MAX_FLOW_STEPS + 1, len(self._since))).round().astype(int)
        pictures = [self._since[step] for step in steps]
        self.discard()
        return seconds, faces, pictures

    def discard(self) -> None:
        """Discard the detection that is running or has ended."""
        self._running, self._since = None, []

    def close(self) -> None:
        """Discard the detection and end the thread."""
        self.discard()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _timed_find(pipeline: FacePipeline, image: npt.NDArray[np.uint8]) -> tuple[float, Detections]:
    began = time.perf_counter()
    faces = pipeline.find(image)
    return time.perf_counter() - began, faces
