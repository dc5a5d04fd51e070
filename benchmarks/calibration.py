"""Which calibration is best: none, a temperature, offsets per class, factors too, or isotonic regression.

    python -m benchmarks calibration --data fer2013.csv --votes fer2013new.csv
    python -m benchmarks calibration --data fer2013.csv --votes fer2013new.csv --others runs/*/*.onnx

By cross-fitting on PublicTest: each method is fitted on four fifths of the faces and judged on the last, in turn,
copies kept together, for several draws of the fifths. The first form measures the released bundles, the second others,
so that a method can be chosen without the released ones. They write `results/calibration.json`,
`results/calibration-others.json`, and the tables in docs/model-card.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from tqdm import tqdm

from benchmarks.coverage import SPLIT
from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from mien.bundle import Bundle, released, softmax
from mien.datasets import TRAINING, FaceDataset, exact_copies, load_data, plurality
from mien.evaluation import metrics, significance
from mien.evaluation.calibration import (
    ClassScaling,
    fit_class_scaling,
    fit_temperature,
    select_class_scaling,
)

FOLDS, DRAWS = 5, 3
SHOWN = ("accuracy", "ece", "nll", "brier")

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
Method = Callable[[Floats, Labels, Floats], Floats]
"""Logits and labels to fit on, and the logits to answer -> their probabilities."""


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--others", type=Path, nargs="+", default=[], metavar="BUNDLE", help="bundles to choose by")
    options = words.parse_args()
    faces = judged_faces(load_data([options.data], options.votes, set_aside=False))
    fixed = {"machine": describe(), "split": SPLIT, "folds": FOLDS, "draws": DRAWS}
    if options.others:
        others = [means(path, faces) for path in tqdm(options.others, desc="bundles")]
        write_results("calibration-others", fixed | {"runs": others})
        columns = ["method", "FER2013: ECE", "above .02", "NLL", "FER+: ECE", "above .02", "NLL"]
        table = [
            [method, *summary(others, "fer2013", method), *summary(others, "ferplus", method)] for method in METHODS
        ]
        write_table("calibration.others", columns, table, "model-card")
        return
    models = {
        name: {
            head: {method: scores(draws, labels) for method, draws in methods.items()}
            for head, labels, methods in cross_fitted(Bundle.load(name, threads=1), faces)
        }
        for name in released()
    }
    write_results("calibration", fixed | {"models": models})
    rows = [
        [model, head, method, *(cell(score[name], 1 if name == "accuracy" else 3) for name in SHOWN)]
        for model, heads in models.items()
        for head, methods in heads.items()
        for method, score in methods.items()
    ]
    write_table("calibration", ["model", "head", "method", "accuracy", "ECE", "NLL", "Brier"], rows, "model-card")


def judged_faces(dataset: FaceDataset) -> FaceDataset:
    """Those of the split without an exact copy in Training."""
    split = dataset.split(SPLIT)
    return split.take(np.flatnonzero(~exact_copies(split.faces, dataset.split(TRAINING).faces)))


def cross_fitted(bundle: Bundle, faces: FaceDataset) -> Iterator[tuple[str, Labels, dict[str, list[Floats]]]]:
    """Each head, its labels, and for each method its answers to faces that it was not fitted on, a draw each."""
    logits = unscaled(bundle, bundle.logits(faces.faces))
    voted, votes = plurality(faces.votes)  # type: ignore[arg-type]
    for head, values, labels, rows in (
        ("fer2013", logits["fer2013"], faces.labels, np.arange(len(faces))),
        ("ferplus", logits["ferplus"][voted], votes, voted),
    ):
        drawn = [folds_of(faces.faces[rows], seed) for seed in range(DRAWS)]
        yield head, labels, {name: [_answers(m, values, labels, f) for f in drawn] for name, m in METHODS.items()}


def means(path: Path, faces: FaceDataset) -> dict[str, Any]:
    """A bundle's run, and head -> method -> ECE and NLL, means over the draws."""
    heads = {
        head: {
            method: {name: float(np.mean([metrics.METRICS[name](p, labels) for p in draws])) for name in ("ece", "nll")}
            for method, draws in methods.items()
        }
        for head, labels, methods in cross_fitted(Bundle.load(path, threads=1), faces)
    }
    return {"run": path.parent.name, "heads": heads}


def summary(others: list[dict[str, Any]], head: str, method: str) -> list[str]:
    found = [other["heads"][head][method] for other in others]
    ece, nll = (np.array([each[name] for each in found]) for name in ("ece", "nll"))
    return [f"{ece.mean():.4f}", f"{(ece > 0.02).sum()} of {len(others)}", f"{nll.mean():.3f}"]


def unscaled(bundle: Bundle, logits: dict[str, Floats]) -> dict[str, Floats]:
    """The logits as they were before the class scaling that the bundle's network ends with."""
    known = bundle.metadata.card.get("class_scaling", {})
    scalings = {
        name: ClassScaling(*(np.array(each[key]) for key in ("factors", "offsets"))) for name, each in known.items()
    }
    return {name: scalings[name].undo(values) if name in scalings else values for name, values in logits.items()}


def folds_of(faces: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.int64]:
    """A fold for each face, the same for equal faces."""
    _, group = np.unique(faces.reshape(len(faces), -1), axis=0, return_inverse=True)
    return np.random.default_rng(seed).integers(0, FOLDS, group.max() + 1)[group.ravel()]


def _answers(method: Method, logits: Floats, labels: Labels, folds: npt.NDArray[np.int64]) -> Floats:
    answers = np.empty(logits.shape, np.float64)
    for fold in range(FOLDS):
        held = folds == fold
        answers[held] = method(logits[~held], labels[~held], logits[held])
    return answers


def scores(draws: list[Floats], labels: Labels) -> dict[str, Any]:
    """metric -> its mean over the draws, and the 95 % bootstrap interval of the first, moved there."""
    intervals = significance.bootstrap_interval(draws[0], labels, SHOWN)
    found = {}
    for name in SHOWN:
        values = [metrics.METRICS[name](probabilities, labels) for probabilities in draws]
        moved = float(np.mean(values)) - values[0]
        found[name] = {
            "value": float(np.mean(values)),
            "draws": values,
            "interval": [end + moved for end in intervals[name]],
        }
    return found


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


def chosen(logits: Floats, labels: Labels, asked: Floats) -> Floats:
    """Offsets or class scaling, as every export chooses."""
    scaling = select_class_scaling(logits, labels)
    assert scaling is not None  # thousands of faces
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
    "as exports choose": chosen,
    "isotonic": isotonic,
}


def cell(score: dict[str, Any], digits: int) -> str:
    factor = 100 if digits == 1 else 1
    low, high = score["interval"]
    return f"{factor * score['value']:.{digits}f} [{factor * low:.{digits}f}, {factor * high:.{digits}f}]"


if __name__ == "__main__":
    main()
