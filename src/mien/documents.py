"""The JSON documents of many pictures or sounds: one form for the command line, the service and Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from mien.errors import ImageError, SoundError
from mien.labels import LabelSet
from mien.results import Faces
from mien.version import __version__

SCHEMA = 2
"""Version of the documents that mien writes as JSON."""


class HasDocument(Protocol):
    """A result that can be written as JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        ...


def results_document(model: str, labels: LabelSet, results: Iterable[Faces | ImageError]) -> dict[str, Any]:
    """Return the JSON document of several pictures.

    It holds the schema version, the model, the labels, one object per picture, and the errors with their reasons.

    Args:
        model: the name of the bundle that predicted them.
        labels: its label set.
        results: results and errors, in any order.
    """
    return document_of(model, labels, "images", results)


def document_of(
    model: str, labels: LabelSet, name: str, results: Iterable[HasDocument | ImageError | SoundError]
) -> dict[str, Any]:
    """Return the JSON document of several results; `name` is the key under which they are listed."""
    results = list(results)
    errors = [error for error in results if isinstance(error, ImageError | SoundError)]
    return {
        "schema": SCHEMA,
        "mien": __version__,
        "model": model,
        "labels": {"name": labels.name, "emotions": list(labels.names)},
        name: [result.to_dict() for result in results if not isinstance(result, ImageError | SoundError)],
        "errors": [{"source": error.source, "reason": error.reason} for error in errors],
    }
