"""Hold the settings that determine the rows of a batch, without workers, threads and addresses."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from mien.bundle import Bundle
from mien.errors import InputError
from mien.options import same_option
from mien.pipeline_options import ESTIMATE, PipelineOptions
from mien.priors import check_prior
from mien.recognizer import EmotionRecognizer
from mien.runtimes.base import ModelFile
from mien.video.options import AnalysisOptions

VIDEO_OPTIONS = ("every", "fps", "detect_every", "smoothing", "max_gap")
"""The fields of `AnalysisOptions` that a batch has."""


@dataclass(frozen=True)
class ReadSettings:
    """Hold how files are read.

    Attributes:
        model: as in `mien.pipeline_options.PipelineOptions`, like the next five.
        detector: see `model`.
        labels: see `model`.
        size: see `model`.
        min_face: see `model`.
        flip: see `model`.
        prior: see `model`; "estimate" is not possible, since workers do not know each other's faces.
        set_coverage: see `model`.
        set_kind: see `model`.
        provider: execution provider of the model.
        every: as in `mien.video.options.AnalysisOptions`, like the next four.
        fps: see `every`.
        detect_every: see `every`.
        smoothing: see `every`.
        max_gap: see `every`.
    """

    model: str = same_option(PipelineOptions, "model")
    detector: str = same_option(PipelineOptions, "detector")
    labels: str | None = same_option(PipelineOptions, "labels")
    size: int | None = same_option(PipelineOptions, "size")
    min_face: float = same_option(PipelineOptions, "min_face")
    flip: bool = same_option(PipelineOptions, "flip")
    prior: Any = same_option(PipelineOptions, "prior")
    set_coverage: float = same_option(PipelineOptions, "set_coverage")
    set_kind: str = same_option(PipelineOptions, "set_kind")
    provider: str = "cpu"
    every: int = same_option(AnalysisOptions, "every")
    fps: float | None = same_option(AnalysisOptions, "fps")
    detect_every: int | None = same_option(AnalysisOptions, "detect_every")
    smoothing: float = same_option(AnalysisOptions, "smoothing")
    max_gap: float = same_option(AnalysisOptions, "max_gap")

    def __post_init__(self) -> None:
        AnalysisOptions(**self.analysis)  # validates them
        if check_prior(self.prior) == ESTIMATE:
            raise InputError(
                "prior 'estimate': expected 'training', 'uniform' or weights, since the workers of a batch do not know "
                "each other's faces. Estimate on a part of them (`EmotionRecognizer.estimate_prior`) and give weights"
            )

    @property
    def analysis(self) -> dict[str, Any]:
        """Return the options of `EmotionRecognizer.track` for videos."""
        return {name: getattr(self, name) for name in VIDEO_OPTIONS}


@dataclass(frozen=True)
class ReaderConfig:
    """Hold what every worker gets: the settings, and the bytes of the model, so that all use the same model.

    Attributes:
        settings: the settings.
        file: the bytes of the model.
        source: name of the model for messages.
    """

    settings: ReadSettings
    file: ModelFile
    source: str

    @classmethod
    def of(cls, settings: ReadSettings) -> ReaderConfig:
        """Build the configuration for settings.

        Raises:
            BundleError: the model cannot be loaded.
        """
        bundle = Bundle.load(settings.model, providers=settings.provider)
        return cls(settings, bundle.file, bundle.source)

    def recognizer(self, threads: int = 1) -> EmotionRecognizer:
        """Build a recognizer with these settings.

        Raises:
            BundleError: the model cannot be used.
            DetectorError: the detector cannot be used.
            InputError: a setting is wrong.
        """
        chosen = self.settings
        return EmotionRecognizer(
            Bundle(self.file, self.source, threads=threads, providers=chosen.provider),
            detector=chosen.detector,
            labels=chosen.labels,
            size=chosen.size,
            min_face=chosen.min_face,
            flip=chosen.flip,
            prior=chosen.prior,
            set_coverage=chosen.set_coverage,
            set_kind=chosen.set_kind,
            threads=threads,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings for the manifest, with the model's SHA-256 instead of its name."""
        digest = hashlib.sha256(self.file.content + self.file.weights).hexdigest()
        return asdict(self.settings) | {"model": digest}
