"""A bundle: a network's file that says, in its metadata, everything needed to use and to judge it.

The format is described in docs/bundle-format.md. This module knows heads and calibration; files and what runs them are
`mien.runtimes`'. It knows nothing of pictures, boxes or training.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import BundleError, InputError, describe_value, first_line, suggest
from mien.labels import LABEL_SETS, LabelSet
from mien.preprocess import FRAME, InputSpec, check_crops, to_input
from mien.runtimes.base import CPU, SUFFIXES, FloatArray, ModelFile
from mien.runtimes.opening import open_runtime

FORMAT_VERSION = 1
DEFAULT = "mien"


@dataclass(frozen=True)
class Head:
    """One output of the network: its labels, and the temperatures that its logits are divided by.

    `temperature` makes the confidence the chance of being right. `share_temperature`, on heads trained on votes,
    makes the distribution the shares of people who would choose each emotion.
    """

    labels: LabelSet
    temperature: float = 1.0
    share_temperature: float | None = None

    @property
    def name(self) -> str:
        return self.labels.name

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "labels": list(self.labels.names),
            "temperature": self.temperature,
            "share_temperature": self.share_temperature,
        }


@dataclass(frozen=True)
class Metadata:
    """What a bundle says of itself; `card` holds the free-form parts (metrics, data, recipe, seed, commit, ...)."""

    name: str
    heads: tuple[Head, ...]
    input: InputSpec
    card: dict[str, Any] = field(default_factory=dict)

    def to_json(self, indent: int | None = None) -> str:
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
                )
                for head in values["heads"]
            )
            names = [head.name for head in heads]
            if not names or len(set(names)) < len(names):
                raise ValueError(f"heads {names}")
            for head in heads:
                if head.name in LABEL_SETS and head.labels != LABEL_SETS[head.name]:
                    raise ValueError(f"head {head.name!r} with the labels {head.labels.names}")
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


class Bundle:
    """A loaded model. Everything takes crops uint8 `(N, 48, 48)` and answers float32 arrays.

    `file` is its file, or the bytes of an ONNX one; `threads` the number of processor threads for one inference (0: its
    runtime decides); `providers` what computes, in order of preference: "cpu", "cuda", "openvino", ... Raises
    BundleError, MissingExtraError or InputError for what cannot be used.
    """

    def __init__(
        self,
        file: bytes | ModelFile,
        source: str,
        *,
        threads: int = 0,
        providers: str | Sequence[str] = CPU,
    ):
        self.file = file if isinstance(file, ModelFile) else ModelFile(file)
        self.source = source
        self._options: dict[str, Any] = {"threads": threads, "providers": providers}
        self._runtime = open_runtime(self.file, source, threads=threads, providers=providers)
        if self._runtime.metadata is None:
            raise BundleError(
                f"{source} is a network, but not one of mien's: it has no metadata of mien's in it, so labels and "
                "preprocessing are unknown. Export it with `mien train` or `mien export`, see docs/bundle-format.md."
            )
        self.metadata = Metadata.from_json(self._runtime.metadata, source)
        self._check_outputs()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the file; the session is made again, so that process pools work."""
        return partial(type(self), self.file, self.source, **self._options), ()

    @classmethod
    def load(cls, source: str | Path = DEFAULT, **options: Any) -> Bundle:
        """A bundle by the name of a released one ("mien") or by the path of a file."""
        path = find(source)
        return cls(ModelFile.read(path), str(path), **options)

    def save(self, path: str | Path) -> Path:
        """Writes the bundle's file, whole or not at all."""
        return self.file.save(path)

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.file.size

    @property
    def runtime(self) -> str:
        """What computes, for people: "ONNX Runtime 1.31 on cpu"."""
        return self._runtime.description

    @property
    def heads(self) -> tuple[str, ...]:
        return tuple(head.name for head in self.metadata.heads)

    def head(self, name: str) -> Head:
        """The head called `name`; an unknown name is an InputError that lists those there are."""
        for head in self.metadata.heads:
            if head.name == name:
                return head
        raise InputError(f"labels {name!r}: this bundle has no such head; {suggest(name, self.heads)}")

    def logits(
        self, crops: npt.NDArray[np.uint8], *, flip: bool = False, batch_size: int = 16
    ) -> dict[str, FloatArray]:
        """Logits `(N, K)` of every head; with `flip`, their mean over each crop and its mirror image."""
        check_crops(crops)
        if batch_size < 1:
            raise InputError(f"batch_size: expected at least 1, got {batch_size}")
        parts = [
            self.answers(to_input(crops[start : start + batch_size], self.metadata.input))
            for start in range(0, len(crops), batch_size)
        ]
        parts = parts or [[np.zeros((0, len(head.labels)), np.float32) for head in self.metadata.heads]]
        logits = {name: np.concatenate(part) for name, part in zip(self.heads, zip(*parts, strict=True), strict=True)}
        if flip:
            mirrored = self.logits(crops[:, :, ::-1], batch_size=batch_size)
            logits = {name: (values + mirrored[name]) / 2 for name, values in logits.items()}
        return logits

    def probabilities(self, crops: npt.NDArray[np.uint8], *, flip: bool = False) -> dict[str, FloatArray]:
        """Calibrated probabilities `(N, K)` of every head."""
        return self.calibrate(self.logits(crops, flip=flip))

    def shares(self, crops: npt.NDArray[np.uint8], *, flip: bool = False) -> FloatArray | None:
        """Estimated shares of people `(N, K)` over the labels of the head that learnt votes; None without one."""
        return self.vote_shares(self.logits(crops, flip=flip))

    def calibrate(self, logits: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Logits of every head as probabilities: `softmax(logits / temperature)`."""
        return {head.name: softmax(logits[head.name], head.temperature) for head in self.metadata.heads}

    def vote_shares(self, logits: Mapping[str, FloatArray]) -> FloatArray | None:
        """Logits of the vote head as shares of people, or None where no head learnt votes."""
        head = self.vote_head
        return None if head is None else softmax(logits[head.name], head.share_temperature or 1.0)

    @property
    def vote_head(self) -> Head | None:
        """The head that learnt vote distributions, if there is one."""
        return next((head for head in self.metadata.heads if head.share_temperature is not None), None)

    def answers(self, faces: FloatArray) -> list[FloatArray]:
        """Logits `(N, K)` of every head, in order, of faces that are network input already: float32 `(N, 1, S, S)`."""
        return self._runtime.run(faces, self.heads)

    def _check_outputs(self) -> None:
        """Two trial faces: a file whose network does not fit its metadata must not get as far as a picture."""
        try:
            outputs = self.answers(to_input(np.zeros((2, FRAME, FRAME), np.uint8), self.metadata.input))
        except Exception as error:
            raise BundleError(
                f"{self.source}: its network does not fit its metadata ({first_line(error)}). Export it again."
            ) from error
        for head, output in zip(self.metadata.heads, outputs, strict=True):
            expected = (2, len(head.labels))
            if getattr(output, "shape", None) != expected or output.dtype != np.float32:
                raise BundleError(
                    f"{self.source}: head {head.name!r} should answer float32 {expected} for two faces, "
                    f"answered {describe_value(output)}. Export it again."
                )
            if not np.isfinite(output).all():
                raise BundleError(
                    f"{self.source}: head {head.name!r} answers NaN or infinity, so its weights are damaged. "
                    "Download or export the bundle again."
                )


def released() -> dict[str, Path]:
    """The bundles that come with the package, by name, the default first."""
    folder = Path(str(resources.files("mien"))) / "bundles"
    return {path.stem: path for path in sorted(folder.glob("*.onnx"), key=lambda path: (path.stem != DEFAULT, path))}


def find(source: str | Path) -> Path:
    """The file of a released bundle's name or of a path; a BundleError where there is none."""
    names = released()
    if isinstance(source, str) and source in names:
        return names[source]
    path = Path(source)
    if os.path.isfile(path):  # false, where Path.is_file would raise, for names that no file can have
        return path
    if os.path.isdir(path):
        raise BundleError(f"{path} is a folder; expected a bundle file ({', '.join(SUFFIXES)})")
    raise BundleError(
        f"no bundle {str(source)!r}: neither a file nor a released bundle ({', '.join(names) or 'none is installed'})"
    )


def softmax(logits: npt.NDArray[np.floating], temperature: float = 1.0) -> npt.NDArray[np.float32]:
    """Probabilities float32 of `logits / temperature`, over the last axis; logits are float `(..., K)`."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(f"temperature: expected a positive number, got {temperature}")
    return np.asarray(np.exp(log_softmax(np.asarray(logits, np.float64) / temperature)), np.float32)


def log_softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float64)
