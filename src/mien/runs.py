"""A run's folder and a bundle's file as what they tell of a model, read without torch.

This module knows where a run keeps its files and how they are written; it must not know how they came about.
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
from mien.runtimes import CPU

Row = dict[str, float]
"""One epoch: column -> number."""


class Run:
    """Where a run keeps its files."""

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
        """The epoch whose weights were kept, from 1; None while the run goes on."""
        found = json.loads(self.facts.read_text(encoding="utf-8")).get("best_epoch")
        return None if found is None else int(found)

    def check_unused(self, resume: bool) -> None:
        """A RecipeError if a run is here already and is not to be resumed; the first of several processes tells."""
        if first_process() and self.recipe.is_file() and not resume:
            raise RecipeError(
                f"{self.folder} holds a run already: add --resume to go on with it, or choose another --out"
            )


@dataclass(frozen=True)
class Predictions:
    """What a run's bundle answered on the split that it was judged on.

    probabilities: head -> calibrated float32 `(N, K)`. labels: int64 `(N,)`. votes: uint8 `(N, 10)` or None.
    digest: the split's `faces_digest`.
    """

    probabilities: dict[str, npt.NDArray[np.float32]]
    labels: npt.NDArray[np.int64]
    votes: npt.NDArray[np.uint8] | None
    split: str
    digest: str


@dataclass(frozen=True)
class ModelSource:
    """A model to report on or to compare: a finished run, or a bundle alone.

    folder is the run's, or None; history has a row per epoch, or none; recipe has nested keys, as in the file.
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
        """The run's best checkpoint, where there is one."""
        path = None if self.folder is None else Run(self.folder).best
        return path if path is not None and path.is_file() else None

    def predictions(self) -> Predictions | None:
        """The run's kept answers; None for a bundle, or a run of an older mien. DataError where they are damaged."""
        path = None if self.folder is None else Run(self.folder).predictions
        return read_predictions(path) if path is not None and path.is_file() else None


def open_model_source(source: str | Path, *, threads: int = 0, providers: str | Sequence[str] = CPU) -> ModelSource:
    """A run's folder, a bundle's file, or the name of a released bundle.

    A run's folder goes before a released bundle of its name, any other folder does not. A folder that is no run is an
    InputError, a run without a bundle a BundleError.
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
            f"{folder} is a run without a finished bundle ({path.name}): go on with it by `mien train --resume`"
        )
    history = read_history(run.history) if run.history.is_file() else ()
    name = folder.resolve().name
    bundle = Bundle.load(path, threads=threads, providers=providers)
    return ModelSource(name, path, bundle, folder, history, recipe, facts)


def read_history(path: str | Path) -> tuple[Row, ...]:
    """The rows of a `history.csv`, a number per column; empty cells are left out. DataError for anything else."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return tuple({name: float(cell) for name, cell in row.items() if cell} for row in rows)
    except OSError as error:
        raise DataError(f"{path}: expected a run's history, got {error.strerror or error}.") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path}: expected a header and rows of numbers, got {error}") from error


def write_history(path: str | Path, rows: Sequence[Row]) -> None:
    """Writes what `read_history` reads, whole or not at all; a row may lack columns."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    write_atomically(path, text.getvalue())


def read_predictions(path: Path) -> Predictions:
    """A run's `predictions.npz`. DataError where it is damaged."""
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


def flat(recipe: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A recipe's values by dotted key: "augment.mixup" -> 0.2."""
    found: dict[str, Any] = {}
    for key, value in recipe.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
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


def describe(packages: Iterable[str]) -> dict[str, object]:
    """Date, processor, cores, system, and the versions of Python and of the packages that are installed."""
    found = {name: number for name in packages if (number := _version(name)) is not None}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), **found},
    }


def processor() -> str:
    """The processor's name, as far as the system tells it."""
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
    """Whether this is the process that writes and speaks, of the several that torchrun, Lightning or Slurm started."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((rank for rank in ranks if rank is not None), "0") == "0"
