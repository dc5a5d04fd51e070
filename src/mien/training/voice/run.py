"""A voice network from clips to bundle: split by speaker, train, calibrate, export, evaluate, record.

The run's folder has, beside what `train` writes, `run.json` (data, machine, versions, commit), `evaluation.json` and
`NAME.onnx`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.datasets.voices import VoiceClips, join_voices, load_voices, speaker_folds
from mien.errors import DataError, RecipeError
from mien.evaluation.voices import evaluate_voices
from mien.files import write_atomically
from mien.training.run_record import commit, environment, write_json
from mien.training.voice.export import calibrated, voice_content, with_metadata
from mien.training.voice.recipe import VoiceRecipe, load_voice_recipe
from mien.training.voice.train import HISTORY, RECIPE, predict, train
from mien.voice.bundle import VoiceBundle

log = logging.getLogger("mien.training")

FACTS, EVALUATION = "run.json", "evaluation.json"

NOTICES = {
    "CREMA-D": "Learnt from CREMA-D (Cao, Cooper, Keutmann, Gur, Nenkova, Verma 2014), "
    "https://github.com/CheyneyComputerScience/CREMA-D, made available under the Open Database License 1.0 "
    "(https://opendatacommons.org/licenses/odbl/1-0/); its contents under the Database Contents License 1.0. The "
    "weights are treated as a work produced from the database; no part of it is in this file.",
    "EmoDB": "Learnt from EmoDB (Burkhardt, Paeschke, Rolfes, Sendlmeier, Weiss 2005), CC0 1.0.",
    "RAVDESS": "Learnt from RAVDESS (Livingstone, Russo 2018), CC BY-NC-SA 4.0: not for commercial use.",
}
"""What a bundle says of each corpus that it has learnt from."""

NOT_FOR = (
    "It hears how acted sentences sound to people; a tone is not a feeling, let alone an intention. Do not use it to "
    "judge, rank, hire, diagnose or police anybody. The EU's AI Act forbids emotion recognition at work and in schools "
    "except for medical or safety reasons (Article 5), counts other uses as high-risk (Annex III) and has people told "
    "(Article 50). This is no legal advice."
)


def train_voice(
    sources: Sequence[str | Path | VoiceClips],
    out: str | Path,
    recipe: VoiceRecipe | None = None,
    *,
    votes: str | Path | None = None,
    resume: bool = False,
) -> Path:
    """Train, calibrate, export and evaluate a voice network, and return the bundle's path.

    A share of the speakers of the first source is kept back, as the recipe says: on them the bundle is calibrated and
    evaluated. All clips of the other sources are learnt.

    Args:
        sources: folders of clips, as `load_voices` reads them, or clips.
        out: the run's folder, which must not hold another run unless `resume` is set.
        recipe: None: the shipped one.
        votes: CREMA-D's votes; None: the file in or beside its folder.
        resume: continue after the run's last finished epoch.

    Raises:
        DataError: the clips cannot be read, or the run in `out` was started with others.
        RecipeError: the run in `out` has another recipe, or its initial weights are of another network.
    """
    recipe = load_voice_recipe() if recipe is None else recipe
    folder = Path(out)
    if not sources:
        raise DataError("expected at least one folder of clips, got none")
    parts = [
        each if isinstance(each, VoiceClips) else load_voices(each, votes=votes, rate=recipe.spectrogram.rate)
        for each in sources
    ]
    kept = speaker_folds(parts[0], recipe.folds, recipe.split_seed) == recipe.fold
    training = join_voices([parts[0].take(~kept), *(learnable(part) for part in parts[1:])])
    validation = parts[0].take(kept)
    facts = _begin(folder, recipe, parts, training, validation, resume)
    network = train(training, folder, recipe, initial=recipe.initial or None, resume=resume)
    facts |= {
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "seconds": round(_seconds(folder), 1),
        "exported_by": commit(),
    }
    metadata = calibrated(predict(network, validation), validation, recipe.name)
    content = voice_content(network, metadata)
    evaluation = evaluate_voices(VoiceBundle(content, recipe.name), validation)
    evaluation.to_json(folder / EVALUATION)
    card = {
        "training": facts,
        "recipe": recipe.model_dump(mode="json"),
        "metrics": evaluation.to_dict(),
        "notices": [NOTICES[name] for name in facts["data"]["sources"] if name in NOTICES],
        "not_for": NOT_FOR,
    }
    write_json(folder / FACTS, facts)
    return write_atomically(folder / f"{recipe.name}.onnx", with_metadata(content, metadata.with_card(card)))


def learnable(clips: VoiceClips) -> VoiceClips:
    """Return the clips that have a label or votes."""
    return clips.take((clips.intended >= 0) | (clips.votes.sum(axis=1) > 0))


def digest(clips: VoiceClips) -> str:
    """Return the SHA-256 of clips: their sound and labels."""
    hashed = hashlib.sha256(np.ascontiguousarray(clips.samples).tobytes())
    for array in (clips.starts, clips.intended, clips.votes, clips.strength):
        hashed.update(np.ascontiguousarray(array).tobytes())
    hashed.update("\n".join(clips.speakers).encode())
    return hashed.hexdigest()


def _begin(
    folder: Path,
    recipe: VoiceRecipe,
    parts: Sequence[VoiceClips],
    training: VoiceClips,
    validation: VoiceClips,
    resume: bool,
) -> dict[str, Any]:
    """Make the run's folder, or check that the one there is the same run; return the run's facts."""
    data: dict[str, Any] = {
        "sources": {part.source: len(part) for part in parts},
        "digests": [digest(part) for part in parts],
        "training": len(training),
        "validation": len(validation),
        "validation_speakers": sorted(set(map(str, validation.speakers))),
    }
    path = folder / FACTS
    if path.is_file():
        if not resume:
            raise RecipeError(f"{folder} holds a run already: add --resume to continue it, or choose another --out")
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if before["data"] != data:
            raise DataError(f"{folder} was started with other data. Resume with the same, or choose another --out")
        if json.loads((folder / RECIPE).read_text(encoding="utf-8")) != recipe.model_dump(mode="json"):
            raise RecipeError(
                f"{folder} was started with another recipe, see {folder / RECIPE}: resume with the same recipe and "
                "options, or choose another --out"
            )
        return before
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "mien": version("mien"),
        "commit": commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": data,
        **environment(),
    }
    write_json(folder / RECIPE, recipe.model_dump(mode="json"))
    write_json(path, facts)
    log.info(
        "%s: %d clips to learn, %d of %d other speakers to calibrate and evaluate; %d threads",
        ", ".join(data["sources"]),
        len(training),
        len(validation),
        len(data["validation_speakers"]),
        torch.get_num_threads(),
    )
    return facts


def _seconds(folder: Path) -> float:
    """Return the training seconds of a run: the last of each start."""
    times = [float(line.split(",")[1]) for line in (folder / HISTORY).read_text(encoding="utf-8").splitlines()[1:]]
    ends = [a for a, b in zip(times, [*times[1:], 0.0], strict=True) if b <= a]
    return sum(ends)
