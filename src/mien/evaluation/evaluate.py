"""Evaluate a model: probabilities and labels -> EvalResult; a bundle and a data set -> Evaluation.

This module knows test sets and metrics. It must not know training, and it draws nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mien.datasets import FERPLUS_TEST_SETS, TRAINING, FaceDataset, default_split, exact_copies, vote_shares
from mien.datasets.duplicates import has_copy_in
from mien.datasets.faces import partial_progress
from mien.errors import InputError
from mien.evaluation import metrics, significance
from mien.files import write_atomically
from mien.labels import FERPLUS, LabelSet
from mien.tables import align

WITHOUT_COPIES = ", without copies"
"""Suffix of the name of a result without the faces that have an exact copy in Training."""

WITHOUT_NEAR_COPIES = ", without near copies"
"""Suffix of the name of a result without the faces that have an exact or a near copy in Training."""

BATCH_SIZE = 256
_TABLE_METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "macro_auc": "AUC",
    "nll": "NLL",
    "brier": "Brier",
    "ece": "ECE",
    "classwise_ece": "class ECE",
}

FloatArray = npt.NDArray[np.float32]


class EvaluatedModel(Protocol):
    """Define what can be evaluated; `mien.bundle.Bundle` is one."""

    def logits(self, crops: npt.NDArray[np.uint8], *, flip: bool = False) -> dict[str, FloatArray]:
        """Return the logits of crops.

        Args:
            crops: gray, uint8 (N, 48, 48).
            flip: average with the mirrored crops.

        Returns:
            Head ("fer2013", "ferplus" or both) -> logits, float32 (N, K).
        """
        ...

    def calibrate(self, logits: dict[str, FloatArray]) -> dict[str, FloatArray]:
        """Return calibrated probabilities, float32 (N, K), for the logits of each head."""
        ...

    def vote_shares(self, logits: dict[str, FloatArray]) -> FloatArray | None:
        """Return the estimated vote shares over FER+'s emotions, float32 (N, 8), or None without them."""
        ...


@dataclass(frozen=True)
class EvalResult:
    """Hold the scores on one test set.

    Attributes:
        name: which labels and which faces, for example "fer2013, without copies".
        split: name of the split.
        n: number of faces.
        labels: names of the classes.
        metrics: name, as in `mien.evaluation.metrics.ALL_METRICS`, -> value.
        intervals: metric -> 95 % bootstrap interval (low, high).
        per_class: emotion -> precision, recall, f1 and support.
        confusion: counts, K x K; row = label, column = prediction.
    """

    name: str
    split: str
    n: int
    labels: tuple[str, ...]
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    per_class: dict[str, dict[str, float]]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain lists and dicts, for JSON."""
        return {
            "name": self.name,
            "split": self.split,
            "n": self.n,
            "labels": list(self.labels),
            "metrics": dict(self.metrics),
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "per_class": {name: dict(scores) for name, scores in self.per_class.items()},
            "confusion": [list(row) for row in self.confusion],
        }


@dataclass(frozen=True)
class Evaluation:
    """Hold all results of one model on one split.

    Attributes:
        split: name of the split.
        flip: whether predictions are averaged with those of the mirrored faces.
        data_digest: digest of the split.
        copies: number of faces that have an exact copy in Training. None: the data has no Training split, or it is the
            one evaluated.
        results: one for each test set, with and without copies.
        vote_share: estimated against actual vote shares: mean_absolute_error, pearson and concordance, for "all" (every
            emotion of every face) and "top" (each face's emotion with the largest estimated share). None: the data has
            no votes, or the model no vote shares.
    """

    split: str
    flip: bool
    data_digest: str
    copies: int | None
    results: tuple[EvalResult, ...]
    vote_share: dict[str, dict[str, float]] | None

    def __getitem__(self, name: str) -> EvalResult:
        """Return the result of that name.

        Raises:
            InputError: there is none; the message lists all names.
        """
        for result in self.results:
            if result.name == name:
                return result
        raise InputError(f"no result {name!r}; there are: {'; '.join(result.name for result in self.results)}")

    def __str__(self) -> str:
        return self.table()

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain lists and dicts, for JSON; None for an undefined correlation."""
        return {
            "split": self.split,
            "flip": self.flip,
            "data_digest": self.data_digest,
            "copies": self.copies,
            "results": [result.to_dict() for result in self.results],
            "vote_share": self.vote_share
            and {
                over: {name: None if math.isnan(value) else value for name, value in scores.items()}
                for over, scores in self.vote_share.items()
            },
        }

    def to_json(self, path: str | Path) -> Path:
        """Write `to_dict()` as JSON, atomically."""
        return write_atomically(path, json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n")

    def overview(self) -> str:
        """Return the scores as a table of one row per test set."""
        return _overview(self.results)

    def table(self) -> str:
        """Return the results as plain aligned text for a terminal."""
        parts = [_overview(self.results)]
        if self.vote_share:
            parts.append(_vote_share_table(self.vote_share))
        main = {result.labels: result for result in reversed(self.results)}  # the first result of each label set
        for result in reversed(main.values()):
            parts += [_per_class_table(result), _confusion_table(result)]
        return "\n\n".join(parts)


def evaluate_probabilities(
    name: str,
    split: str,
    probabilities: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    label_set: LabelSet,
    bootstrap: int = 1000,
    seed: int = 0,
) -> EvalResult:
    """Score probabilities against labels.

    Args:
        name: name of the result.
        split: name of the split.
        probabilities: float (N, K), rows sum to 1, columns in the order of `label_set`.
        labels: indices into `label_set`, int (N,).
        label_set: the K emotions.
        bootstrap: number of bootstrap resamples for the intervals. 0: no intervals.
        seed: seed of the bootstrap.

    Raises:
        InputError: the arrays do not fit together or do not fit the label set.
    """
    metrics.check(probabilities, labels)
    if probabilities.shape[1] != len(label_set):
        raise InputError(
            f"{name}: expected probabilities of {len(label_set)} classes, those of {label_set.name!r}, "
            f"got {probabilities.shape[1]}"
        )
    scores = metrics.per_class(probabilities, labels)
    columns = {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}
    return EvalResult(
        name=name,
        split=split,
        n=len(labels),
        labels=label_set.names,
        metrics={metric: function(probabilities, labels) for metric, function in metrics.ALL_METRICS.items()},
        intervals=significance.bootstrap_interval(probabilities, labels, rounds=bootstrap, seed=seed)
        if bootstrap
        else {},
        per_class={
            emotion: {column: float(values[k]) for column, values in columns.items()}
            | {"support": int(scores.support[k])}
            for k, emotion in enumerate(label_set.names)
        },
        confusion=tuple(tuple(map(int, row)) for row in metrics.confusion_matrix(probabilities, labels)),
    )


def evaluate_bundle(
    bundle: EvaluatedModel,
    dataset: FaceDataset,
    split: str | None = None,
    flip: bool = False,
    progress: Callable[[float], None] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    near: bool = False,
) -> Evaluation:
    """Score a model on one split, on every test set that its heads and the data allow.

    The head named like the data set's label set is scored against its labels; the ferplus head against each of
    `FERPLUS_TEST_SETS` if the data set has votes. Each is scored on all faces and on those without an exact copy in
    Training.

    Args:
        bundle: the model.
        dataset: the data; its Training split is used to find copies.
        split: the split to score on; None: see `default_split` (PublicTest, Test, Validation, Training).
        flip: average predictions with those of the mirrored faces.
        progress: called with the share done, 0 to 1.
        bootstrap: number of bootstrap resamples for the intervals. 0: no intervals.
        seed: seed of the bootstrap.
        near: also score on the faces without a near copy in Training, which takes some seconds more.

    Raises:
        DataError: the split has no faces.
        InputError: no head can be scored.
    """
    split = split or default_split(dataset)
    faces = dataset.split(split)
    reading = partial_progress(progress, 0, 0.5) if near else progress
    estimates, shares = predict_crops(bundle, faces.faces, flip, reading)
    training = _training(dataset, split)
    copied = None if training is None else exact_copies(faces.faces, training)
    left_out = {} if copied is None else {WITHOUT_COPIES: copied}
    if near and training is not None:
        left_out[WITHOUT_NEAR_COPIES] = has_copy_in(faces.faces, training, partial_progress(progress, 0.5, 1))
    results = []
    for name, head, label_set, indices, labels in test_sets(faces, estimates):
        subsets = {"": np.ones(len(indices), np.bool_)}
        subsets |= {ending: ~gone[indices] for ending, gone in left_out.items()}
        for ending, kept in subsets.items():
            if kept.any():
                chosen = estimates[head][indices[kept]]
                results.append(
                    evaluate_probabilities(name + ending, split, chosen, labels[kept], label_set, bootstrap, seed)
                )
    if not results:
        raise InputError(
            f"nothing to score: the bundle's heads are {', '.join(estimates)}, and the data set has "
            f"{'no' if faces.votes is None else 'FER+'} votes. A ferplus head needs votes: load both."
        )
    return Evaluation(
        split=split,
        flip=flip,
        data_digest=faces.digest,
        copies=None if copied is None else int(copied.sum()),
        results=tuple(results),
        vote_share=_vote_share(shares, faces.votes),
    )


def predict_crops(
    bundle: EvaluatedModel,
    crops: npt.NDArray[np.uint8],
    flip: bool = False,
    progress: Callable[[float], None] | None = None,
) -> tuple[dict[str, FloatArray], FloatArray | None]:
    """Predict many crops, in batches.

    Args:
        bundle: the model.
        crops: gray, uint8 (N, 48, 48).
        flip: average with the mirrored crops.
        progress: called with the share done, 0 to 1.

    Returns:
        probabilities: head -> calibrated probabilities, float32 (N, K).
        vote_shares: float32 (N, 8), or None.
    """
    parts: list[dict[str, FloatArray]] = []
    for start in range(0, len(crops), BATCH_SIZE):
        parts.append(bundle.logits(crops[start : start + BATCH_SIZE], flip=flip))
        if progress:
            progress(min(1.0, (start + BATCH_SIZE) / len(crops)))
    logits = {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}
    return bundle.calibrate(logits), bundle.vote_shares(logits)


def _training(dataset: FaceDataset, split: str) -> npt.NDArray[np.uint8] | None:
    """Return the Training faces, among which copies are searched for; None if there are none or they are evaluated."""
    training = dataset.splits == TRAINING
    return None if split == TRAINING or not training.any() else dataset.faces[training]


def test_sets(
    faces: FaceDataset, heads: dict[str, FloatArray]
) -> Iterator[tuple[str, str, LabelSet, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield every test set that fits these heads: name, head, label set, indices (M,) in the split, labels (M,).

    Args:
        faces: the faces of one split.
        heads: the model's heads; only the names are used.
    """
    labels = faces.label_set
    if labels.name in heads:
        yield labels.name, labels.name, labels, np.arange(len(faces)), faces.labels
    if FERPLUS.name in heads and faces.votes is not None:
        for name, choose in FERPLUS_TEST_SETS.items():
            yield f"{FERPLUS.name}, {name}", FERPLUS.name, FERPLUS, *choose(faces.votes)


def _vote_share(shares: FloatArray | None, votes: npt.NDArray[np.uint8] | None) -> dict[str, dict[str, float]] | None:
    if shares is None or votes is None:
        return None
    if shares.shape != (len(votes), len(FERPLUS)):
        raise InputError(f"vote shares: expected ({len(votes)}, {len(FERPLUS)}), got {shares.shape}")
    truth = vote_shares(votes)
    voted = truth.any(axis=1)
    if not voted.any():
        return None
    shares, truth = shares[voted], truth[voted]
    top = shares.argmax(axis=1)[:, None]
    return {
        "all": _agreement(shares, truth),
        "top": _agreement(np.take_along_axis(shares, top, axis=1), np.take_along_axis(truth, top, axis=1)),
    }


def _agreement(estimates: FloatArray, truth: FloatArray) -> dict[str, float]:
    functions = (metrics.mean_absolute_error, metrics.pearson, metrics.concordance)
    return {function.__name__: function(estimates, truth) for function in functions}


def _overview(results: tuple[EvalResult, ...]) -> str:
    rows = [[f"on {results[0].split}", "n", *_TABLE_METRICS.values()]]
    for result in results:
        cells = [f"{result.metrics[name]:.3f}" for name in _TABLE_METRICS]
        if "accuracy" in result.intervals:
            low, high = result.intervals["accuracy"]
            cells[0] += f" [{low:.3f}, {high:.3f}]"
        rows.append([result.name, f"{result.n:,}", *cells])
    return align(rows)


def _vote_share_table(vote_share: dict[str, dict[str, float]]) -> str:
    titles = {"all": "all emotions", "top": "strongest estimated emotion"}
    names = list(vote_share["all"])
    rows = [["vote shares", *(name.replace("_", " ") for name in names)]]
    rows += [[titles[over], *(f"{scores[name]:.3f}" for name in names)] for over, scores in vote_share.items()]
    return align(rows)


def _per_class_table(result: EvalResult) -> str:
    rows = [[result.name, "precision", "recall", "F1", "faces"]]
    for emotion, scores in result.per_class.items():
        cells = [f"{scores[column]:.3f}" for column in ("precision", "recall", "f1")]
        rows.append([emotion, *cells, f"{scores['support']:.0f}"])
    return align(rows)


def _confusion_table(result: EvalResult) -> str:
    rows = [["is \\ read as", *result.labels]]
    rows += [[label, *map(str, counts)] for label, counts in zip(result.labels, result.confusion, strict=True)]
    return align(rows)
