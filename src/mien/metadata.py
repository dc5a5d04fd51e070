"""`Metadata`: what a bundle's file says of its network: heads, calibration, preprocessing and the model card.

The format is described in docs/bundle-format.md. Knows no network and no file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mien.errors import BundleError
from mien.labels import LABEL_SETS, LabelSet
from mien.preprocess import InputSpec
from mien.uncertainty import Uncertainty

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Head:
    """One output of the network.

    Attributes:
        labels: the label set of its columns.
        temperature: divides the logits, so that the confidence is the probability of being right; above 0.
        share_temperature: divides the logits, so that the distribution is the shares of people who would choose each
            emotion; None for a head that was not trained on votes.
        uncertainty: what the calibration faces say of its errors; None: unknown.
    """

    labels: LabelSet
    temperature: float = 1.0
    share_temperature: float | None = None
    uncertainty: Uncertainty | None = None

    @property
    def name(self) -> str:
        """The name of its label set."""
        return self.labels.name

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.name,
            "labels": list(self.labels.names),
            "temperature": self.temperature,
            "share_temperature": self.share_temperature,
            **({} if self.uncertainty is None else {"uncertainty": self.uncertainty.to_dict()}),
        }


@dataclass(frozen=True)
class Metadata:
    """The metadata of a bundle.

    Attributes:
        name: the bundle's name.
        heads: its outputs, in order.
        input: the preprocessing of the network's input.
        card: free-form parts: metrics, data, recipe, seed, commit, ...
    """

    name: str
    heads: tuple[Head, ...]
    input: InputSpec
    card: dict[str, Any] = field(default_factory=dict)

    def to_json(self, indent: int | None = None) -> str:
        """Return the metadata as JSON."""
        return json.dumps(
            {
                "format_version": FORMAT_VERSION,
                "name": self.name,
                "heads": [head.to_dict() for head in self.heads],
                "input": self.input.to_dict(),
                "card": self.card,
            },
            indent=indent,
        )

    @classmethod
    def from_json(cls, text: str, source: str) -> Metadata:
        """Read metadata from JSON.

        Args:
            text: the JSON.
            source: the file's name, for messages.

        Raises:
            BundleError: it is damaged, or of a newer format version.
        """
        try:
            values = json.loads(text)
            version = values["format_version"]
            if not isinstance(version, int) or version < 1:
                raise ValueError(f"format_version {version!r}")
            if version > FORMAT_VERSION:
                raise BundleError(
                    f"{source} is a bundle of format version {version}; this mien reads up to {FORMAT_VERSION}. "
                    "Upgrade it: pip install --upgrade mien"
                )
            heads = tuple(
                Head(
                    LabelSet(str(head["name"]), tuple(map(str, head["labels"]))),
                    _positive(head["temperature"]),
                    None if head["share_temperature"] is None else _positive(head["share_temperature"]),
                    Uncertainty.from_dict(head["uncertainty"]) if head.get("uncertainty") else None,
                )
                for head in values["heads"]
            )
            names = [head.name for head in heads]
            if not names or len(set(names)) < len(names):
                raise ValueError(f"heads {names}")
            for head in heads:
                if head.name in LABEL_SETS and head.labels != LABEL_SETS[head.name]:
                    raise ValueError(f"head {head.name!r} with the labels {head.labels.names}")
                if head.uncertainty is not None and len(head.uncertainty.prior) != len(head.labels):
                    raise ValueError(f"head {head.name!r} with {len(head.uncertainty.prior)} frequencies")
            return cls(str(values["name"]), heads, InputSpec(**values["input"]), dict(values["card"]))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise BundleError(
                f"{source}: expected mien's metadata of format version {FORMAT_VERSION}, got something damaged "
                f"({type(error).__name__}: {error}). Download or export the bundle again."
            ) from error


def _positive(value: Any) -> float:
    number = float(value)
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"temperature {value!r}")
    return number
