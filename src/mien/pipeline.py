"""`FacePipeline`: detect the faces of a picture, crop them, classify their emotions.

Pictures, video, the live window, the service and batches all use it. It knows detectors and bundles; nothing of output
files, training or evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle, find, released
from mien.detection import DEFAULT_DETECTOR
from mien.detection.closeups import detect_at_all_sizes
from mien.detection.detections import Detections, Detector
from mien.detection.registry import make_detector
from mien.errors import ImageError, InputError
from mien.face import VOTE_NUMBERS
from mien.images import describe_source, load_image
from mien.labels import LabelSet
from mien.metadata import Head
from mien.options import describe_options
from mien.pipeline_options import BY_EMOTION, DEFAULT_MODEL, ESTIMATE, TRAINING, PipelineOptions
from mien.preprocess import WHOLE_FRAME, Framing, crop_faces
from mien.priors import Prior, check_prior, estimate_prior, ratios, shift
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


@describe_options(
    PipelineOptions, "labels", "size", "min_face", "min_confidence", "flip", "prior", "set_coverage", "set_kind"
)
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
        prior: Prior = TRAINING,
        set_coverage: float = 0.9,
        set_kind: str = BY_EMOTION,
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
        self.prior = check_prior(prior)
        self.set_coverage = set_coverage
        self.set_kind = set_kind
        self._session: dict[str, Any] = {"threads": threads, "providers": _providers(providers, device)}
        self._labels = labels
        self._bundle: Bundle | None = None
        self._head: Head | None = None
        self._factors: npt.NDArray[np.float64] | None = None
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
        prior = TRAINING if self.prior == ESTIMATE else self.prior
        self._factors = ratios(prior, self._head.labels, known_frequencies(self._head))
        if self._head.uncertainty is not None:
            self._head.uncertainty.thresholds(self.set_coverage, self.set_kind)  # raises what is wrong with them

    def with_prior(self, prior: Prior) -> Self:
        """Return a copy with another prior that shares everything else.

        Args:
            prior: "training", "uniform", or a weight for each emotion.

        Raises:
            InputError: the prior is unknown, or the model does not say to which frequencies its probabilities belong.
        """
        bundle = self.bundle
        other = copy(self)
        other.prior = check_prior(prior)
        other._use(bundle, self.head.name)
        return other

    def estimate_prior(self, crops: npt.NDArray[np.uint8]) -> dict[str, float]:
        """Estimate how frequent each emotion is among faces.

        Args:
            crops: gray, uint8 (n, 48, 48).

        Returns:
            The frequency of each emotion, for `with_prior`.

        Raises:
            InputError: there are too few faces, or the model does not say to which frequencies its probabilities
                belong.
        """
        found = estimate_prior(self.with_prior(TRAINING).classify(crops)[0], known_frequencies(self.head))
        return dict(zip(self.labels.names, found.tolist(), strict=True))

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
            pixels: RGB uint8 (H, W, 3), or gray (H, W).
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
        probabilities = self.bundle.calibrate(logits)[self.head.name]
        return probabilities if self._factors is None else shift(probabilities, self._factors), shares

    def uncertainty(
        self,
        probabilities: npt.NDArray[np.float32],
        shares: npt.NDArray[np.float32] | None,
        reported: npt.NDArray[np.int64],
    ) -> dict[str, Any]:
        """Return `sets` and the VOTE_NUMBERS as `Faces` has them; what the model does not know is left out.

        The sets belong to the probabilities before the prior, since their thresholds do: those by emotion hold whatever
        the prior is. The reported emotion is always in them.

        Args:
            probabilities: of `classify`, float32 (n, K).
            shares: of `classify`.
            reported: the columns of the reported emotions, int64 (n,).
        """
        found: dict[str, Any] = {}
        known = self.head.uncertainty
        if known is not None:
            before = probabilities if self._factors is None else shift(probabilities, 1 / self._factors)
            found["sets"] = known.sets(before, self.set_coverage, self.set_kind)
            found["sets"][np.arange(len(before)), reported] = True
        of_votes = None if self.bundle.vote_head is None else self.bundle.vote_head.uncertainty
        if shares is not None and of_votes is not None:
            for name, values in vote_numbers(shares, self.labels).items():
                if name in of_votes.intervals and not np.isnan(values).any():
                    bounds = of_votes.intervals[name].bounds(values)
                    found[name] = np.concatenate([values[:, None], bounds], axis=1)
        return found

    def detect_and_crop(self, pixels: npt.NDArray[np.uint8], source: str) -> FaceCrops:
        """Detect and crop the faces of a picture, for `classify_batch`.

        Args:
            pixels: RGB uint8 (H, W, 3).
            source: the picture's name in the result.
        """
        detections = self.find(pixels)
        return FaceCrops(detections, self.crop(pixels, detections), (pixels.shape[1], pixels.shape[0]), source)

    def detect_each(self, images: Iterable[Any], *, image_format: str = "RGB") -> Iterator[FaceCrops | ImageError]:
        """Yield the faces of each picture, or an ImageError if it cannot be read.

        Args:
            images: pictures as `mien.images.load_image` takes them.
            image_format: order of the channels of arrays, "RGB" or "BGR".
        """
        for image in images:
            source = describe_source(image)
            try:
                pixels = load_image(image, image_format=image_format)
            except ImageError as error:
                yield error
            except InputError as error:  # the argument is no picture; the others are read
                yield ImageError(str(error), source)
            else:
                yield self.detect_and_crop(pixels, source)

    def classify_batch(self, pictures: Sequence[FaceCrops]) -> list[Faces]:
        """Classify the faces of several pictures together; return one `Faces` for each picture, in order."""
        if not pictures:
            return []
        probabilities, shares = self.classify(np.concatenate([picture.crops for picture in pictures]))
        reported = probabilities.argmax(axis=1)
        vote_shares = pick_vote_shares(reported, shares)
        uncertainty = self.uncertainty(probabilities, shares, reported)
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
                    **{name: values[rows] for name, values in uncertainty.items()},
                    labels=self.labels,
                    size=picture.size,
                    source=picture.source,
                    min_confidence=self.min_confidence,
                )
            )
        return faces


def known_frequencies(head: Head) -> npt.NDArray[np.float64] | None:
    """Return how frequent each emotion is among a head's calibration faces, float64 (K,); None: unknown."""
    return None if head.uncertainty is None else np.array(head.uncertainty.prior)


def vote_numbers(shares: npt.NDArray[np.floating], labels: LabelSet) -> dict[str, npt.NDArray[np.float32]]:
    """Return the numbers that are derived from vote shares (n, K) over `labels`, float32 (n,) each, by name."""
    return {name: getattr(labels, name)(shares) for name in VOTE_NUMBERS}


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
