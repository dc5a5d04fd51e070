"""Read and write a run's folder, and read a bundle's file as a model to report on, without torch.

This module knows where a run keeps its files and their formats; it must not know how they are produced.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle, find, released
from mien.errors import BundleError, DataError, InputError, RecipeError
from mien.files import write_atomically
from mien.labels import LABEL_SETS
from mien.runtimes.base import CPU

Row = dict[str, float]
"""The metrics of one epoch: column -> number."""


class Run:
    """Hold the paths of a run's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.toml"
        self.facts = folder / "run.json"
        self.history = folder / "history.csv"
        self.evaluation = folder / "evaluation.json"
        self.predictions = folder / "predictions.npz"
        self.checkpoints = folder / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self.best = self.checkpoints / "best.ckpt"

    @property
    def best_epoch(self) -> int | None:
        """Return the epoch whose weights were kept, from 1; None while the run is not finished."""
        found = json.loads(self.facts.read_text(encoding="utf-8")).get("best_epoch")
        return None if found is None else int(found)

    def check_unused(self, resume: bool) -> None:
        """Check that the folder holds no run, unless it is to be resumed; only the first process checks.

        Raises:
            RecipeError: the folder holds a run and `resume` is not set.
        """
        if first_process() and self.recipe.is_file() and not resume:
            raise RecipeError(
                f"{self.folder} holds a run already: add --resume to continue it, or choose another --out"
            )


@dataclass(frozen=True)
class Predictions:
    """Hold the predictions of a run's bundle on its validation split.

    Attributes:
        probabilities: head -> calibrated probabilities, float32 (N, K).
        labels: int64 (N,).
        votes: uint8 (N, 10), or None.
        split: name of the split.
        digest: the split's `faces_digest`.
    """

    probabilities: dict[str, npt.NDArray[np.float32]]
    labels: npt.NDArray[np.int64]
    votes: npt.NDArray[np.uint8] | None
    split: str
    digest: str


@dataclass(frozen=True)
class ModelSource:
    """Hold a model to report on or to compare: a finished run, or a bundle without a run.

    Attributes:
        name: name of the folder or file.
        path: the bundle's file.
        bundle: the bundle.
        folder: the run's folder, or None.
        history: the metrics of each epoch; empty without a run.
        recipe: the recipe with nested keys, as in the file.
        facts: facts about the training.
    """

    name: str
    path: Path
    bundle: Bundle
    folder: Path | None = None
    history: tuple[Row, ...] = ()
    recipe: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def checkpoint(self) -> Path | None:
        """Return the path of the run's best checkpoint, or None without one."""
        path = None if self.folder is None else Run(self.folder).best
        return path if path is not None and path.is_file() else None

    def predictions(self) -> Predictions | None:
        """Return the run's predictions; None for a bundle, or a run of an older mien.

        Raises:
            DataError: the file is damaged.
        """
        path = None if self.folder is None else Run(self.folder).predictions
        return read_predictions(path) if path is not None and path.is_file() else None


def open_model_source(source: str | Path, *, threads: int = 0, providers: str | Sequence[str] = CPU) -> ModelSource:
    """Open a run's folder, a bundle's file, or a released bundle by its name.

    A run's folder takes precedence over a released bundle of the same name; any other folder does not.

    Args:
        source: the folder, file or name.
        threads: number of threads. 0: the runtime chooses.
        providers: execution providers, by short or ONNX Runtime's names.

    Raises:
        InputError: the folder is no run.
        BundleError: the run has no bundle, or the bundle cannot be read.
        DataError: a file of the run is damaged.
    """
    is_released = isinstance(source, str) and source in released() and not Run(Path(source)).recipe.is_file()
    if is_released or not Path(source).is_dir():
        path = find(source)
        bundle = Bundle.load(source, threads=threads, providers=providers)
        card = bundle.metadata.card
        return ModelSource(path.stem, path, bundle, recipe=_dict(card, "recipe"), facts=_dict(card, "training"))
    folder = Path(source)
    run = Run(folder)
    recipe = _read(run.recipe, tomllib.loads, folder)
    facts = _read(run.facts, json.loads, folder)
    path = folder / f"{recipe.get('name')}.onnx"
    if not path.is_file():
        raise BundleError(
            f"{folder} is a run without a finished bundle ({path.name}): continue it by `mien train --resume`"
        )
    history = read_history(run.history) if run.history.is_file() else ()
    name = folder.resolve().name
    bundle = Bundle.load(path, threads=threads, providers=providers)
    return ModelSource(name, path, bundle, folder, history, recipe, facts)


def read_history(path: str | Path) -> tuple[Row, ...]:
    """Read a `history.csv`: for each row, column -> number, without empty cells.

    Raises:
        DataError: the file cannot be read, or has other content.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return tuple({name: float(cell) for name, cell in row.items() if cell} for row in rows)
    except OSError as error:
        raise DataError(f"{path}: expected a run's history, got {error.strerror or error}.") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path}: expected a header and rows of numbers, got {error}") from error


def write_history(path: str | Path, rows: Sequence[Row]) -> None:
    """Write rows as a `history.csv`, atomically; rows may lack columns."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    write_atomically(path, text.getvalue())


def read_predictions(path: Path) -> Predictions:
    """Read a run's `predictions.npz`.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            labels = arrays["labels"].astype(np.int64)
            heads = {name: arrays[name] for name in LABEL_SETS if name in arrays}
            votes = arrays.get("votes")
            split, digest = str(arrays["split"]), str(arrays["digest"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected a run's predictions, got a damaged file ({error}). Remove it.") from error
    if not heads or any(len(values) != len(labels) for values in heads.values()):
        raise DataError(f"{path}: expected probabilities of {len(labels)} faces, got others. Remove it.")
    return Predictions(heads, labels, votes, split, digest)


def flatten(recipe: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a recipe's values by dotted key: {"augment.mixup": 0.2}."""
    found: dict[str, Any] = {}
    for key, value in recipe.items():
        found |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def _read(path: Path, parse: Callable[[str], Any], folder: Path) -> dict[str, Any]:
    try:
        return dict(parse(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} is no run: expected the folder of a `mien train --out`, with {path.name}, got one without. "
            "For a bundle alone give its .onnx file."
        ) from error
    except (ValueError, TypeError) as error:  # TOML's and JSON's errors are ValueErrors
        raise DataError(f"{path}: expected what `mien train` writes, got something damaged ({error})") from error


def _dict(values: dict[str, Any], key: str) -> dict[str, Any]:
    found = values.get(key)
    return dict(found) if isinstance(found, dict) else {}


def describe_machine(packages: Iterable[str]) -> dict[str, object]:
    """Return date, processor, cores, system, and the versions of Python and of the installed packages.

    Args:
        packages: names of packages; those that are not installed are left out.
    """
    found = {name: number for name in packages if (number := _version(name)) is not None}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), **found},
    }


def processor() -> str:
    """Return the processor's name if the system provides it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def first_process() -> bool:
    """Return whether this is the first of the processes that torchrun, Lightning or Slurm started.

    Only the first process writes files and reports to the user.
    """
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((rank for rank in ranks if rank is not None), "0") == "0"
