"""What the emotion sets, the intervals and the priors of the released bundles hold.

    python -m benchmarks uncertainty --data fer2013.csv --votes fer2013new.csv [--release]
        [--wild wild.csv --pictures DIR]

Sets and intervals are fitted on a random half of PublicTest and judged on the other, fifty times; the release is fitted
on all of it: `--release` writes that into the released bundles (their networks and calibration stay as they are) before
anything is measured. On corrupted faces, and on wild ones, the released numbers are judged. Priors are judged on faces
of PublicTest that are drawn so that the emotions have other frequencies. Writes `results/uncertainty.json` and the
tables in docs/uncertainty.md.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from tqdm import tqdm

from benchmarks.coverage import SPLIT
from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from mien import EmotionRecognizer
from mien.bundle import Bundle, released, softmax
from mien.datasets import FaceDataset, load_data, plurality, vote_shares
from mien.evaluation import metrics
from mien.evaluation.corruptions import CORRUPTIONS, corrupt
from mien.evaluation.uncertainty import fit_interval, fit_uncertainty, with_uncertainty
from mien.face import VOTE_NUMBERS
from mien.labels import FERPLUS
from mien.metadata import Metadata
from mien.pipeline import vote_numbers
from mien.pipeline_options import BY_ALL, BY_EMOTION
from mien.priors import estimate_prior, shift
from mien.runtimes.onnx import METADATA_KEY

HALVES, LEAST = 50, 100
CORRUPTED = 1000
"""Faces, drawn at random, that are corrupted."""

WILD = ("angry", "disgust", "happy", "neutral", "sad", "surprise")
"""The emotions of the wild faces that have two hundred faces or more."""

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--release", action="store_true", help="write what is fitted into the released bundles")
    words.add_argument("--wild", type=Path, metavar="CSV", help="labels of faces in the wild")
    words.add_argument("--pictures", type=Path, metavar="DIR", help="their pictures")
    options = words.parse_args()
    faces = load_data([options.data], options.votes, set_aside=False).split(SPLIT)
    if options.release:
        for path in released().values():
            release(path, faces)
    models = {name: measure(Bundle.load(name, threads=1), faces) for name in tqdm(released(), desc="models")}
    results: dict[str, Any] = {"machine": describe(), "split": SPLIT, "halves": HALVES, "models": models}
    if options.wild:
        results["wild"] = {name: wild(name, options.wild, options.pictures) for name in released()}
    write_results("uncertainty", results)
    write_tables(results)


def release(path: Path, faces: FaceDataset) -> None:
    """Write the uncertainty that all faces give into a bundle's metadata; nothing else of the file changes."""
    bundle = Bundle.load(path, threads=1)
    metadata: Metadata = bundle.metadata
    heads = with_uncertainty(metadata.heads, bundle.logits(faces.faces), faces)
    model = onnx.load(path)
    for property in model.metadata_props:
        if property.key == METADATA_KEY:
            property.value = replace(metadata, heads=heads).to_json()
    path.write_bytes(model.SerializeToString())


def measure(bundle: Bundle, faces: FaceDataset) -> dict[str, Any]:
    """Sets, intervals and priors of a bundle on PublicTest, and on corrupted faces."""
    logits = bundle.logits(faces.faces)
    found: dict[str, Any] = {"sets": {}, "numbers": {}, "priors": {}}
    for head in bundle.metadata.heads:
        rows, labels = judged(head.name, faces)
        probabilities = softmax(logits[head.name][rows], head.temperature)
        found["sets"][head.name] = {kind: crossed(probabilities, labels, kind) for kind in (BY_EMOTION, BY_ALL)}
        found["priors"][head.name] = shifted(probabilities, labels)
    voted = np.flatnonzero(vote_shares(faces.votes).sum(axis=1) > 0)  # type: ignore[arg-type]
    found["numbers"] = numbers(bundle, logits, faces, voted)
    found["corrupted"] = corrupted(bundle, faces)
    return found


def judged(head: str, faces: FaceDataset) -> tuple[Labels, Labels]:
    """The faces of PublicTest that have a label of the head, and the labels."""
    return plurality(faces.votes) if head == FERPLUS.name else (np.arange(len(faces)), faces.labels)  # type: ignore[arg-type]


def crossed(probabilities: Floats, labels: Labels, kind: str) -> dict[str, Any]:
    """Coverage, that of each emotion, and the mean size of the sets of 90 %, over random halves."""
    covered, sizes, by_emotion = [], [], []
    for seed in range(HALVES):
        order = np.random.default_rng(1000 + seed).permutation(len(labels))
        fitted, rest = order[: len(order) // 2], order[len(order) // 2 :]
        members = fit_uncertainty(probabilities[fitted], labels[fitted], seed=seed).sets(probabilities[rest], 0.9, kind)
        right, size, each = held(members, probabilities[rest], labels[rest])
        covered.append(right)
        sizes.append(size)
        by_emotion.append(each)
    each = np.nanmean(by_emotion, axis=0)
    large = np.bincount(labels, minlength=len(each)) >= LEAST
    return {
        "coverage": round(float(np.mean(covered)), 4),
        "mean_size": round(float(np.mean(sizes)), 3),
        "least_of_large_emotions": round(float(each[large].min()), 4),
        "by_emotion": [round(float(value), 3) for value in each],
    }


def held(members: npt.NDArray[np.bool_], probabilities: Floats, labels: Labels) -> tuple[float, float, Floats]:
    """Coverage, mean size and coverage of each emotion of sets, to which the likeliest emotion belongs in any case."""
    members = members.copy()
    members[np.arange(len(labels)), probabilities.argmax(axis=1)] = True
    right = members[np.arange(len(labels)), labels]
    columns = range(probabilities.shape[1])
    each = np.array([right[labels == column].mean() if (labels == column).any() else np.nan for column in columns])
    return float(right.mean()), float(members.sum(axis=1).mean()), each


def shifted(probabilities: Floats, labels: Labels) -> dict[str, Any]:
    """Balanced accuracy, accuracy and ECE where the emotions have other frequencies, with and without their prior."""
    count = probabilities.shape[1]
    known = (np.bincount(labels, minlength=count) + 0.5) / (len(labels) + 0.5 * count)
    rng = np.random.default_rng(0)
    found = {}
    for name, wanted in {
        "as trained": known,
        "uniform": np.ones(count),
        "reversed": 1 / known,
    }.items():
        chances = (wanted / known)[labels]
        rows = rng.choice(len(labels), 4000, p=chances / chances.sum())
        drawn, right = probabilities[rows], labels[rows]
        there = np.bincount(right, minlength=count) / len(right)
        ways = {
            "training": drawn,
            "uniform": shift(drawn, 1 / known),
            "true": shift(drawn, np.maximum(there, 1e-4) / known),
            "estimate": shift(drawn, estimate_prior(drawn, known) / known),
        }
        found[name] = {
            way: {
                "accuracy": round(metrics.accuracy(values, right), 4),
                "balanced_accuracy": round(metrics.balanced_accuracy(values, right), 4),
                "ece": round(metrics.ece(values, right), 4),
            }
            for way, values in ways.items()
        }
    return found


def numbers(bundle: Bundle, logits: dict[str, Any], faces: FaceDataset, voted: Labels) -> dict[str, Any]:
    """How well expressiveness and valence agree with the real votes, and what their intervals hold on other halves."""
    estimated = vote_numbers(bundle.vote_shares(logits)[voted], FERPLUS)  # type: ignore[index]
    real = vote_numbers(vote_shares(faces.votes)[voted], FERPLUS)  # type: ignore[arg-type]
    found = {}
    for name, values in estimated.items():
        covered, widths = [], []
        for seed in range(HALVES):
            order = np.random.default_rng(1000 + seed).permutation(len(values))
            fitted, rest = order[: len(order) // 2], order[len(order) // 2 :]
            low, high = fit_interval(values[fitted], real[name][fitted]).bounds(values[rest]).T
            covered.append(np.mean((real[name][rest] >= low - 1e-6) & (real[name][rest] <= high + 1e-6)))
            widths.append(np.mean(high - low))
        found[name] = agreement(values, real[name]) | {
            "coverage": round(float(np.mean(covered)), 4),
            "mean_width": round(float(np.mean(widths)), 3),
        }
    return found


def agreement(estimated: Floats, real: Floats) -> dict[str, float]:
    return {
        "mean_absolute_error": round(metrics.mean_absolute_error(estimated, real), 4),
        "pearson": round(metrics.pearson(estimated, real), 4),
        "concordance": round(metrics.concordance(estimated, real), 4),
    }


def corrupted(bundle: Bundle, faces: FaceDataset) -> dict[str, Any]:
    """Coverage and size of the released sets, and the errors of the numbers, on corrupted faces, by level."""
    faces = faces.take(np.random.default_rng(0).choice(len(faces), CORRUPTED, replace=False))
    rows, labels = judged(FERPLUS.name, faces)
    head = bundle.head(FERPLUS.name)
    assert head.uncertainty is not None
    voted = np.flatnonzero(vote_shares(faces.votes).sum(axis=1) > 0)  # type: ignore[arg-type]
    real = vote_numbers(vote_shares(faces.votes)[voted], FERPLUS)  # type: ignore[arg-type]
    found: dict[str, Any] = {}
    for level in (1, 3, 5):
        values: dict[str, list[float]] = {}
        for kind in tqdm(CORRUPTIONS, desc=f"{bundle.name}, level {level}", leave=False):
            logits = bundle.logits(corrupt(faces.faces, kind, level))
            probabilities = softmax(logits[head.name][rows], head.temperature)
            for coverage in (0.9, 0.95):
                right, size, _ = held(head.uncertainty.sets(probabilities, coverage), probabilities, labels)
                values.setdefault(f"coverage_of_{coverage:g}", []).append(right)
                values.setdefault(f"size_of_{coverage:g}", []).append(size)
            for name, numbers in vote_numbers(bundle.vote_shares(logits)[voted], FERPLUS).items():  # type: ignore[index]
                values.setdefault(f"{name}_error", []).append(metrics.mean_absolute_error(numbers, real[name]))
        found[str(level)] = {name: round(float(np.mean(each)), 4) for name, each in values.items()}
    return found


def wild(model: str, table: Path, pictures: Path) -> dict[str, Any]:
    """Accuracy and sets on faces in the wild, as they are labelled, under several priors; ferplus' head."""
    with table.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["label"] in WILD]
    results = {}
    recognizer = EmotionRecognizer(model, labels=FERPLUS.name, threads=1)
    found = [recognizer.predict(pictures / row["file"]) for row in tqdm(rows, desc=f"{model}, wild", leave=False)]
    seen = [(faces, WILD.index(row["label"])) for faces, row in zip(found, rows, strict=True) if len(faces)]
    labels = np.array([label for _, label in seen])
    probabilities = np.stack([faces.probabilities[0] for faces, _ in seen])
    members = np.stack([faces.sets[0] for faces, _ in seen if faces.sets is not None])
    columns = np.array([FERPLUS.names.index(name) for name in WILD])
    assert recognizer.head.uncertainty is not None
    known = np.array(recognizer.head.uncertainty.prior)
    priors = {
        "training": np.ones(len(known)),
        "square root": known**-0.5,
        "uniform": 1 / known,
        "estimate": estimate_prior(probabilities, known) / known,
    }
    for name, factors in priors.items():
        values = shift(probabilities, factors)
        # Contempt counts as disgust; fear, which is hardly labelled, remains a wrong answer.
        six = np.stack([values[:, column] for column in columns], axis=1)
        six[:, WILD.index("disgust")] += values[:, FERPLUS.names.index("contempt")]
        rest = 1 - six.sum(axis=1, keepdims=True)
        seven = np.concatenate([six, rest], axis=1).clip(0, 1)
        recalls = [float((seven[labels == k].argmax(axis=1) == k).mean()) for k in range(len(WILD))]
        results[name] = {
            "accuracy": round(float((seven.argmax(axis=1) == labels).mean()), 4),
            "balanced_accuracy": round(float(np.mean(recalls)), 4),
            "ece": round(metrics.ece((seven / seven.sum(axis=1, keepdims=True)).astype(np.float32), labels), 4),
            "recalls": dict(zip(WILD, (round(value, 3) for value in recalls), strict=True)),
        }
    right = members[np.arange(len(labels)), columns[labels]]
    sets = {
        "coverage": round(float(right.mean()), 4),
        "mean_size": round(float(members.sum(axis=1).mean()), 3),
        "by_emotion": {name: round(float(right[labels == k].mean()), 3) for k, name in enumerate(WILD)},
    }
    return {"faces": len(labels), "not_found": len(rows) - len(labels), "priors": results, "sets": sets}


def cells(values: dict[str, float], *names: str) -> list[str]:
    return [f"{values[name]:.3f}" for name in names]


def write_tables(results: dict[str, Any]) -> None:
    models = results["models"]
    rows = [
        [
            model,
            head,
            kind,
            *(f"{each[name]:.3f}" for name in ("coverage", "least_of_large_emotions")),
            f"{each['mean_size']:.2f}",
        ]
        for model, found in models.items()
        for head, kinds in found["sets"].items()
        for kind, each in kinds.items()
    ]
    heading = ["model", "head", "set_kind", "coverage", "least of an emotion with 100 faces", "emotions in a set"]
    write_table("uncertainty.sets", heading, rows, "uncertainty")
    rows = [
        [
            model,
            name,
            *(
                f"{each[part]:.3f}"
                for part in ("mean_absolute_error", "pearson", "concordance", "coverage", "mean_width")
            ),
        ]
        for model, found in models.items()
        for name, each in found["numbers"].items()
    ]
    heading = ["model", "number", "mean absolute error", "Pearson", "concordance", "intervals hold", "mean width"]
    write_table("uncertainty.numbers", heading, rows, "uncertainty")
    rows = [
        [
            model,
            level,
            *(f"{each[f'coverage_of_{share}']:.3f} ({each[f'size_of_{share}']:.2f})" for share in ("0.9", "0.95")),
            *(f"{each[f'{name}_error']:.3f}" for name in VOTE_NUMBERS),
        ]
        for model, found in models.items()
        for level, each in found["corrupted"].items()
    ]
    heading = [
        "model",
        "level",
        "sets of 90 % hold (size)",
        "sets of 95 %",
        "error of expressiveness",
        "of valence",
        "of arousal",
    ]
    write_table("uncertainty.corrupted", heading, rows, "uncertainty")
    rows = [
        [model, head, there, *(f"{ways[way]['balanced_accuracy']:.3f} / {ways[way]['ece']:.3f}" for way in ways)]
        for model, found in models.items()
        for head, shifts in found["priors"].items()
        for there, ways in shifts.items()
    ]
    heading = ["model", "head", "frequencies", "training", "uniform", "the true ones", "estimate"]
    write_table("uncertainty.priors", heading, rows, "uncertainty")
    rows = [
        [
            model,
            prior,
            *(f"{each[name]:.3f}" for name in ("accuracy", "balanced_accuracy", "ece")),
            *map(str, each["recalls"].values()),
        ]
        for model, found in results.get("wild", {}).items()
        for prior, each in found["priors"].items()
    ]
    if rows:
        write_table("uncertainty.wild", ["model", "prior", "accuracy", "balanced", "ECE", *WILD], rows, "uncertainty")


if __name__ == "__main__":
    main()
