"""What fine-tuning gains: the released `mien` adapted to a hundred faces of each emotion, beside training from scratch.

    python -m benchmarks finetuning --wild wild.csv --pictures DIR --out runs/finetuning [--seeds 2]

The faces are press photographs in six classes, which `mien` has not seen; no person is in both halves. Judged is
balanced accuracy on all faces of the other people: of `mien` as it is, fine-tuned (recipe `finetune`), and trained from
random weights with the same recipe for `SCRATCH_EPOCHS` epochs. Writes `results/finetuning.json` and the table in
docs/training.md.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.machine import describe, write_results
from benchmarks.page import write_table
from mien import EmotionRecognizer
from mien.bundle import Bundle
from mien.datasets import FaceDataset
from mien.images import load_image
from mien.labels import FER2013
from mien.training.fit import train
from mien.training.recipe import load_recipe

CLASSES = ("angry", "disgust", "happy", "neutral", "sad", "surprise")
FACES = 100
SCRATCH_EPOCHS = 80


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--wild", type=Path, required=True, metavar="CSV", help="labels of faces in the wild")
    words.add_argument("--pictures", type=Path, required=True, metavar="DIR", help="their pictures")
    words.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the runs")
    words.add_argument("--seeds", type=int, default=2, metavar="N", help="draws of the faces")
    options = words.parse_args()
    crops, labels, names = wild_faces(options.wild, options.pictures)
    draws = []
    for seed in range(options.seeds):
        dataset, judged = drawn(crops, labels, names, seed)
        draws.append({"judged": len(judged.labels), "as it is": score(Bundle.load("mien", threads=1), judged)})
        for way, changes in {
            "fine-tuned": [f"seed={seed}"],
            "from scratch": [f"seed={seed}", "initial=", f"epochs={SCRATCH_EPOCHS}", "schedule.frozen=0"],
        }.items():
            recipe = load_recipe("finetune", [*changes, f"stopping.patience={SCRATCH_EPOCHS}"])
            bundle = train(recipe, dataset, options.out / f"{way.replace(' ', '-')}-{seed}", resume=True)
            draws[-1][way] = score(Bundle.load(bundle, threads=1), judged)
    write_results("finetuning", {"machine": describe(), "faces": FACES, "classes": CLASSES, "draws": draws})
    ways = ("as it is", "fine-tuned", "from scratch")
    rows = [[str(seed), *(f"{draw[way]:.1%}" for way in ways)] for seed, draw in enumerate(draws)]
    write_table("finetuning", ["draw of the faces", "`mien` as it is", "fine-tuned", "from scratch"], rows, "training")


def wild_faces(table: Path, pictures: Path) -> tuple[Any, Any, Any]:
    """Crops of the faces that are found, their labels and the people's names."""
    with table.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["label"] in CLASSES]
    recognizer = EmotionRecognizer(threads=1)
    crops, labels, names = [], [], []
    for row in tqdm(rows, desc="faces"):
        found = recognizer.detect_and_crop(load_image(pictures / row["file"]), row["file"]).crops
        if len(found):
            crops.append(found[0])
            labels.append(FER2013.index(row["label"]))
            names.append(row["name"])
    return np.stack(crops), np.array(labels), np.array(names)


def drawn(crops: Any, labels: Any, names: Any, seed: int) -> tuple[FaceDataset, FaceDataset]:
    """The training faces, of one half of the people, and all faces of the other half.

    A fifth of the training faces is the validation split on which the epoch is chosen.
    """
    rng = np.random.default_rng(seed)
    people = rng.permutation(np.unique(names))
    first = np.isin(names, people[: len(people) // 2])
    chosen = np.concatenate(
        [rng.permutation(np.flatnonzero(first & (labels == FER2013.index(name))))[:FACES] for name in CLASSES]
    )
    splits = np.where(rng.random(len(chosen)) < 0.2, "Validation", "Training")
    others = np.flatnonzero(~first)
    return (
        FaceDataset(crops[chosen], labels[chosen], splits, label_set=FER2013),
        FaceDataset(crops[others], labels[others], np.full(len(others), "Test"), label_set=FER2013),
    )


def score(bundle: Bundle, faces: FaceDataset) -> float:
    """Balanced accuracy over the six classes."""
    answers = bundle.probabilities(faces.faces)[FER2013.name].argmax(axis=1)
    columns = [FER2013.index(name) for name in CLASSES]
    return float(np.mean([(answers[faces.labels == column] == column).mean() for column in columns]))


if __name__ == "__main__":
    main()
