from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.data_trees import textures
from mien.bundle import softmax
from mien.datasets import FaceDataset, load_fer2013, majority, vote_shares
from mien.errors import DataError, InputError
from mien.evaluation import metrics
from mien.evaluation.evaluate import (
    WITHOUT_COPIES,
    WITHOUT_NEAR_COPIES,
    evaluate_bundle,
    evaluate_probabilities,
)
from mien.evaluation.robustness import measure_robustness
from mien.labels import FER2013, FERPLUS

Csv = tuple[Path, Path]
MAJORITY, PLURALITY = "ferplus, majority (Microsoft's rule)", "ferplus, plurality of eight"


class FakeBundle:
    """Answers from the first pixels of each face: the same face gets the same answer, in any batch."""

    def __init__(self, *heads: str, votes: bool = True) -> None:
        self.heads = {name: {"fer2013": 7, "ferplus": 8}[name] for name in heads}
        self.votes = votes
        self.flips: set[bool] = set()
        self.seen = 0

    def logits(self, crops: np.ndarray, *, flip: bool = False) -> dict[str, np.ndarray]:
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == (48, 48)
        self.flips.add(flip)
        self.seen += len(crops)
        return {name: self._answer(crops, k) for name, k in self.heads.items()}

    def calibrate(self, logits: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: softmax(values) for name, values in logits.items()}

    def vote_shares(self, logits: dict[str, np.ndarray]) -> np.ndarray | None:
        return softmax(logits["ferplus"], 2.0) if self.votes and "ferplus" in logits else None

    @staticmethod
    def _answer(crops: np.ndarray, k: int) -> np.ndarray:
        return crops[:, :k, 0].astype(np.float32) / 64


@pytest.fixture
def dataset(fer2013_csv: Csv) -> FaceDataset:
    return load_fer2013(*fer2013_csv)


def test_every_test_set_with_and_without_copies(dataset: FaceDataset) -> None:
    bundle = FakeBundle("fer2013", "ferplus")
    seen: list[float] = []
    evaluation = evaluate_bundle(bundle, dataset, progress=seen.append, bootstrap=50)
    assert [result.name for result in evaluation.results] == [
        "fer2013",
        "fer2013" + WITHOUT_COPIES,
        PLURALITY,
        PLURALITY + WITHOUT_COPIES,
        MAJORITY,
        MAJORITY + WITHOUT_COPIES,
    ]
    assert [result.n for result in evaluation.results] == [21, 20, 21, 20, 21, 20]
    assert evaluation.copies == 1
    assert evaluation.data_digest == dataset.split("PublicTest").digest
    assert bundle.flips == {False}
    assert bundle.seen == 21
    assert seen == [1.0]


def test_scores_are_those_of_the_metrics(dataset: FaceDataset) -> None:
    test = dataset.split("PublicTest")
    assert test.votes is not None
    bundle = FakeBundle("fer2013", "ferplus")
    evaluation = evaluate_bundle(bundle, dataset, flip=True, bootstrap=50)
    assert bundle.flips == {True}
    logits = bundle.logits(test.faces)
    answers = bundle.calibrate(logits)
    assert evaluation["fer2013"].metrics["nll"] == metrics.nll(answers["fer2013"], test.labels)
    indices, labels = majority(test.votes)
    result = evaluation[MAJORITY]
    assert result.labels == FERPLUS.names
    assert result.metrics["accuracy"] == metrics.accuracy(answers["ferplus"][indices], labels)
    assert evaluation["fer2013" + WITHOUT_COPIES].metrics["brier"] == pytest.approx(
        metrics.brier(answers["fer2013"][1:], test.labels[1:])
    )
    assert evaluation.vote_share is not None
    shares, truth = bundle.vote_shares(logits), vote_shares(test.votes)
    assert shares is not None
    assert evaluation.vote_share["all"]["concordance"] == pytest.approx(metrics.concordance(shares, truth))
    rows, top = np.arange(21), shares.argmax(axis=1)
    assert evaluation.vote_share["top"]["mean_absolute_error"] == pytest.approx(
        float(np.abs(shares[rows, top] - truth[rows, top]).mean())
    )


def test_batches_do_not_matter(dataset: FaceDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate_bundle(FakeBundle("fer2013"), dataset, bootstrap=0)
    monkeypatch.setattr("mien.evaluation.evaluate.BATCH_SIZE", 4)
    seen: list[float] = []
    assert evaluate_bundle(FakeBundle("fer2013"), dataset, bootstrap=0, progress=seen.append) == whole
    assert seen == pytest.approx([4 / 21, 8 / 21, 12 / 21, 16 / 21, 20 / 21, 1])


@pytest.mark.parametrize(
    ("heads", "with_votes", "names"),
    [
        (("fer2013",), True, {"fer2013"}),
        (("fer2013",), False, {"fer2013"}),
        (("ferplus",), True, {MAJORITY, PLURALITY}),
        (("fer2013", "ferplus"), False, {"fer2013"}),
    ],
)
def test_one_head_or_no_votes(fer2013_csv: Csv, heads: tuple[str, ...], with_votes: bool, names: set[str]) -> None:
    dataset = load_fer2013(fer2013_csv[0], fer2013_csv[1] if with_votes else None)
    evaluation = evaluate_bundle(FakeBundle(*heads, votes="ferplus" in heads), dataset, bootstrap=0)
    assert {result.name.removesuffix(WITHOUT_COPIES) for result in evaluation.results} == names
    assert (evaluation.vote_share is None) == (not with_votes or "ferplus" not in heads)
    assert evaluation.table()


def test_nothing_to_score(fer2013_csv: Csv) -> None:
    with pytest.raises(InputError, match=r"nothing to score.*ferplus.*no votes"):
        evaluate_bundle(FakeBundle("ferplus"), load_fer2013(fer2013_csv[0]))


def test_unknown_split(dataset: FaceDataset) -> None:
    with pytest.raises(DataError, match=r"Training \(63\)"):
        evaluate_bundle(FakeBundle("fer2013"), dataset, split="PrivateTest")


def test_without_a_training_split_nothing_is_said_of_copies(dataset: FaceDataset) -> None:
    for data, split in ((dataset.split("PublicTest"), "PublicTest"), (dataset, "Training")):
        evaluation = evaluate_bundle(FakeBundle("fer2013"), data, split=split, bootstrap=0)
        assert [result.name for result in evaluation.results] == ["fer2013"]
        assert evaluation.copies is None


def test_json(dataset: FaceDataset, tmp_path: Path) -> None:
    evaluation = evaluate_bundle(FakeBundle("fer2013", "ferplus"), dataset, bootstrap=20)
    path = evaluation.to_json(tmp_path / "new" / "scores.json")
    assert json.loads(path.read_text()) == evaluation.to_dict()
    assert list(path.parent.iterdir()) == [path]
    first = evaluation.to_dict()["results"][0]
    assert first["labels"] == list(FER2013.names)
    assert set(first["metrics"]) == set(metrics.ALL_METRICS)
    assert np.array(first["confusion"]).sum() == first["n"]


def test_an_undefined_correlation_is_null(dataset: FaceDataset, tmp_path: Path) -> None:
    class Flat(FakeBundle):
        @staticmethod
        def _answer(crops: np.ndarray, k: int) -> np.ndarray:
            return np.full((len(crops), k), 1 / k, np.float32)

    evaluation = evaluate_bundle(Flat("ferplus"), dataset, bootstrap=0)
    saved = json.loads(evaluation.to_json(tmp_path / "scores.json").read_text())
    assert saved["vote_share"]["all"]["pearson"] is None
    assert saved["vote_share"]["all"]["mean_absolute_error"] > 0


def test_table(dataset: FaceDataset) -> None:
    text = evaluate_bundle(FakeBundle("fer2013", "ferplus"), dataset, bootstrap=20).table()
    overview, *others = text.split("\n\n")
    lines = overview.splitlines()
    titles = "on PublicTest n accuracy balanced macro-F1 weighted F1 AUC NLL Brier ECE class ECE"
    assert lines[0].split() == titles.split()
    assert len(lines) == 8
    assert "[" in lines[2]
    for block in (overview, *others):
        assert len({len(line) for line in block.splitlines()}) == 1  # aligned
    assert len(others) == 5  # vote shares; per class and confusion, once for each label set
    assert others[1].startswith("fer2013 ")
    assert others[3].startswith(PLURALITY)


def test_weighted_f1_and_auc_agree_with_scikit_learn(dataset: FaceDataset) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    model = FakeBundle("fer2013")
    result = evaluate_bundle(model, dataset, bootstrap=0)["fer2013"]
    faces = dataset.split("PublicTest")
    chosen = model.calibrate(model.logits(faces.faces))["fer2013"].argmax(axis=1)
    expected = reference.f1_score(faces.labels, chosen, average="weighted", zero_division=0)
    assert result.metrics["weighted_f1"] == pytest.approx(expected)
    assert 0 < result.metrics["macro_auc"] < 1
    assert set(result.to_dict()["metrics"]) >= {"weighted_f1", "macro_auc"}


@pytest.mark.parametrize("score", [evaluate_bundle, measure_robustness])
def test_without_a_split_it_is_the_datas_own(score: Callable[..., Any], dataset: FaceDataset) -> None:
    renamed = {"Training": "Training", "PublicTest": "Test", "PrivateTest": "Other"}
    folders = replace(dataset, splits=np.array([renamed[split] for split in dataset.splits]))
    assert score(FakeBundle("fer2013"), folders).split == "Test"


def test_unknown_result(dataset: FaceDataset) -> None:
    evaluation = evaluate_bundle(FakeBundle("fer2013"), dataset, bootstrap=0)
    with pytest.raises(InputError, match="there are: fer2013; fer2013, without copies"):
        evaluation["ferplus"]


def test_probabilities_must_fit_the_labels() -> None:
    with pytest.raises(InputError, match="8 classes, those of 'ferplus', got 7"):
        evaluate_probabilities("x", "y", np.full((2, 7), 1 / 7), np.array([0, 1]), FERPLUS)


def test_shares_must_fit(dataset: FaceDataset) -> None:
    class Narrow(FakeBundle):
        def vote_shares(self, logits: dict[str, np.ndarray]) -> np.ndarray | None:
            return np.ones((len(logits["ferplus"]), 7), np.float32)

    with pytest.raises(InputError, match="vote shares"):
        evaluate_bundle(Narrow("ferplus"), dataset, bootstrap=0)


def test_near_copies_are_left_out_on_request(dataset: FaceDataset) -> None:
    splits, faces = dataset.splits, dataset.faces.copy()
    faces[:] = textures(len(faces), seed=4)
    first = int(np.flatnonzero(splits == "PublicTest")[0])
    faces[first] = faces[0]  # exactly
    faces[first + 1] = np.roll(faces[1], 2, axis=1)  # nearly
    evaluation = evaluate_bundle(FakeBundle("fer2013"), replace(dataset, faces=faces), bootstrap=0, near=True)
    assert [(result.name, result.n) for result in evaluation.results] == [
        ("fer2013", 21),
        ("fer2013" + WITHOUT_COPIES, 20),
        ("fer2013" + WITHOUT_NEAR_COPIES, 19),
    ]
