"""Train the voice networks of the protocol, one after the other, and keep what they answer on clips kept back.

`python -m benchmarks.voice_runs CREMA-D EmoDB OUT [RUN ...]` skips runs that are finished and resumes the one that was
interrupted. Each finished run has `answers.npz` in its folder: logits, strength and names of the clips kept back.
`benchmarks.voice` makes the tables.

    fold-0 ... fold-4   CREMA-D, trained on four fifths of the actors; answers for the other fifth and for all of EmoDB
    release             both corpora; answers for the actors of fold 0 of five, which only calibrate it
    scratch-03 ...      EmoDB without one speaker; answers for that speaker
    tuned-03 ...        the same, starting from the network of fold-0
    reverse             EmoDB alone; answers for all of CREMA-D
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mien.datasets.voices import VoiceClips, join_voices, load_voices, speaker_folds
from mien.files import replacing
from mien.training.voice.recipe import VoiceRecipe, load_voice_recipe
from mien.training.voice.train import WEIGHTS, predict, train

FOLDS = 5
IN_A_FOLD = {"epochs": 13}
"""Half of the released network's, since there are five."""

TUNED = {"epochs": 40, "learning_rate": 2e-3, "ema": 0.98}
SCRATCH = {"epochs": 40, "ema": 0.98}


def main() -> None:
    """Run what is asked for, in the order given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cremad", type=Path)
    parser.add_argument("emodb", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="*")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    cremad, emodb = load_voices(arguments.cremad), load_voices(arguments.emodb)
    plan = plan_of(cremad, emodb, arguments.out)
    for name in arguments.runs or list(plan):
        if not (arguments.out / name / "answers.npz").is_file():
            logging.info("%s starts", name)
            plan[name]()


def plan_of(cremad: VoiceClips, emodb: VoiceClips, out: Path) -> dict[str, Callable[[], None]]:
    """Return every run by its name."""
    recipe = load_voice_recipe()
    folds = speaker_folds(cremad, FOLDS)
    six = emodb.take(emodb.intended >= 0)
    plan: dict[str, Callable[[], None]] = {}
    for fold in range(FOLDS):
        plan[f"fold-{fold}"] = partial(
            _run,
            out / f"fold-{fold}",
            lambda fold=fold: cremad.take(folds != fold),
            lambda fold=fold: {"held": cremad.take(folds == fold), "other": emodb},
            recipe.model_copy(update=IN_A_FOLD),
        )
    plan["release"] = partial(
        _run,
        out / "release",
        lambda: join_voices([cremad.take(folds != 0), six]),
        lambda: {"held": cremad.take(folds == 0)},
        recipe,
    )
    first = out / "fold-0" / WEIGHTS
    for kind, changes, start in (("tuned", TUNED, first), ("scratch", SCRATCH, None)):
        for speaker in np.unique(emodb.speakers):
            plan[f"{kind}-{speaker}"] = partial(
                _run,
                out / f"{kind}-{speaker}",
                lambda speaker=speaker: six.take(six.speakers != speaker),
                lambda speaker=speaker: {"held": six.take(six.speakers == speaker)},
                recipe.model_copy(update=changes),
                start,
            )
    changed = recipe.model_copy(update=SCRATCH)
    plan["reverse"] = partial(_run, out / "reverse", lambda: six, lambda: {"other": cremad}, changed)
    return plan


def _run(
    folder: Path,
    clips: Callable[[], VoiceClips],
    kept: Callable[[], dict[str, VoiceClips]],
    recipe: VoiceRecipe,
    initial: Path | None = None,
) -> None:
    start = time.process_time()
    network = train(clips(), folder, recipe, initial=initial, resume=True)
    seconds = time.process_time() - start
    arrays = {"seconds": np.array(seconds)}
    parts = kept()
    for name, part in parts.items():
        arrays |= {f"{name}_{key}": values for key, values in predict(network, part).items()}
        arrays[f"{name}_names"] = np.array(part.names)
        arrays[f"{name}_speakers"] = part.speakers
    with replacing(folder / "answers.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    _tell(folder.name, parts, arrays, seconds)


def _tell(name: str, kept: dict[str, VoiceClips], arrays: dict[str, np.ndarray], seconds: float) -> None:
    for part, clips in kept.items():
        for head, labels in (("votes", clips.heard), ("intended", clips.intended)):
            known = labels >= 0
            if known.any():
                guesses = arrays[f"{part}_{head}"][known].argmax(1)
                recalls = [(guesses[labels[known] == k] == k).mean() for k in np.unique(labels[known])]
                accuracy = (guesses == labels[known]).mean()
                text = f"{name} {part} {head}: accuracy {accuracy:.4f}, balanced {np.mean(recalls):.4f}"
                logging.info("%s, %.0f s of processor", text, seconds)


if __name__ == "__main__":
    main()
