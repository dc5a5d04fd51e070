"""Compare models on the same faces: scores with intervals, and tests of the differences.

Runs that keep their predictions are compared by these; other runs, and bundles, predict the faces now. This module
computes and writes text; it draws nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.datasets import FaceDataset, default_split, plurality
from mien.errors import DataError, InputError
from mien.evaluation.evaluate import EvalResult, evaluate_probabilities
from mien.evaluation.significance import mcnemar, paired_bootstrap
from mien.files import write_atomically
from mien.labels import FERPLUS, LABEL_SETS, PLURALITY, LabelSet
from mien.runs import ModelSource, Predictions, flatten, open_model_source
from mien.tables import align

Progress = Callable[[str, float], None]

_BATCH = 256


@dataclass(frozen=True)
class ModelPair:
    """Hold the comparison of a second model with a first one, on one test set.

    Attributes:
        first: name of the first model.
        second: name of the second model.
        difference: the second model's accuracy minus the first's, -1 to 1.
        low: lower end of the 95 % paired bootstrap interval of `difference`.
        high: upper end of that interval.
        p_bootstrap: two-sided p-value of the paired bootstrap.
        only_first: number of faces that only the first model predicts correctly.
        only_second: number of faces that only the second model predicts correctly.
        p_mcnemar: two-sided p-value of McNemar's test.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p_bootstrap: float
    only_first: int
    only_second: int
    p_mcnemar: float


@dataclass(frozen=True)
class TestSet:
    """Hold the results of all models that have the head of one test set, and the comparison of every two of them.

    Attributes:
        name: name of the test set.
        results: model -> result.
        pairs: every two models.
    """

    name: str
    results: dict[str, EvalResult]
    pairs: tuple[ModelPair, ...]

    __test__ = False  # for pytest, which takes classes named Test* for tests


@dataclass(frozen=True)
class ModelComparison:
    """Hold the comparison of several models on one split.

    Attributes:
        split: name of the split.
        digest: digest of its faces, labels and splits.
        models: name -> model.
        test_sets: the results, one test set each.
        facts: model -> fact -> value (network, parameters, epochs, ...).
        recipes: recipe key -> model -> value, for the keys that differ.
    """

    split: str
    digest: str
    models: dict[str, ModelSource]
    test_sets: tuple[TestSet, ...]
    facts: dict[str, dict[str, Any]]
    recipes: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain lists and dicts, for JSON."""
        return {
            "split": self.split,
            "data_digest": self.digest,
            "models": self.facts,
            "test_sets": [
                {
                    "name": each.name,
                    "results": {name: result.to_dict() for name, result in each.results.items()},
                    "pairs": [asdict(pair) for pair in each.pairs],
                }
                for each in self.test_sets
            ],
            "recipe_differences": self.recipes,
        }

    def to_json(self, path: str | Path) -> Path:
        """Write `to_dict()` as JSON, atomically."""
        return write_atomically(path, json.dumps(self.to_dict(), indent=2, default=str) + "\n")

    def table(self) -> str:
        """Return the comparison as plain aligned text for a terminal."""
        parts = [align(scores_rows(each)) for each in self.test_sets]
        parts += [align(pairs_rows(each)) for each in self.test_sets if each.pairs]
        parts.append(align(facts_rows(self)))
        if self.recipes:
            parts.append(align(recipe_rows(self)))
        return "\n\n".join(parts)


def compare(
    sources: Sequence[str | Path],
    dataset: FaceDataset | None = None,
    split: str | None = None,
    progress: Progress = lambda stage, share: None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> ModelComparison:
    """Compare two or more runs or bundles on the same faces.

    Args:
        sources: folders of runs and files of bundles.
        dataset: the data. None: use the predictions that the runs keep.
        split: the split of `dataset` to predict; None: see `default_split`.
        progress: called with the name of the stage and the share done, 0 to 1.
        bootstrap: number of bootstrap resamples.
        seed: seed of the bootstrap.

    Raises:
        InputError: there are fewer than two models, they share no head, or one keeps no predictions while `dataset` is
            None.
        DataError: the models were evaluated on different faces, or the split has no faces.
    """
    if len(sources) < 2:
        raise InputError(f"expected at least two runs or bundles to compare, got {len(sources)}")
    models = _named([open_model_source(source) for source in sources])
    chosen = split or ("" if dataset is None else default_split(dataset))
    faces = None if dataset is None else dataset.split(chosen)
    predictions: dict[str, Predictions] = {}
    for number, (name, subject) in enumerate(models.items()):

        def share(part: float, number: int = number) -> None:
            progress("reading the faces", 0.8 * (number + part) / len(models))

        predictions[name] = _predictions_of(name, subject, faces, chosen, share)
    first = next(iter(predictions))
    for name, other in predictions.items():
        _check_same(first, predictions[first], name, other)
    progress("comparing", 0.8)
    test_sets = [
        _test_set(name, head, label_set, predictions, bootstrap, seed) for name, head, label_set in _heads(predictions)
    ]
    if not test_sets:
        raise InputError("nothing to compare: no head and labels that at least two of the models share")
    return ModelComparison(
        predictions[first].split,
        predictions[first].digest,
        models,
        tuple(test_sets),
        {name: _facts(subject) for name, subject in models.items()},
        _recipe_differences(models),
    )


def _named(models: Sequence[ModelSource]) -> dict[str, ModelSource]:
    """Name the models by folder or file name, or by path where two names are the same."""
    names = [subject.name for subject in models]
    found: dict[str, ModelSource] = {}
    for name, subject in zip(names, models, strict=True):
        unique = name if names.count(name) == 1 else str(subject.folder or subject.path)
        if unique in found:
            raise InputError(f"{unique} is given twice: expected different runs or bundles")
        found[unique] = subject
    return found


def _predictions_of(
    name: str, subject: ModelSource, faces: FaceDataset | None, split: str, progress: Callable[[float], None]
) -> Predictions:
    kept = subject.predictions()
    if faces is None:
        if kept is None:
            raise InputError(
                f"{name} keeps no predictions (a bundle, or a run of an older mien): add --data, so that it reads the "
                "faces now"
            )
        return kept
    digest = faces.faces_digest
    if kept is not None and kept.digest == digest and kept.split == split:
        return replace(kept, votes=faces.votes)
    parts = []
    for start in range(0, len(faces), _BATCH):
        parts.append(subject.bundle.probabilities(faces.faces[start : start + _BATCH]))
        progress(min(1.0, (start + _BATCH) / len(faces)))
    heads = {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}
    # A head over other labels than the data's cannot be scored.
    known = {head: p for head, p in heads.items() if head in (faces.label_set.name, FERPLUS.name)}
    return Predictions(known, faces.labels, faces.votes, split, digest)


def _check_same(first: str, one: Predictions, name: str, other: Predictions) -> None:
    if (one.split, one.digest) != (other.split, other.digest):
        raise DataError(
            f"{first} and {name} were judged on different faces ({one.split}, digest {one.digest[:16]}; {other.split}, "
            f"digest {other.digest[:16]}): add --data (and --votes), so that both read the same ones"
        )


def _heads(predictions: dict[str, Predictions]) -> list[tuple[str, str, LabelSet]]:
    """Return test set name, head and label set, for heads that at least two models have."""
    votes = next(iter(predictions.values())).votes
    found = []
    for head, label_set in LABEL_SETS.items():
        models = sum(head in each.probabilities for each in predictions.values())
        if models >= 2 and (head != FERPLUS.name or votes is not None):
            found.append((f"{head}, {PLURALITY}" if head == FERPLUS.name else head, head, label_set))
    return found


def _test_set(
    name: str, head: str, label_set: LabelSet, predictions: dict[str, Predictions], bootstrap: int, seed: int
) -> TestSet:
    one = next(iter(predictions.values()))
    rows, labels = _labels(head, one)
    chosen = {
        model: each.probabilities[head][rows] for model, each in predictions.items() if head in each.probabilities
    }
    results = {
        model: evaluate_probabilities(name, one.split, p, labels, label_set, bootstrap, seed)
        for model, p in chosen.items()
    }
    pairs = tuple(_pair(a, b, chosen, labels, bootstrap, seed) for a, b in combinations(chosen, 2))
    return TestSet(name, results, pairs)


def _labels(head: str, predictions: Predictions) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    if head == FERPLUS.name and predictions.votes is not None:
        return plurality(predictions.votes)
    return np.arange(len(predictions.labels)), predictions.labels


def _pair(
    a: str, b: str, chosen: dict[str, npt.NDArray[np.float32]], labels: npt.NDArray[np.int64], rounds: int, seed: int
) -> ModelPair:
    boot = paired_bootstrap(chosen[b], chosen[a], labels, "accuracy", rounds=max(1, rounds), seed=seed)
    test = mcnemar(chosen[a], chosen[b], labels)
    return ModelPair(a, b, boot.difference, boot.low, boot.high, boot.p, test.only_a, test.only_b, test.p)


def _facts(subject: ModelSource) -> dict[str, Any]:
    facts, recipe = subject.facts, subject.recipe
    return {
        "network": recipe.get("network", {}).get("name"),
        "parameters": facts.get("parameters"),
        "gflop": facts.get("gflop_per_face"),
        "megabytes": round(subject.bundle.size / 1e6, 2),
        "epochs": facts.get("epochs_run"),
        "best_epoch": facts.get("best_epoch"),
        "seconds": facts.get("seconds"),
        "commit": facts.get("commit"),
    }


def _recipe_differences(models: dict[str, ModelSource]) -> dict[str, dict[str, Any]]:
    """Return key -> model -> value for the keys in which recipes differ; None where a recipe lacks the key."""
    recipes = {name: flatten(subject.recipe) for name, subject in models.items() if subject.recipe}
    keys = dict.fromkeys(key for recipe in recipes.values() for key in recipe if key not in ("name", "description"))
    rows = {key: {name: recipe.get(key) for name, recipe in recipes.items()} for key in keys}
    return {key: row for key, row in rows.items() if any(value != next(iter(row.values())) for value in row.values())}


def scores_rows(test_set: TestSet) -> list[list[str]]:
    """Return the scores as rows of a table: a header and one row per model."""
    rows = [[test_set.name, "faces", "accuracy, %", "macro-F1", "NLL", "ECE"]]
    for model, result in test_set.results.items():
        accuracy = f"{100 * result.metrics['accuracy']:.1f}"
        if "accuracy" in result.intervals:
            low, high = result.intervals["accuracy"]
            accuracy += f" [{100 * low:.1f}, {100 * high:.1f}]"
        rows.append(
            [model, f"{result.n:,}", accuracy, *(f"{result.metrics[m]:.3f}" for m in ("macro_f1", "nll", "ece"))]
        )
    return rows


def pairs_rows(test_set: TestSet) -> list[list[str]]:
    """Return the differences as rows of a table: a header and one row per pair of models."""
    rows = [[f"{test_set.name}: differences", "points", "p, bootstrap", "only one right", "p, McNemar"]]
    for pair in test_set.pairs:
        points = f"{_points(pair.difference)} [{_points(pair.low)}, {_points(pair.high)}]"
        right = f"{pair.only_second} : {pair.only_first}"
        rows.append([f"{pair.second} − {pair.first}", points, p_text(pair.p_bootstrap), right, p_text(pair.p_mcnemar)])
    return rows


def _points(difference: float) -> str:
    """Format a difference in percentage points: "+0.4", and "0.0" without a sign."""
    return f"{100 * difference:+.1f}" if abs(difference) >= 0.0005 else "0.0"


def facts_rows(comparison: ModelComparison) -> list[list[str]]:
    """Return the facts as rows of a table: a header and one row per model, with a dash for what is unknown."""
    rows = [["", "network", "parameters", "GFLOP", "MB", "epochs (kept)", "minutes"]]
    for name, facts in comparison.facts.items():
        epochs = None if facts["epochs"] is None else f"{facts['epochs']} ({facts['best_epoch']})"
        minutes = None if facts["seconds"] is None else f"{facts['seconds'] / 60:.1f}"
        parameters = None if facts["parameters"] is None else f"{facts['parameters']:,}"
        cells = (facts["network"], parameters, facts["gflop"], facts["megabytes"], epochs, minutes)
        rows.append([name, *("–" if cell is None else str(cell) for cell in cells)])
    return rows


def recipe_rows(comparison: ModelComparison) -> list[list[str]]:
    """Return the recipe differences as rows of a table: a header and one row per key."""
    names = list(next(iter(comparison.recipes.values()), {}))
    return [
        ["recipes differ in", *names],
        *(
            [key, *("–" if row[name] is None else str(row[name]) for name in names)]
            for key, row in comparison.recipes.items()
        ),
    ]


def p_text(p: float) -> str:
    """Format a p-value: "0.031", "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
