"""Write the files of a run when it begins and ends, and read what another run takes from it.

Training on one machine and federated training share this. A run is a folder: `recipe.toml`, `run.json` (data, machine,
versions, commit, time), `history.csv`, `checkpoints/{best,last}.ckpt`, and at the end `NAME.onnx`, `evaluation.json`
and `predictions.npz`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch

from mien.bundle import Bundle, find
from mien.datasets import FaceDataset, exact_copies
from mien.errors import MienError, RecipeError
from mien.evaluation.evaluate import Evaluation, evaluate_bundle
from mien.files import replacing, write_atomically
from mien.runs import Run, processor
from mien.training.callbacks import History
from mien.training.export import export_bundle
from mien.training.initial import initial_file
from mien.training.models import Network, gflop
from mien.training.module import trainable_parameters
from mien.training.recipe import Recipe

log = logging.getLogger("mien.training")


def begin_run(
    run: Run,
    recipe: Recipe,
    values: dict[str, Any],
    facts: dict[str, Any],
    difference: Callable[[dict[str, Any], dict[str, Any]], MienError | None],
    packages: Sequence[str] = (),
) -> dict[str, Any]:
    """Create a run's folder, or check that the folder holds the same run; return the run's facts.

    Args:
        run: the run's folder.
        recipe: the run's recipe.
        values: the recipe as it is written to the folder.
        facts: facts about the run's data and clients.
        difference: gets the facts of the run in the folder and of this one; returns an error if they differ.
        packages: packages whose versions are recorded in addition to those of every run.

    Raises:
        RecipeError: the run in the folder has another recipe.
        MienError: what `difference` returns.
    """
    facts = {
        "mien": version("mien"),
        "commit": commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
        **source_digests(recipe, started=run.recipe.is_file()),
        **environment(packages),
    }
    text = tomli_w.dumps(values)
    if run.recipe.is_file():
        before = dict(json.loads(run.facts.read_text(encoding="utf-8")))
        if (error := difference(before, facts)) is not None:
            raise error
        now, earlier = tomllib.loads(text), tomllib.loads(run.recipe.read_text(encoding="utf-8"))
        if with_defaults(earlier, now, Recipe(name=recipe.name).to_dict()) != now:
            raise RecipeError(
                f"{run.folder} was started with another recipe, see {run.recipe}: resume with the same recipe and "
                "options, or choose another --out"
            )
        return before
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    write_json(run.facts, facts)
    write_atomically(run.recipe, text)
    return facts


def with_defaults(earlier: dict[str, Any], now: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the values of an earlier recipe, with defaults for keys of `now` that its version did not write."""
    filled = {name: defaults[name] for name in now if name not in earlier and name in defaults}
    for name, value in earlier.items():
        inner, default = now.get(name), defaults.get(name)
        nested = isinstance(value, dict) and isinstance(inner, dict) and isinstance(default, dict)
        filled[name] = with_defaults(value, inner, default) if nested else value  # type: ignore[arg-type]
    return filled


def finish_run(
    run: Run,
    network: Network,
    recipe: Recipe,
    known: FaceDataset,
    validation: FaceDataset,
    training: FaceDataset | None,
    facts: dict[str, Any],
    card_recipe: dict[str, Any],
) -> Path:
    """Export a run's network as a bundle, evaluate it on the validation faces, and complete `run.json`.

    Args:
        run: the run's folder.
        network: the network with the weights of the best epoch, on the CPU.
        recipe: the run's recipe.
        known: all faces that the evaluation may use.
        validation: the faces of one split, by which the epoch was chosen and the calibration is fitted.
        training: the training faces; None if they are not known here.
        facts: facts about the run; it is completed in place.
        card_recipe: the recipe for the bundle's card.

    Returns:
        The bundle's path.
    """
    split = str(validation.splits[0])
    facts |= {
        "exported_by": commit(),
        "parameters": trainable_parameters(network),
        "gflop_per_face": round(gflop(network, recipe.input.size), 4),
    }

    def judge(bundle: Bundle) -> dict[str, Any]:
        evaluation = evaluate_bundle(bundle, known, split)
        evaluation.to_json(run.evaluation)
        write_predictions(run.predictions, bundle, validation, split)
        log_scores(evaluation, bundle)
        return evaluation.to_dict()

    faces = validation if training is None else without_copies(validation, training)
    path = run.folder / f"{recipe.name}.onnx"
    export_bundle(network, recipe, faces, path, {"training": facts, "recipe": card_recipe}, judge)
    write_json(run.facts, facts)
    return path


def log_scores(evaluation: Evaluation, bundle: Bundle) -> None:
    """Log the scores of a finished run, what they were measured on, and what the calibration changed."""
    for head, effect in dict(bundle.metadata.card["calibration"]).items():
        log.info(
            "calibration of %s: %.1f %% of the labels changed, accuracy %.3f -> %.3f, ECE %.3f -> %.3f",
            head,
            100 * effect["labels_changed"],
            effect["accuracy_before"],
            effect["accuracy_after"],
            effect["ece_before"],
            effect["ece_after"],
        )
    log.info(
        "%s\n(measured on the faces by which the epoch was chosen and the calibration was fitted: a little too good)",
        evaluation.overview(),
    )


def write_predictions(path: Path, bundle: Bundle, validation: FaceDataset, split: str) -> None:
    """Write the bundle's probabilities on its validation split, for paired comparison with other runs."""
    arrays: dict[str, Any] = {"labels": validation.labels, "split": split, "digest": validation.faces_digest}
    arrays |= bundle.probabilities(validation.faces)
    if validation.votes is not None:
        arrays["votes"] = validation.votes
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def without_copies(validation: FaceDataset, training: FaceDataset) -> FaceDataset:
    """Return the validation faces without exact copies of training faces, on which a network is too confident.

    If all of them are copies, all are returned.
    """
    rows = np.flatnonzero(~exact_copies(validation.faces, training.faces))
    return validation.take(rows) if len(rows) else validation


def checkpoint_seconds(path: Path) -> float:
    """Return the training seconds of a run over all its starts, from its checkpoint."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    return float(checkpoint["callbacks"][History.__name__]["seconds"])


def source_digests(recipe: Recipe, *, started: bool = False) -> dict[str, Any]:
    """Return the SHA-256 of the teachers and of the initial weights; a `started` run no longer needs the latter."""
    facts: dict[str, Any] = {}
    if recipe.teacher.bundles:
        facts["teachers"] = {name: _sha256(find(name)) for name in recipe.teacher.bundles}
    if recipe.initial and not started:
        facts["initial"] = _sha256(initial_file(recipe.initial))
    return facts


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def environment(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Return the machine and the package versions that a run uses."""
    used = ("torch", "lightning", "kornia", "numpy", "onnxruntime", *packages)
    return {
        "machine": {
            "processor": processor(),
            "threads": torch.get_num_threads(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "versions": {name: version(name) for name in used} | {"python": platform.python_version()},
    }


def commit() -> str | None:
    """Return the commit of the code if it runs from its git checkout, else None."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write values as JSON, atomically."""
    write_atomically(path, json.dumps(values, indent=2) + "\n")
