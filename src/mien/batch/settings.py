"""What decides the rows of a batch. Workers, threads and addresses do not, and are not here."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from mien.bundle import DEFAULT, Bundle
from mien.options import same_option
from mien.recognizer import EmotionRecognizer
from mien.runtimes import ModelFile
from mien.video.options import AnalysisOptions

VIDEO_OPTIONS = ("every", "fps", "detect_every", "smoothing", "max_gap")
"""Those of `AnalysisOptions` that a batch has."""


@dataclass(frozen=True)
class ReadSettings:
    """How files are read.

    model                                    a released bundle's name or a file
    detector, labels, size, min_face, flip   as `EmotionRecognizer` takes them
    provider                                 what computes the model
    every, fps, detect_every, smoothing, max_gap   how videos are analyzed, as in `mien.video.options.AnalysisOptions`
    """

    model: str = DEFAULT
    detector: str = "centerface"
    labels: str | None = None
    size: int | None = None
    min_face: float = 0.0
    flip: bool = False
    provider: str = "cpu"
    every: int = same_option(AnalysisOptions, "every")
    fps: float | None = same_option(AnalysisOptions, "fps")
    detect_every: int | None = same_option(AnalysisOptions, "detect_every")
    smoothing: float = same_option(AnalysisOptions, "smoothing")
    max_gap: float = same_option(AnalysisOptions, "max_gap")

    def __post_init__(self) -> None:
        AnalysisOptions(**self.analysis)  # raises what is wrong with them

    @property
    def analysis(self) -> dict[str, Any]:
        """How videos are analyzed: options of `EmotionRecognizer.track`."""
        return {name: getattr(self, name) for name in VIDEO_OPTIONS}


@dataclass(frozen=True)
class ReaderConfig:
    """What every worker is given: the settings, and the model's own file, so that all read with the same."""

    settings: ReadSettings
    file: ModelFile
    source: str

    @classmethod
    def of(cls, settings: ReadSettings) -> ReaderConfig:
        """The order for settings; raises what `Bundle.load` raises."""
        bundle = Bundle.load(settings.model, providers=settings.provider)
        return cls(settings, bundle.file, bundle.source)

    def recognizer(self, threads: int = 1) -> EmotionRecognizer:
        """A recognizer as ordered. Raises BundleError, DetectorError or InputError for what cannot be used."""
        chosen = self.settings
        return EmotionRecognizer(
            Bundle(self.file, self.source, threads=threads, providers=chosen.provider),
            detector=chosen.detector,
            labels=chosen.labels,
            size=chosen.size,
            min_face=chosen.min_face,
            flip=chosen.flip,
            threads=threads,
        )

    def to_dict(self) -> dict[str, Any]:
        """What is written of it: the settings, and the model by its SHA-256 in the place of its name."""
        digest = hashlib.sha256(self.file.content + self.file.weights).hexdigest()
        return asdict(self.settings) | {"model": digest}
