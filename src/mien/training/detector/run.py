"""A face detector's run with its records: labelled pictures in, a calibrated and evaluated bundle out.

A run is a folder: `recipe.toml`, `run.json` (data, machine, versions, commit), `history.csv`, `last.ckpt`,
`weights.pt`, and at the end `NAME.onnx` and `evaluation.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from mien.detection.mien_face import MienFace
from mien.errors import DataError, RecipeError
from mien.evaluation.detection import Findings, judge
from mien.files import write_atomically
from mien.runs import Run
from mien.training.detector.data import FaceScenes
from mien.training.detector.distill import CellTeacher
from mien.training.detector.export import LOWEST_SCORE, export_calibrated
from mien.training.detector.mistakes import FloatArray, cached_mistakes
from mien.training.detector.network import FaceNetwork
from mien.training.detector.pictures import Pictures, read
from mien.training.detector.recipe import FinderRecipe
from mien.training.detector.train import load_weights, train
from mien.training.run_record import commit, environment, write_json

HELD_OUT = 20
"""One picture of so many is held out to calibrate and evaluate on, where no other pictures are given for that."""

SIZES = ((0, 16), (16, 32), (32, 96), (96, 10_000))
"""Sizes of faces, in pixels of the picture, for which the recall is recorded."""


@dataclass(frozen=True)
class FinderData:
    """The labelled pictures of a run.

    training    scenes with faces of any size, and without any
    validation  scenes that calibrate and evaluate the result; training never sees them
    closeups    faces that fill their pictures, or None
    """

    training: FaceScenes
    validation: FaceScenes
    closeups: FaceScenes | None = None

    @classmethod
    def of(
        cls, scenes: FaceScenes, validation: FaceScenes | None = None, closeups: FaceScenes | None = None
    ) -> FinderData:
        """Return the data, with a part of the scenes held out, chosen by their names, where no validation is given."""
        if validation is not None:
            return cls(scenes, validation, closeups)
        held = np.array([is_held_out(file) for file in scenes.files])
        if held.all() or not held.any():
            raise DataError(
                f"data: expected enough pictures to hold out one of {HELD_OUT}, got {len(scenes)}. "
                "Give pictures to evaluate on with --validation"
            )
        return cls(scenes.select(np.flatnonzero(~held)), scenes.select(np.flatnonzero(held)), closeups)

    def facts(self) -> dict[str, Any]:
        """Return how many pictures and faces there are, and a digest of the labels."""
        parts = {"training": self.training, "validation": self.validation, "closeups": self.closeups}
        return {name: _facts(part) for name, part in parts.items() if part is not None}


def is_held_out(file: Path) -> bool:
    """Tell by the name of a picture whether it is held out."""
    return int(hashlib.sha256(file.name.encode()).hexdigest(), 16) % HELD_OUT == 0


def _facts(scenes: FaceScenes) -> dict[str, Any]:
    digest = hashlib.sha256("\n".join(file.name for file in scenes.files).encode())
    digest.update(np.ascontiguousarray(scenes.boxes).tobytes() + scenes.ignored.tobytes())
    faces = int((~scenes.ignored).sum())
    return {
        "pictures": len(scenes),
        "faces": faces,
        "ignored": len(scenes.boxes) - faces,
        "digest": digest.hexdigest(),
    }


def train_finder(
    recipe: FinderRecipe,
    data: FinderData,
    out: str | Path,
    *,
    teacher: str | Path | None = None,
    initial: str | Path | None = None,
    seconds: float | None = None,
    resume: bool = False,
) -> Path:
    """Train, export, calibrate and evaluate a face detector; return its bundle.

    Args:
        recipe: everything that decides the run but the data.
        data: the labelled pictures.
        out: folder of the run.
        teacher: YuNet-n's ONNX file, which answers for every cell of the crops. None: only the labels teach.
        initial: another run's `weights.pt` to start from.
        seconds: the run ends by the clock, and its schedule is fitted to it. None: after the recipe's steps.
        resume: continue the run in `out`.

    Raises:
        RecipeError: the folder holds another run.
        DataError: pictures or labels cannot be used.
    """
    run = Run(Path(out))
    run.check_unused(resume)
    facts = _begin(run, recipe, data, {"teacher": teacher, "initial": initial})
    weights = train(
        Pictures.load(data.training, run.folder / "pictures.bin"),
        None if data.closeups is None else Pictures.load(data.closeups, run.folder / "closeups.bin"),
        run.folder,
        recipe,
        seconds=seconds,
        teacher=None if teacher is None else CellTeacher(teacher),
        mistakes=None if initial is None else _mistakes(run, initial, recipe, data),
        initial=initial,
        resume=resume,
    )
    network = FaceNetwork(recipe.network)
    load_weights(network, weights)
    facts |= {"parameters": sum(weight.numel() for weight in network.parameters()), "exported_by": commit()}
    bundle = run.folder / f"{recipe.name}.onnx"
    export_calibrated(network, bundle, data.validation, {"training": facts, "recipe": recipe.model_dump(mode="json")})
    write_json(run.evaluation, evaluate_finder(MienFace(bundle, threshold=LOWEST_SCORE), data.validation))
    write_json(run.facts, facts)
    return bundle


def _mistakes(run: Run, initial: str | Path, recipe: FinderRecipe, data: FinderData) -> FloatArray:
    return cached_mistakes(run.folder / "mistakes.npz", initial, recipe.network, data.training)


def _begin(run: Run, recipe: FinderRecipe, data: FinderData, files: dict[str, str | Path | None]) -> dict[str, Any]:
    """Write the run's recipe and facts, or check that the folder holds the same run; return the facts."""
    text = tomli_w.dumps(recipe.model_dump(mode="json"))
    digests = {name: _sha256(Path(file)) for name, file in files.items() if file is not None}
    if run.recipe.is_file():
        before: dict[str, Any] = json.loads(run.facts.read_text(encoding="utf-8"))
        if run.recipe.read_text(encoding="utf-8") != text or before["data"] != data.facts():
            raise RecipeError(
                f"{run.folder} was started with another recipe or other data, see {run.recipe} and {run.facts}: resume "
                "with the same ones, or choose another --out"
            )
        return before
    facts = {
        "mien": version("mien"),
        "commit": commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": data.facts(),
        **digests,
        **environment(),
    }
    run.folder.mkdir(parents=True, exist_ok=True)
    write_json(run.facts, facts)
    write_atomically(run.recipe, text)
    return facts


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RecipeError(f"{path}: expected a file, got none that can be read ({error})") from error


def evaluate_finder(finder: MienFace, scenes: FaceScenes, threshold: float = 0.5) -> dict[str, Any]:
    """Return average precision, and precision and recall at a threshold, of a detector whose own threshold is low."""
    findings = judged(scenes, [finder(read(file)) for file in scenes.files])
    return {
        "pictures": len(scenes),
        "faces": len(findings.found_at),
        "average_precision": round(findings.average_precision(), 4),
        "threshold": threshold,
        "precision": round(findings.precision(threshold), 4),
        "recall": round(findings.recall(threshold), 4),
        "recall_by_size": {f"{low}-{high}": _recall(findings, threshold, low, high) for low, high in SIZES},
    }


def _recall(findings: Findings, threshold: float, low: float, high: float) -> float | None:
    value = findings.recall(threshold, low, high)
    return round(value, 4) if np.isfinite(value) else None


def judged(truth: FaceScenes, answers: Sequence[Any]) -> Findings:
    """Judge a detector's answers, one `Detections` a picture, by the labels."""
    parts = [truth.rows(k) for k in range(len(truth))]
    return judge(
        [(answer.boxes, answer.scores) for answer in answers],
        [truth.boxes[part][~truth.ignored[part]] for part in parts],
        [truth.boxes[part][truth.ignored[part]] for part in parts],
    )
