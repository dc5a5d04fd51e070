"""`Bundle`: a network in a file whose metadata holds its labels, preprocessing, calibration and measured figures.

The format is described in docs/bundle-format.md. This module knows heads and calibration; files and sessions belong to
`mien.runtimes`. It knows nothing of pictures, boxes or training.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import BundleError, InputError, describe_value, first_line, suggest
from mien.metadata import Head, Metadata
from mien.pipeline_options import DEFAULT_MODEL
from mien.preprocess import FRAME, check_crops, to_input
from mien.runtimes.base import CPU, SUFFIXES, FloatArray, ModelFile
from mien.runtimes.opening import open_runtime

FOREIGN_SUFFIXES = frozenset((".h5", ".hdf5", ".keras", ".pb", ".pkl", ".joblib", ".pth", ".ckpt", ".safetensors"))
"""Suffixes of other programs' models."""


class Bundle:
    """A loaded model. Its methods take gray face crops, uint8 (N, 48, 48), and return float32 arrays.

    Args:
        file: the model's file, or the bytes of an ONNX file.
        source: the file's name, for messages.
        threads: processor threads of one inference; 0: the runtime decides.
        providers: execution providers, in order of preference: "cpu", "cuda", "openvino", ...

    Attributes:
        metadata: the heads, the input specification and the model card.

    Raises:
        BundleError: the file cannot be used.
        MissingExtraError: its runtime is not installed.
        InputError: a provider is unknown or not available.
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
        """Pickle the file and the options; the session is created again, so that process pools work."""
        return partial(type(self), self.file, self.source, **self._options), ()

    @classmethod
    def load(cls, source: str | Path = DEFAULT_MODEL, **options: Any) -> Bundle:
        """Load a bundle.

        Args:
            source: the name of a released bundle ("mien") or the path of a file.
            **options: `threads` and `providers`, as for the class.

        Raises:
            BundleError: there is no such bundle, or it cannot be used.
        """
        path = find(source)
        return cls(ModelFile.read(path), str(path), **options)

    def save(self, path: str | Path) -> Path:
        """Write the bundle's file, whole or not at all, and return the path.

        Raises:
            InputError: the name ends in a suffix of another format, which the file would not be.
        """
        suffix = Path(path).suffix.lower()
        if suffix in FOREIGN_SUFFIXES:
            raise InputError(
                f"{path}: expected a name that ends in {self.file.suffix}, the format inside, got {suffix}. Other "
                "formats: mien export"
            )
        return self.file.save(path)

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.metadata.name

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return self.file.size

    @property
    def runtime(self) -> str:
        """The runtime and the provider, for people: "ONNX Runtime 1.31 on cpu"."""
        return self._runtime.description

    @property
    def heads(self) -> tuple[str, ...]:
        """The names of the heads, in order."""
        return tuple(head.name for head in self.metadata.heads)

    def head(self, name: str) -> Head:
        """Return a head by its name; raise InputError, which lists the heads, if there is none of that name."""
        for head in self.metadata.heads:
            if head.name == name:
                return head
        raise InputError(f"labels {name!r}: this bundle has no such head; {suggest(name, self.heads)}")

    def logits(
        self, crops: npt.NDArray[np.uint8], *, flip: bool = False, batch_size: int = 16
    ) -> dict[str, FloatArray]:
        """Compute the logits of every head.

        Args:
            crops: gray face crops, uint8 (N, 48, 48).
            flip: return the mean over each crop and its mirror image.
            batch_size: crops per inference, from 1.

        Returns:
            float32 (N, K) by the head's name.

        Raises:
            InputError: an argument has the wrong shape, dtype or range.
        """
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
        """Return the calibrated probabilities, float32 (N, K), of every head; arguments as for `logits`."""
        return self.calibrate(self.logits(crops, flip=flip))

    def shares(self, crops: npt.NDArray[np.uint8], *, flip: bool = False) -> FloatArray | None:
        """Estimate the vote shares of crops.

        Args:
            crops: gray face crops, uint8 (N, 48, 48).
            flip: average each crop with its mirror image.

        Returns:
            The estimated share of people who would choose each emotion, float32 (N, K) over the labels of `vote_head`;
            None if there is no such head.
        """
        return self.vote_shares(self.logits(crops, flip=flip))

    def calibrate(self, logits: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Convert the logits of every head to probabilities, float32 (N, K): `softmax(logits / temperature)`."""
        return {head.name: softmax(logits[head.name], head.temperature) for head in self.metadata.heads}

    def vote_shares(self, logits: Mapping[str, FloatArray]) -> FloatArray | None:
        """Convert the logits of the vote head to shares of people, float32 (N, K); None if there is no such head."""
        head = self.vote_head
        return None if head is None else softmax(logits[head.name], head.share_temperature or 1.0)

    @property
    def vote_head(self) -> Head | None:
        """The head that was trained on distributions of votes; None if there is none."""
        return next((head for head in self.metadata.heads if head.share_temperature is not None), None)

    def answers(self, faces: FloatArray) -> list[FloatArray]:
        """Compute the logits of network input.

        Args:
            faces: what `mien.preprocess.to_input` returns, float32 (N, 1, S, S).

        Returns:
            float32 (N, K) of every head, in order.
        """
        return self._runtime.run(faces, self.heads)

    def _check_outputs(self) -> None:
        """Run two blank crops and check the outputs; raise BundleError if the network does not fit its metadata."""
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
    """Return the paths of the bundles that come with the package, by name, the default first."""
    folder = Path(str(resources.files("mien"))) / "bundles"
    return {
        path.stem: path for path in sorted(folder.glob("*.onnx"), key=lambda path: (path.stem != DEFAULT_MODEL, path))
    }


def find(source: str | Path) -> Path:
    """Return the file of a released bundle's name or of a path; raise BundleError if there is none."""
    names = released()
    if isinstance(source, str) and source in names:
        return names[source]
    path = Path(source)
    if os.path.isfile(path):  # false, where Path.is_file would raise, for names that no file can have
        return path
    if os.path.isdir(path):
        return _bundle_of_run(path)
    raise BundleError(
        f"no bundle {str(source)!r}: neither a file nor a released bundle ({', '.join(names) or 'none is installed'})"
    )


def _bundle_of_run(folder: Path) -> Path:
    """Return the bundle in the folder of a finished training run; raise BundleError if there is none."""
    recipe = folder / "recipe.toml"
    if not recipe.is_file():
        raise BundleError(
            f"{folder} is a folder; expected a bundle file ({', '.join(SUFFIXES)}) or the folder of a training run"
        )
    try:
        path = folder / f"{tomllib.loads(recipe.read_text('utf-8')).get('name')}.onnx"
    except (OSError, ValueError) as error:
        raise BundleError(f"{recipe} cannot be read ({error}). Name the bundle's file instead") from error
    if not path.is_file():
        raise BundleError(
            f"{folder} is a run without a finished bundle ({path.name}): continue it by `mien train --resume`"
        )
    return path


def softmax(logits: npt.NDArray[np.floating], temperature: float = 1.0) -> npt.NDArray[np.float32]:
    """Compute the softmax of `logits / temperature` over the last axis.

    Args:
        logits: float (..., K).
        temperature: above 0.

    Returns:
        Probabilities, float32 (..., K).

    Raises:
        InputError: the temperature is not a positive number.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(f"temperature: expected a positive number, got {temperature}")
    return np.asarray(np.exp(log_softmax(np.asarray(logits, np.float64) / temperature)), np.float32)


def log_softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute the logarithms of the softmax over the last axis, float64 (..., K)."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float64)
