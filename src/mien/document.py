"""The JSON document of read pictures: what `mien predict --json` writes and `POST /v1/faces` answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mien import __version__
from mien.errors import ImageError
from mien.results import Faces

if TYPE_CHECKING:
    from mien.recognizer import EmotionRecognizer

SCHEMA = 1
"""Version of the documents that mien writes as JSON."""


def document(recognizer: EmotionRecognizer, results: Iterable[Faces | ImageError]) -> dict[str, Any]:
    """Schema, model and labels; one object per picture; and what could not be read, with the reason."""
    results = list(results)
    return {
        "schema": SCHEMA,
        "mien": __version__,
        "model": recognizer.bundle.name,
        "labels": {"name": recognizer.labels.name, "emotions": list(recognizer.labels.names)},
        "images": [result.to_dict() for result in results if isinstance(result, Faces)],
        "errors": [
            {"source": error.source, "reason": error.reason} for error in results if isinstance(error, ImageError)
        ],
    }
