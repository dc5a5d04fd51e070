"""`FacePipeline`: detect the faces of a picture, crop them, classify their emotions.

Pictures, video, the live window, the service and batches all use it. It knows detectors and bundles; nothing of output
files, training or evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle, Head, find, released
from mien.detection import DEFAULT_DETECTOR
from mien.detection.closeups import detect_at_all_sizes
from mien.detection.detections import Detections, Detector
from mien.detection.registry import make_detector
from mien.errors import InputError
from mien.labels import LabelSet
from mien.options import describe_options
from mien.pipeline_options import DEFAULT_MODEL, PipelineOptions
from mien.preprocess import WHOLE_FRAME, Framing, crop_faces
from mien.results import Faces
from mien.runtimes.base import CPU


@dataclass(frozen=True, eq=False)
class FaceCrops:
    """The faces of one picture, detected and cropped but not yet classified; other pixels are not kept.

    Attributes:
        detections: boxes, scores and landmarks, n of them.
        crops: gray crops, uint8 (n, 48, 48).
        size: width and height of the picture in pixels.
        source: the picture's path, or a description.
    """

    detections: Detections
    crops: npt.NDArray[np.uint8]
    size: tuple[int, int]
    source: str


@describe_options(PipelineOptions, "labels", "size", "min_face", "min_confidence", "flip")
class FacePipeline:
    """Detect the faces of pictures, crop them and classify their emotions.

    Args:
        model: a released model's name, a bundle file's path, or a `Bundle`.
        detector: "mien-face", "centerface" (needs the extra `centerface`), "yunet" (downloaded once), "whole" (the
            picture is one face), or a callable: RGB uint8 (H, W, 3) to `Detections` or to boxes (n, 4), xyxy in pixels,
            or (n, 5) with scores.
        {options}
        threads: processor threads; 0: all.
        providers: execution providers, in order of preference: "cpu", "cuda", "openvino", ...
        device: a short form of `providers`, "cpu" or "cuda"; give only one of the two.

    Raises:
        BundleError: the model cannot be used.
        DetectorError: the detector is unknown or cannot be used.
        InputError: an argument has the wrong type or range.
    """

    def __init__(
        self,
        model: str | Path | Bundle = DEFAULT_MODEL,
        *,
        detector: str | Callable[..., Any] = DEFAULT_DETECTOR,
        labels: str | None = None,
        size: int | None = None,
        min_face: float = 0,
        min_confidence: float = 0.0,
        flip: bool = False,
        threads: int = 0,
        providers: str | Sequence[str] | None = None,
        device: str | None = None,
    ) -> None:
        _check_number("min_face", min_face, 0, None, "a number of pixels from 0")
        _check_number("min_confidence", min_confidence, 0, 1, "a probability from 0 to 1")
        self.detector: Detector = make_detector(detector, size=size, threads=threads)
        self.min_face = min_face
        self.min_confidence = min_confidence
        self.flip = flip
        self._session: dict[str, Any] = {"threads": threads, "providers": _providers(providers, device)}
        self._labels = labels
        self._bundle: Bundle | None = None
        self._head: Head | None = None
        self._model: str | Path = ""
        if isinstance(model, Bundle):
            self._use(model, labels)
        elif labels is not None or model not in released() or self._session["providers"] not in (CPU, *CPU):
            self._use(Bundle.load(model, **self._session), labels)
        else:  # a released bundle is loaded on first use, so that `train` does not load one only to replace it
            self._model = find(model)

    @property
    def bundle(self) -> Bundle:
        """The loaded model."""
        if self._bundle is None:
            self._use(Bundle.load(self._model, **self._session), self._labels)
        assert self._bundle is not None
        return self._bundle

    @property
    def head(self) -> Head:
        """The head of the bundle that is used."""
        if self._head is None:
            self._use(self.bundle, self._labels)
        assert self._head is not None
        return self._head

    @property
    def labels(self) -> LabelSet:
        """The label set of the results, in the order of the columns."""
        return self.head.labels

    def _use(self, bundle: Bundle, labels: str | None = None) -> None:
        self._head = bundle.head(labels) if labels else bundle.vote_head or bundle.metadata.heads[0]
        self._bundle = bundle

    def with_labels(self, labels: str) -> Self:
        """Return a copy that uses another head of the bundle and shares everything else.

        Raises:
            InputError: the bundle has no such head.
        """
        bundle = self.bundle
        other = copy(self)
        other._labels = labels
        other._use(bundle, labels)
        return other

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.bundle.name!r}, labels={self.head.name!r})"

    def find(self, pixels: npt.NDArray[np.uint8]) -> Detections:
        """Detect the faces of a picture, largest first, without those smaller than `min_face`.

        Args:
            pixels: RGB uint8 (H, W, 3).
        """
        detections = detect_at_all_sizes(self.detector, pixels)
        sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
        order = np.argsort(-sides.prod(axis=1), kind="stable")
        return detections.select(order[sides[order].min(axis=1, initial=np.inf) >= self.min_face])

    def crop(self, pixels: npt.NDArray[np.uint8], detections: Detections) -> npt.NDArray[np.uint8]:
        """Crop detected faces as gray pictures, uint8 (n, 48, 48).

        Args:
            pixels: RGB uint8 (H, W, 3).
            detections: the faces detected in it, n of them.
        """
        framing = WHOLE_FRAME if detections.are_frames else Framing()
        return crop_faces(pixels, detections.boxes, detections.landmarks, framing)

    def classify(self, crops: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """Return the calibrated probabilities and the estimated vote shares of crops.

        Args:
            crops: gray, uint8 (n, 48, 48).

        Returns:
            Probabilities float32 (n, K) over `labels`, and the estimated shares of people who would choose each
            emotion, float32 (n, K) over the same; None if the model was not trained on votes.
        """
        logits = self.bundle.logits(crops, flip=self.flip)
        shares, vote_head = self.bundle.vote_shares(logits), self.bundle.vote_head
        if shares is not None and vote_head is not None:
            shares = vote_head.labels.fold(shares, self.labels).astype(np.float32)
        return self.bundle.calibrate(logits)[self.head.name], shares

    def detect_and_crop(self, pixels: npt.NDArray[np.uint8], source: str) -> FaceCrops:
        """Detect and crop the faces of a picture, for `classify_batch`.

        Args:
            pixels: RGB uint8 (H, W, 3).
            source: the picture's name in the result.
        """
        detections = self.find(pixels)
        return FaceCrops(detections, self.crop(pixels, detections), (pixels.shape[1], pixels.shape[0]), source)

    def classify_batch(self, pictures: Sequence[FaceCrops]) -> list[Faces]:
        """Classify the faces of several pictures together; return one `Faces` for each picture, in order."""
        if not pictures:
            return []
        probabilities, shares = self.classify(np.concatenate([picture.crops for picture in pictures]))
        vote_shares = pick_vote_shares(probabilities.argmax(axis=1), shares)
        faces = []
        start = 0
        for picture in pictures:
            rows = slice(start, start + len(picture.crops))
            start = rows.stop
            faces.append(
                Faces(
                    boxes=picture.detections.boxes,
                    scores=picture.detections.scores,
                    landmarks=picture.detections.landmarks,
                    probabilities=probabilities[rows],
                    vote_shares=vote_shares[rows],
                    labels=self.labels,
                    size=picture.size,
                    source=picture.source,
                    min_confidence=self.min_confidence,
                )
            )
        return faces


def pick_vote_shares(columns: npt.NDArray[np.int64], shares: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32]:
    """Return the estimated share of people who would choose each face's emotion, float32 (n,); NaN without shares.

    Args:
        columns: the column of each face's emotion, int64 (n,).
        shares: the shares that `FacePipeline.classify` returns, float32 (n, K), or None.
    """
    if shares is None:
        return np.full(len(columns), np.nan, np.float32)
    return np.take_along_axis(shares, columns[:, None], axis=1)[:, 0]


def _check_number(name: str, value: Any, low: float, high: float | None, expected: str) -> None:
    known = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not known or not value >= low or (high is not None and value > high):
        raise InputError(f"{name}: expected {expected}, got {value!r}")


def _providers(providers: str | Sequence[str] | None, device: str | None) -> str | Sequence[str]:
    """Return the providers of the argument that is given; raise InputError if both are."""
    if device is None:
        return CPU if providers is None else providers
    if providers is not None:
        raise InputError(f"expected either device or providers, got device={device!r} and providers={providers!r}")
    return device
