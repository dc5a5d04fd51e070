"""Export a bundle in another format, for phones, other runtimes and slower machines, and verify the exported file.

The formats are in `formats`, one entry each; a new one needs a function that converts and one that packs. Knows
bundles, files and faces; nothing of command lines.
"""

from __future__ import annotations

from mien.errors import ExportError, InputError, MissingExtraError

try:
    import onnx  # noqa: F401
except ImportError as error:
    raise MissingExtraError("exporting", "export") from error

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle
from mien.datasets import TRAINING, FaceDataset
from mien.evaluation.evaluate import evaluate_bundle
from mien.export.compare import ExportComparison, compare, sample_crops
from mien.export.formats import FORMATS, Format
from mien.runtimes.base import ModelFile, check_name
from mien.version import __version__

__all__ = ["FORMATS", "ExportComparison", "Exported", "Format", "export"]

CALIBRATION_FACES = 512


@dataclass(frozen=True)
class Exported:
    """Describe an exported file.

    Attributes:
        path: the file.
        size: its size in bytes, with all files that belong to it.
        comparison: how it compares with the original.
    """

    path: Path
    size: int
    comparison: ExportComparison


def export(
    bundle: Bundle,
    format_name: str,
    path: str | Path | None = None,
    *,
    dataset: FaceDataset | None = None,
    split: str | None = None,
    seed: int = 0,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Exported:
    """Write a float32 bundle in another format, and compare it with the original on real faces.

    Args:
        bundle: the bundle that `mien train` wrote.
        format_name: a key of `FORMATS`.
        path: the file to write. None: the bundle's name with the format's ending, in the current folder.
        dataset: labelled faces. int8 is calibrated on some Training faces, chosen by `seed`; the exported file is
            compared and evaluated on `split`. None: the file is compared on a few faces of the sample picture, and has
            no metrics.
        split: the split of `dataset` to compare and evaluate on.
        seed: chooses the faces for the calibration of int8.
        progress: called with the name of the stage and the share done, 0 to 1.

    Raises:
        ExportError: the exported file differs from the original by more than the format's tolerance; nothing is
            written.
        MissingExtraError: the format's extra is not installed.
        InputError: an argument is wrong.
    """
    chosen = FORMATS.get(format_name)
    if chosen is None:
        raise InputError(f"format: expected one of {', '.join(FORMATS)}, got {format_name!r}")
    if bundle.file.suffix != ".onnx" or "export" in bundle.metadata.card:
        raise InputError(
            f"{bundle.source}: expected the bundle that `mien train` wrote, got one that was exported from it"
        )
    if chosen.calibrated and dataset is None:
        raise InputError(f"format {format_name}: its ranges are measured on real faces. Give some with --data")
    target = Path(path if path is not None else f"{bundle.name}{chosen.ending}{chosen.suffix}")
    check_name(target, chosen.suffix)
    progress("converting", 0.0)
    network = chosen.convert(bundle, _calibration(dataset, split, seed) if chosen.calibrated else None)
    faces, labels = _compared_faces(dataset, split)

    def packed(card: dict[str, Any]) -> tuple[Bundle, ModelFile]:
        metadata = replace(bundle.metadata, name=bundle.name + chosen.ending, card=card)
        file = chosen.pack(network, metadata.to_json())
        return Bundle(file, f"{metadata.name}{file.suffix}", threads=1), file

    progress("comparing", 0.3)
    trial, _ = packed({})
    comparison = compare(bundle, trial, faces, labels)
    if complaint := comparison.excess(chosen.bound):
        raise ExportError(f"{format_name}: {complaint}. Nothing was written")
    card = {
        **{key: value for key, value in bundle.metadata.card.items() if key != "metrics"},
        "export": {
            "format": format_name,
            "mien": __version__,
            "from": {"name": bundle.name, "sha256": sha256(bundle.file.content).hexdigest()},
            "compared": comparison.to_dict(),
        },
    }
    if dataset is not None and split is not None:
        progress("judging", 0.5)
        evaluation = evaluate_bundle(trial, dataset, split, progress=lambda share: progress("judging", 0.5 + share / 2))
        card["metrics"] = evaluation.to_dict()
    final, file = packed(card)
    written = file.save(target)
    _check_written(written, final, faces)
    progress("done", 1.0)
    return Exported(written, file.size, comparison)


def _calibration(dataset: FaceDataset | None, split: str | None, seed: int) -> npt.NDArray[np.uint8]:
    """Return some Training faces or, without Training, faces outside the split for evaluation."""
    assert dataset is not None
    faces = dataset.faces[dataset.splits == TRAINING if TRAINING in dataset.splits else dataset.splits != split]
    if not len(faces):
        raise InputError(
            f"data: expected faces beside those of {split}, to measure the ranges of 8 bits on, got none. Give some in "
            "a folder train"
        )
    drawn = np.random.default_rng(seed).choice(len(faces), min(CALIBRATION_FACES, len(faces)), replace=False)
    return np.ascontiguousarray(faces[np.sort(drawn)])


def _compared_faces(
    dataset: FaceDataset | None, split: str | None
) -> tuple[npt.NDArray[np.uint8], tuple[str, npt.NDArray[np.integer]] | None]:
    """Return crops, and the name of the head with its labels (None without a data set)."""
    if dataset is None:
        return sample_crops(), None
    part = dataset.split(split) if split else dataset
    return part.faces, (part.label_set.name, part.labels)


def _check_written(path: Path, expected: Bundle, faces: npt.NDArray[np.uint8]) -> None:
    """Load the written file and check that it predicts what was compared."""
    few = faces[:8]
    loaded = Bundle.load(path, threads=1).logits(few)
    for head, logits in expected.logits(few).items():
        if not np.allclose(loaded[head], logits, atol=1e-4):
            raise ExportError(f"{path}: was written, but gives other logits when it is loaded again. Do not use it")
