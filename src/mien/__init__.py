"""mien recognizes facial expressions in pictures, videos and live cameras, on any CPU, offline.

>>> from mien import EmotionRecognizer
>>> faces = EmotionRecognizer().predict("party.jpg")

The public names are imported on first use (PEP 562), so that `import mien` takes almost no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mien.version import __version__

_HOMES = {
    "EmotionRecognizer": "mien.recognizer",
    "Face": "mien.face",
    "Faces": "mien.results",
    "Bundle": "mien.bundle",
    "Detections": "mien.detection.detections",
    "LabelSet": "mien.labels",
    "Moment": "mien.video.moment",
    "MienError": "mien.errors",
    "ImageError": "mien.errors",
    "SoundError": "mien.errors",
    "Voice": "mien.voice.voices",
    "VoiceRecognizer": "mien.voice.recognizer",
    "Voices": "mien.voice.voices",
    "VideoError": "mien.errors",
    "BundleError": "mien.errors",
}

__all__ = ["__version__", *sorted(_HOMES)]

if TYPE_CHECKING:
    from mien.bundle import Bundle as Bundle
    from mien.detection.detections import Detections as Detections
    from mien.errors import BundleError as BundleError
    from mien.errors import ImageError as ImageError
    from mien.errors import MienError as MienError
    from mien.errors import SoundError as SoundError
    from mien.errors import VideoError as VideoError
    from mien.face import Face as Face
    from mien.labels import LabelSet as LabelSet
    from mien.recognizer import EmotionRecognizer as EmotionRecognizer
    from mien.results import Faces as Faces
    from mien.video.moment import Moment as Moment
    from mien.voice.recognizer import VoiceRecognizer as VoiceRecognizer
    from mien.voice.voices import Voice as Voice
    from mien.voice.voices import Voices as Voices


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
