"""What the released bundles reach on PublicTest: one view, with the mirror image, and with ten views.

    python -m benchmarks released --data fer2013.csv --votes fer2013new.csv

Ten views are the face as it is and moved by two pixels to each corner, each with its mirror image; their logits are
averaged. Writes `results/released.json`, and tables in README.md and docs/model-card.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.coverage import SPLIT
from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from mien import model_card
from mien.bundle import Bundle, released
from mien.datasets import FaceDataset, load_data
from mien.evaluation import metrics
from mien.evaluation.evaluate import (
    WITHOUT_COPIES,
    WITHOUT_NEAR_COPIES,
    EvalResult,
    Evaluation,
    evaluate_bundle,
    test_sets,
)
from mien.pipeline_options import DEFAULT_MODEL

CORNERS = ((0, 0), (-2, -2), (-2, 2), (2, -2), (2, 2))
LABELS = {"fer2013": "FER2013's label, 7 emotions", "ferplus": "FER+, plurality of eight"}


def main() -> None:
    options = parser(__doc__).parse_args()
    dataset = load_data([options.data], options.votes, set_aside=False)
    models: dict[str, Any] = {}
    evaluations: dict[str, Evaluation] = {}
    for name in released():
        bundle = Bundle.load(name)
        evaluations[name] = evaluate_bundle(bundle, dataset, SPLIT, near=True)
        mirrored = evaluate_bundle(bundle, dataset, SPLIT, flip=True)
        models[name] = {
            "size": bundle.size,
            "gflop": bundle.metadata.card["training"]["gflop_per_face"],
            "one view": evaluations[name].to_dict(),
            "mirrored": {result.name: result.metrics["accuracy"] for result in mirrored.results},
            "ten views": ten_views(bundle, dataset),
        }
    write_results("released", {"machine": describe(), "split": SPLIT, "models": models})
    heading = ["bundle", "labels", "accuracy", "without exact copies", "without near copies", "macro-F1", "ECE"]
    rows = [
        [name, title, *overview(evaluations[name], test_set)]
        for name in models
        for test_set, title in titles(evaluations[name]).items()
    ]
    write_table("released", heading, rows, "../README")
    heading = [
        "bundle",
        "labels",
        "faces",
        "accuracy",
        "balanced",
        "macro-F1",
        "NLL",
        "Brier",
        "ECE",
        "mirrored",
        "ten views",
    ]
    rows = [
        [name, title + ending, *in_full(evaluations[name][test_set + ending], models[name])]
        for name in models
        for test_set, title in titles(evaluations[name]).items()
        for ending in ("", WITHOUT_COPIES, WITHOUT_NEAR_COPIES)
    ]
    write_table("released", heading, rows, "model-card")
    write_table("released.per_class", *per_class(evaluations[DEFAULT_MODEL]), "model-card")


def titles(evaluation: Evaluation) -> dict[str, str]:
    """Test set -> its name for people."""
    names = [result.name for result in evaluation.results if "without" not in result.name]
    return {name: LABELS.get(name, name.replace("ferplus", "FER+")) for name in names}


def overview(evaluation: Evaluation, test_set: str) -> list[str]:
    result = evaluation[test_set]
    without = [
        model_card.accuracy(evaluation[test_set + ending].to_dict()) for ending in (WITHOUT_COPIES, WITHOUT_NEAR_COPIES)
    ]
    return [
        model_card.accuracy(result.to_dict()),
        *without,
        f"{result.metrics['macro_f1']:.3f}",
        f"{result.metrics['ece']:.3f}",
    ]


def in_full(result: EvalResult, model: dict[str, Any]) -> list[str]:
    found = result.metrics
    several = [
        f"{100 * model[views][result.name]:.1f}" if result.name in model[views] else ""
        for views in ("mirrored", "ten views")
    ]
    return [
        f"{result.n:,}",
        model_card.accuracy(result.to_dict()),
        f"{100 * found['balanced_accuracy']:.1f}",
        *(f"{found[name]:.3f}" for name in ("macro_f1", "nll", "brier", "ece")),
        *several,
    ]


def per_class(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of the classes of each head."""
    rows = []
    for head, result in model_card.main_results_of([result.to_dict() for result in evaluation.results]).items():
        rows.append([f"**{LABELS[head]}**", "", "", "", ""])
        for emotion, found in result["per_class"].items():
            figures = [f"{found[name]:.2f}" for name in ("recall", "precision", "f1")]
            rows.append([emotion, *figures, f"{found['support']:,}"])
    return ["", "recall", "precision", "F1", "faces"], rows


def ten_views(bundle: Bundle, dataset: FaceDataset) -> dict[str, float]:
    """Accuracy by test set, of the mean logits over all views."""
    faces = dataset.split(SPLIT)
    views = [bundle.logits(moved(faces.faces, *corner), flip=True) for corner in CORNERS]
    mean = {head: np.mean([view[head] for view in views], axis=0) for head in bundle.heads}
    probabilities = bundle.calibrate(mean)
    return {
        name: metrics.accuracy(probabilities[head][rows], labels)
        for name, head, _, rows, labels in test_sets(faces, probabilities)
    }


def moved(faces: npt.NDArray[np.uint8], down: int, right: int) -> npt.NDArray[np.uint8]:
    """Faces moved by pixels; what is left free repeats the edge."""
    margin = max(map(max, CORNERS))
    wide = np.pad(faces, ((0, 0), (margin, margin), (margin, margin)), mode="edge")
    top, left = margin - down, margin - right
    return wide[:, top : top + faces.shape[1], left : left + faces.shape[2]]


if __name__ == "__main__":
    main()
