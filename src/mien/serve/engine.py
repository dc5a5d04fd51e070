"""The model, the detectors, the threads and processes that all routes share. Of HTTP it knows only what it refuses."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle
from mien.detection import DEFAULT_DETECTOR
from mien.detection.detections import Detections, Detector
from mien.detection.registry import make_detector
from mien.errors import ImageError, InputError, suggest
from mien.images import load_image, size_of
from mien.pipeline import FaceCrops
from mien.recognizer import EmotionRecognizer
from mien.results import Faces
from mien.runtimes.onnx import share_memory
from mien.serve.batching import Batcher
from mien.serve.children import give_memory_back
from mien.serve.fairness import FairThreads, Turn
from mien.serve.middleware.metrics import ServiceMetrics
from mien.serve.pictures import LargePicture, LargePictures
from mien.serve.problems import ProblemError, busy, retry_after
from mien.serve.settings import ServiceSettings, request_prior

T = TypeVar("T")

BUILT_IN = (DEFAULT_DETECTOR, "whole")
"""Detectors that need neither a download nor an extra: requests may always choose them."""

LARGE_PIXELS = 500_000
"""Pixels beyond which a picture is decoded and searched in a process of its own."""

SERVER_BLOCK = 4_000_000
"""Bytes from which the C library gives a freed block back at once: bodies and frames, not small pictures."""

MOST_OF_QUEUE = 0.75
"""Most of the queue that one client may take."""

MAX_MIN_FACE = 100_000
"""Upper limit of `min_face`, in pixels."""


@dataclass(frozen=True)
class PictureUpload:
    """An uploaded picture.

    Attributes:
        content: the file's bytes, not decoded.
        name: the client's name for it.
    """

    content: bytes | bytearray
    name: str


@dataclass(frozen=True)
class RequestOptions:
    """Options of a request; None is the service's default. Raises InputError for values out of range.

    Attributes:
        labels: name of the head.
        detector: name of the detector.
        min_face: pixels of a box's shorter side below which faces are left out, from 0.
        min_confidence: probability, 0 to 1, below which the emotion is "uncertain".
        flip: average each face with its mirror image.
        prior: how frequent the emotions are, as text: "uniform", "happy=3,sad=0.5".
        set_coverage: share of cases in which a face's set of emotions holds the right one.
        set_kind: what that share holds for: "emotion" or "all".
    """

    labels: str | None = None
    detector: str | None = None
    min_face: float | None = None
    min_confidence: float | None = None
    flip: bool = False
    prior: str | None = None
    set_coverage: float | None = None
    set_kind: str | None = None

    def __post_init__(self) -> None:
        if self.min_face is not None and not 0 <= self.min_face <= MAX_MIN_FACE:
            raise InputError(f"min_face: expected pixels from 0 to {MAX_MIN_FACE:,}, got {self.min_face}")
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            raise InputError(f"min_confidence: expected a probability from 0 to 1, got {self.min_confidence}")
        if self.prior is not None:
            request_prior(self.prior)


class AdaptiveDetector:
    """Detect with all cores when no other detection runs, and with one core otherwise.

    A single request is fast, and many requests at once have the highest throughput.

    Args:
        wide: the detector with all cores.
        narrow: the detector with one core.
    """

    def __init__(self, wide: Detector, narrow: Detector) -> None:
        self._wide, self._narrow = wide, narrow
        self.detects_closeups = bool(getattr(wide, "detects_closeups", False))  # as `detect_at_all_sizes` asks
        self._busy = 0
        self._lock = threading.Lock()

    def __call__(self, image: npt.NDArray[np.uint8]) -> Detections:
        with self._lock:
            detector = self._narrow if self._busy else self._wide
            self._busy += 1
        try:
            return detector(image)
        finally:
            with self._lock:
                self._busy -= 1


class Engine:
    """Predict for all routes: several threads decode pictures and detect faces, one thread classifies in batches.

    Large pictures are decoded and searched in processes of their own. All of them are shared fairly among clients.

    Args:
        settings: the settings of the service.
        metrics: counts pictures, faces and batches.

    Attributes:
        admitted: pictures that wait or are processed.
        streams: live streams that are open.

    Raises:
        BundleError: the model cannot be loaded.
        DetectorError: the detector cannot be loaded.
        InputError: the settings name something unknown.
    """

    def __init__(self, settings: ServiceSettings, metrics: ServiceMetrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.cores = settings.threads or usable_cores()
        share_memory()
        give_memory_back(SERVER_BLOCK)
        self.bundle = Bundle.load(settings.model, threads=self.cores, providers=settings.provider)
        self.detectors = tuple(dict.fromkeys((settings.detector, *BUILT_IN)))
        self._made: dict[tuple[str, int | None], Detector] = {}
        self.threads = FairThreads(self.cores, "mien-find")
        self.large = LargePictures(settings.picture_processes, self.cores, settings.picture_memory, settings.max_pixels)
        self._classification_thread = ThreadPoolExecutor(1, "mien-read")
        self._detecting = 0
        self._clients = Counter[str]()
        self.admitted = 0
        self.streams = 0
        self.batcher = Batcher(
            self._classification_thread,
            settings.batch,
            settings.batch_wait / 1e3,
            lambda: self._detecting,
            metrics.batches.observe,
        )
        self.default = self.recognizer(RequestOptions())
        self.default.predict(np.zeros((64, 64, 3), np.uint8))  # warm up: the first prediction is slow

    def recognizer(self, options: RequestOptions) -> EmotionRecognizer:
        """Return a recognizer of the shared model and detector with the options of a request; it costs little.

        Args:
            options: the options of the request.

        Raises:
            InputError: the detector or the head is unknown.
        """
        name = options.detector or self.settings.detector
        if name not in self.detectors:
            raise InputError(f"detector {name!r}: not one of this service's; {suggest(name, self.detectors)}")
        return EmotionRecognizer(
            self.bundle,
            detector=self._detector(name, self.settings.size),
            **recognizer_arguments(self.settings, options),
        )

    def _detector(self, name: str, size: int | None) -> Detector:
        key = (name, size)
        if key not in self._made:
            wide, narrow = (make_detector(name, size=size, threads=threads) for threads in (self.cores, 1))
            self._made[key] = AdaptiveDetector(wide, narrow)
        return self._made[key]

    async def predict(
        self, pictures: Sequence[PictureUpload], options: RequestOptions, client: str = ""
    ) -> list[Faces | ImageError]:
        """Predict the pictures of one request.

        Args:
            pictures: the uploads.
            options: the request's options.
            client: whose request it is.

        Returns:
            A result or an error per picture, in order.

        Raises:
            InputError: the detector or the head is unknown.
            ProblemError: 503, the queue is full; 504, the request took too long.
        """
        recognizer = self.recognizer(options)
        count, limit = len(pictures), self.settings.request_seconds
        self._admit(client, count)
        loop = asyncio.get_running_loop()
        end, request = loop.time() + limit, object()
        try:
            async with asyncio.timeout_at(end):
                return await asyncio.gather(
                    *(
                        self._predict_one(picture, recognizer, options, Turn(client, request, 0.0), end)
                        for picture in pictures
                    )
                )
        except TimeoutError:
            self.metrics.refused.labels("time").inc()
            raise ProblemError(
                504,
                f"pictures: expected {count} to be read within {limit:g} s, got no further. The service is busy, or "
                "they are too large: send fewer or smaller ones, or try again later",
                "time",
                retry_after(limit),
            ) from None
        finally:
            self.admitted -= count
            self._clients[client] -= count
            self._clients += Counter()  # without those who have none
            self.metrics.queue.dec(count)

    def _admit(self, client: str, count: int) -> None:
        """Count pictures as admitted; raise a 503 (ProblemError) if the queue, or the client's part of it, is full."""
        queue = self.settings.queue
        part = max(self.settings.max_images, round(MOST_OF_QUEUE * queue))
        if self.admitted + count > queue or self._clients[client] + count > part:
            self.metrics.refused.labels("queue").inc()
            raise busy(
                f"queue: expected at most {queue} waiting pictures, and {min(part, queue)} of one client, got "
                f"{self.admitted} and {self._clients[client]}, and {count} more. Try again later"
            )
        self.admitted += count
        self._clients[client] += count
        self.metrics.queue.inc(count)

    async def _predict_one(
        self, picture: PictureUpload, recognizer: EmotionRecognizer, options: RequestOptions, turn: Turn, end: float
    ) -> Faces | ImageError:
        try:
            found = await self._find(picture, recognizer, options, turn, end)
        except ImageError as error:
            self.metrics.unread.inc()
            return ImageError(error.reason, picture.name)
        faces = await self.batcher.classify(recognizer, found)
        self.metrics.pictures.inc()
        self.metrics.faces.inc(len(faces))
        return faces

    async def _find(
        self, picture: PictureUpload, recognizer: EmotionRecognizer, options: RequestOptions, turn: Turn, end: float
    ) -> FaceCrops:
        """Decode a picture and find its faces, here if it is small, in a process of its own if it is large.

        Its size is known only when its header is read, so it is counted as the largest small one first.
        """
        most = replace(turn, megapixels=LARGE_PIXELS / 1e6)
        self._detecting += 1
        try:
            pixels, found = await self.threads.run(partial(self._find_in_small, picture, recognizer), most)
        finally:
            self._detecting -= 1
        self.threads.queue.charge(turn, (pixels if found else 0) / 1e6 - most.megapixels)
        if found:
            return found
        large = LargePicture(
            picture.content,
            picture.name,
            options.detector or self.settings.detector,
            self.settings.size,
            recognizer.min_face,
        )
        clock = asyncio.get_running_loop().time
        return await self.large.find(large, replace(turn, megapixels=pixels / 1e6), lambda: end - clock())

    def _find_in_small(self, picture: PictureUpload, recognizer: EmotionRecognizer) -> tuple[int, FaceCrops | None]:
        """Return a picture's pixels and its faces; None if it is large."""
        most = self.settings.max_pixels
        try:
            image = load_image(picture.content, min(most, LARGE_PIXELS))
        except ImageError:
            pixels = prod(size_of(picture.content, most))
            if pixels <= LARGE_PIXELS:
                raise
            return pixels, None
        return image.shape[0] * image.shape[1], recognizer.detect_and_crop(image, picture.name)

    async def run(self, function: Callable[[], T], turn: Turn) -> T:
        """Run a function in one of the threads that detect faces, when it is its turn."""
        return await self.threads.run(function, turn)

    def close(self) -> None:
        """End the threads and processes."""
        self.threads.close()
        self.large.close()
        self._classification_thread.shutdown(cancel_futures=True)


def recognizer_arguments(settings: ServiceSettings, options: RequestOptions) -> dict[str, Any]:
    """Return the arguments of a recognizer that a request may choose, without its detector."""
    return {
        "labels": options.labels or settings.labels,
        "min_face": settings.min_face if options.min_face is None else options.min_face,
        "min_confidence": settings.min_confidence if options.min_confidence is None else options.min_confidence,
        "flip": options.flip,
        "prior": request_prior(settings.prior if options.prior is None else options.prior),
        "set_coverage": settings.set_coverage if options.set_coverage is None else options.set_coverage,
        "set_kind": options.set_kind or settings.set_kind,
    }


def usable_cores() -> int:
    """Return the number of processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
