"""Which calibration is best: none, a temperature, offsets per class, factors too, or isotonic regression.

    python -m benchmarks calibration --data fer2013.csv --votes fer2013new.csv

By cross-fitting on PublicTest with the released bundles: each method is fitted on four fifths of the faces and judged
on the last, in turn, copies kept together. Writes `results/calibration.json` and the table in docs/model-card.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

from benchmarks.coverage import SPLIT
from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from mien import metrics
from mien.bundle import Bundle, released
from mien.calibration import ClassScaling, fit_class_scaling, fit_temperature, softmax
from mien.datasets import TRAINING, FaceDataset, exact_copies, load_data, plurality

FOLDS = 5
SHOWN = ("accuracy", "ece", "nll", "brier")

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
Method = Callable[[Floats, Labels, Floats], Floats]
"""Logits and labels to fit on, and the logits to answer -> their probabilities."""


def main() -> None:
    options = parser(__doc__).parse_args()
    dataset = load_data([options.data], options.votes, set_aside=False)
    models = {name: measure(Bundle.load(name, threads=1), dataset) for name in released()}
    write_results("calibration", {"machine": describe(), "split": SPLIT, "folds": FOLDS, "models": models})
    rows = [
        [model, head, method, *(cell(scores[name], 1 if name == "accuracy" else 3) for name in SHOWN)]
        for model, heads in models.items()
        for head, methods in heads.items()
        for method, scores in methods.items()
    ]
    write_table("calibration", ["model", "head", "method", "accuracy", "ECE", "NLL", "Brier"], rows, "model-card")


def measure(bundle: Bundle, dataset: FaceDataset) -> dict[str, dict[str, dict[str, Any]]]:
    """head -> method -> metric -> value and 95 % bootstrap interval, on the faces without an exact copy in Training."""
    split = dataset.split(SPLIT)
    faces = split.take(np.flatnonzero(~exact_copies(split.faces, dataset.split(TRAINING).faces)))
    logits = unscaled(bundle, bundle.logits(faces.faces))
    voted, votes = plurality(faces.votes)  # type: ignore[arg-type]
    results = {}
    for head, values, labels, rows in (
        ("fer2013", logits["fer2013"], faces.labels, np.arange(len(faces))),
        ("ferplus", logits["ferplus"][voted], votes, voted),
    ):
        folds = folds_of(faces.faces[rows])
        results[head] = {
            name: scores(cross_fitted(method, values, labels, folds), labels) for name, method in METHODS.items()
        }
    return results


def unscaled(bundle: Bundle, logits: dict[str, Floats]) -> dict[str, Floats]:
    """The logits as they were before the class scaling that the bundle's network ends with."""
    known = bundle.metadata.card.get("class_scaling", {})
    scalings = {
        name: ClassScaling(*(np.array(each[key]) for key in ("factors", "offsets"))) for name, each in known.items()
    }
    return {name: scalings[name].undo(values) if name in scalings else values for name, values in logits.items()}


def folds_of(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """A fold for each face, the same for equal faces."""
    _, group = np.unique(faces.reshape(len(faces), -1), axis=0, return_inverse=True)
    return np.random.default_rng(0).integers(0, FOLDS, group.max() + 1)[group.ravel()]


def cross_fitted(method: Method, logits: Floats, labels: Labels, folds: npt.NDArray[np.int64]) -> Floats:
    answers = np.empty(logits.shape, np.float64)
    for fold in range(FOLDS):
        held = folds == fold
        answers[held] = method(logits[~held], labels[~held], logits[held])
    return answers


def scores(probabilities: Floats, labels: Labels) -> dict[str, Any]:
    intervals = metrics.bootstrap_interval(probabilities, labels, SHOWN)
    return {
        name: {"value": metrics.METRICS[name](probabilities, labels), "interval": intervals[name]} for name in SHOWN
    }


def none(logits: Floats, labels: Labels, asked: Floats) -> Floats:
    return softmax(asked)


def temperature(logits: Floats, labels: Labels, asked: Floats) -> Floats:
    return softmax(asked, fit_temperature(logits, labels))


def offsets(logits: Floats, labels: Labels, asked: Floats) -> Floats:
    scaling = fit_class_scaling(logits, labels, shared_factor=True)
    return temperature(scaling.apply(logits), labels, scaling.apply(asked))


def class_scaling(logits: Floats, labels: Labels, asked: Floats) -> Floats:
    scaling = fit_class_scaling(logits, labels)
    return temperature(scaling.apply(logits), labels, scaling.apply(asked))


def isotonic(logits: Floats, labels: Labels, asked: Floats) -> Floats:
    """A rising step function for each class against the rest, and the answers divided by their sum."""
    fitted, given = softmax(logits), softmax(asked)
    answers = np.empty(given.shape, np.float64)
    for k in range(given.shape[1]):
        steps = IsotonicRegression(y_min=1e-4, y_max=1.0, out_of_bounds="clip")
        answers[:, k] = steps.fit(fitted[:, k], labels == k).predict(given[:, k])
    return answers / answers.sum(axis=1, keepdims=True)


METHODS: dict[str, Method] = {
    "none": none,
    "temperature": temperature,
    "offsets": offsets,
    "class scaling": class_scaling,
    "isotonic": isotonic,
}


def cell(score: dict[str, Any], digits: int) -> str:
    factor = 100 if digits == 1 else 1
    low, high = score["interval"]
    return f"{factor * score['value']:.{digits}f} [{factor * low:.{digits}f}, {factor * high:.{digits}f}]"


if __name__ == "__main__":
    main()
