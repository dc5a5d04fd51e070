from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn import metrics as reference

from helpers.metric_cases import CASES, random_case
from mien.errors import InputError
from mien.evaluation import metrics


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    return CASES[request.param]


def test_scores_agree_with_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = case
    predicted, classes = p.argmax(axis=1), list(range(p.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's warnings on absent classes
        assert metrics.accuracy(p, y) == pytest.approx(reference.accuracy_score(y, predicted))
        assert metrics.balanced_accuracy(p, y) == pytest.approx(reference.balanced_accuracy_score(y, predicted))
        assert metrics.macro_f1(p, y) == pytest.approx(
            reference.f1_score(y, predicted, average="macro", zero_division=0)
        )
        expected = reference.precision_recall_fscore_support(y, predicted, labels=classes, zero_division=0)
    scores = metrics.per_class(p, y)
    for got, wanted in zip((scores.precision, scores.recall, scores.f1, scores.support), expected, strict=True):
        assert np.allclose(got, wanted)
    confusion = metrics.confusion_matrix(p, y)
    assert np.array_equal(confusion, reference.confusion_matrix(y, predicted, labels=classes))
    assert confusion.dtype == np.int64


def test_averages_agree_with_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = case
    predicted = p.argmax(axis=1)
    assert metrics.macro_precision(p, y) == pytest.approx(
        reference.precision_score(y, predicted, average="macro", zero_division=0)
    )
    assert metrics.macro_recall(p, y) == pytest.approx(
        reference.recall_score(y, predicted, average="macro", zero_division=0)
    )
    assert metrics.weighted_f1(p, y) == pytest.approx(
        reference.f1_score(y, predicted, average="weighted", zero_division=0)
    )


def test_auc_agrees_with_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = case
    present = [k for k in range(p.shape[1]) if 0 < (y == k).sum() < len(y)]
    if not present:
        assert np.isnan(metrics.macro_auc(p, y))
        return
    expected = np.mean([reference.roc_auc_score(y == k, p[:, k]) for k in present])
    assert metrics.macro_auc(p, y) == pytest.approx(expected)


def test_auc_of_ties() -> None:
    rng = np.random.default_rng(7)
    p = rng.integers(1, 4, (200, 4)).astype(np.float64)  # few different values: nearly all are tied
    p /= p.sum(axis=1, keepdims=True)
    y = rng.integers(0, 4, 200)
    assert metrics.macro_auc(p, y) == pytest.approx(
        reference.roc_auc_score(y, p, multi_class="ovr", average="macro", labels=[0, 1, 2, 3])
    )
    same = np.full((6, 3), 1 / 3)
    assert metrics.macro_auc(same, np.array([0, 0, 1, 1, 2, 2])) == 0.5


def test_losses_agree_with_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = case
    clipped = np.clip(p.astype(np.float64), 1e-12, 1)
    assert metrics.nll(p, y) == pytest.approx(-np.log(clipped[np.arange(len(y)), y]).mean())
    if len(y) > 1 and p.min() > 0:
        normalised = p.astype(np.float64) / p.sum(axis=1, keepdims=True, dtype=np.float64)
        expected = reference.log_loss(y, normalised, labels=list(range(p.shape[1])))
        assert metrics.nll(p, y) == pytest.approx(expected, rel=1e-5)
    expected = np.mean([((row - np.eye(p.shape[1])[label]) ** 2).sum() for row, label in zip(p, y, strict=True)])
    assert metrics.brier(p, y) == pytest.approx(expected, rel=1e-5)


def test_brier_of_two_classes_is_twice_scikit_learns() -> None:
    p, y = CASES["two"]
    assert metrics.brier(p, y) == pytest.approx(2 * reference.brier_score_loss(y, p[:, 1]), rel=1e-5)


def test_ece_agrees_with_a_plain_loop(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = case
    confidence, right = p.max(axis=1).astype(np.float64), p.argmax(axis=1) == y
    for bins in (1, 10, 15):
        expected = 0.0
        edges = np.linspace(0, 1, bins + 1)
        for low, high in itertools.pairwise(edges):
            inside = (confidence > low) & (confidence <= high)
            if inside.any():
                expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
        assert metrics.ece(p, y, bins=bins) == pytest.approx(expected)


def test_ece_of_the_certain() -> None:
    assert metrics.ece(np.eye(3), np.array([0, 1, 2])) == 0
    assert metrics.ece(np.eye(3), np.array([1, 2, 0])) == 1


def test_a_class_given_no_chance_costs_a_finite_price() -> None:
    assert metrics.nll(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(27.631, abs=1e-3)


class TestReliability:
    @pytest.mark.parametrize("bins", [1, 10, 15])
    def test_ece_is_its_weighted_gap(self, case: tuple[np.ndarray, np.ndarray], bins: int) -> None:
        p, y = case
        got = metrics.reliability(p, y, bins=bins)
        filled = got.count > 0
        assert got.count.sum() == len(y)
        assert got.count.dtype == np.int64
        assert np.isnan(got.accuracy[~filled]).all()
        assert np.isnan(got.confidence[~filled]).all()
        gaps = np.abs(got.accuracy - got.confidence)[filled] * got.count[filled] / len(y)
        assert metrics.ece(p, y, bins=bins) == pytest.approx(gaps.sum())

    def test_of_three_faces(self) -> None:
        p = np.array([[0.55, 0.45], [0.59, 0.41], [0.0, 1.0]])
        got = metrics.reliability(p, np.array([0, 1, 1]), bins=10)
        assert got.count.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 1]
        assert got.confidence[5] == pytest.approx(0.57)
        assert got.accuracy[[5, 9]].tolist() == [0.5, 1.0]

    def test_refuses_no_bins(self) -> None:
        with pytest.raises(InputError, match="bins"):
            metrics.reliability(GOOD, np.array([0, 1]), bins=0)


class TestRiskCoverage:
    def test_agrees_with_a_plain_loop(self) -> None:
        p, y = random_case(200, 7, 11)
        order = np.argsort(-p.max(axis=1))
        wrong = (p.argmax(axis=1) != y)[order]
        coverage, risk = metrics.risk_coverage(p, y)
        assert np.allclose(coverage, [i / 200 for i in range(1, 201)])
        assert np.allclose(risk, [wrong[:i].mean() for i in range(1, 201)])
        assert metrics.aurc(p, y) == pytest.approx(np.mean([wrong[:i].mean() for i in range(1, 201)]))

    def test_ends_at_the_error(self, case: tuple[np.ndarray, np.ndarray]) -> None:
        coverage, risk = metrics.risk_coverage(*case)
        assert coverage[-1] == 1
        assert risk[-1] == pytest.approx(1 - metrics.accuracy(*case))
        assert ((risk >= 0) & (risk <= 1)).all()

    def test_does_not_depend_on_the_order_of_equals(self) -> None:
        p, y = np.array([[0.7, 0.3]] * 4 + [[0.1, 0.9]] * 2), np.array([0, 1, 1, 1, 1, 1])
        expected = [0, 0, 0.25, 0.375, 0.45, 0.5]
        assert np.allclose(metrics.risk_coverage(p, y)[1], expected)
        assert np.allclose(metrics.risk_coverage(p[::-1], y[::-1])[1], expected)

    def test_knowing_ones_mistakes_is_rewarded(self) -> None:
        y = np.zeros(10, int)
        unsure, sure = np.array([[0.4, 0.6]]), np.array([[0.05, 0.95]])
        right = np.array([[0.8, 0.2]])
        knows = np.concatenate([np.repeat(right, 8, 0), np.repeat(unsure, 2, 0)])
        ignorant = np.concatenate([np.repeat(right, 8, 0), np.repeat(sure, 2, 0)])
        assert metrics.aurc(knows, y) < 0.2 < metrics.aurc(ignorant, y)


GOOD = np.full((2, 4), 0.25, np.float32)


SCORES = metrics.METRICS | {
    function.__name__: function
    for function in (
        metrics.weighted_f1,
        metrics.macro_precision,
        metrics.macro_recall,
        metrics.macro_auc,
        metrics.reliability,
        metrics.risk_coverage,
        metrics.aurc,
    )
}


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (GOOD * 4, np.array([0, 1]), "sum to 1.*softmax"),
        (np.array([[2.0, -1.0]]), np.array([0]), "sum to 1"),
        (np.array([[np.nan, 1.0]]), np.array([0]), "sum to 1"),
        (GOOD[0], np.array([0]), r"expected a float array \(N, K\)"),
        (np.ones((2, 1), int), np.array([0, 0]), "expected a float array"),
        (GOOD.tolist(), np.array([0, 1]), "got list"),
        (GOOD, np.array([0, 4]), "labels: expected 0 to 3, got 0 to 4"),
        (GOOD, np.array([-1, 0]), "labels: expected 0 to 3"),
        (GOOD, np.array([0]), r"labels: expected an int array \(2,\)"),
        (GOOD, np.array([0.0, 1.0]), "labels: expected an int array"),
        (GOOD[:0], np.array([], int), "at least one row"),
    ],
)
def test_unfit_arguments(name: str, probabilities: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SCORES[name](probabilities, labels)


def test_ece_refuses_no_bins() -> None:
    with pytest.raises(InputError, match="bins"):
        metrics.ece(GOOD, np.array([0, 1]), bins=0)


def test_agreement_of_numbers() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(50, 8)).astype(np.float32)
    b = (0.5 * a + rng.normal(0, 0.4, a.shape) + 1).astype(np.float32)
    assert metrics.mean_absolute_error(a, b) == pytest.approx(
        reference.mean_absolute_error(a.ravel(), b.ravel()), rel=1e-5
    )
    r = pearsonr(a.ravel().astype(float), b.ravel().astype(float)).statistic
    assert metrics.pearson(a, b) == pytest.approx(r)
    x, y = a.ravel().astype(float), b.ravel().astype(float)
    expected = 2 * r * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert metrics.concordance(a, b) == pytest.approx(expected)
    assert metrics.concordance(a, a) == pytest.approx(1)
    assert metrics.pearson(a, 2 * a + 3) == pytest.approx(1)
    assert metrics.concordance(a, 2 * a + 3) < 0.5


def test_agreement_with_a_constant() -> None:
    flat, other = np.ones(4), np.arange(4.0)
    assert np.isnan(metrics.pearson(flat, other))
    assert metrics.concordance(flat, other) == 0
    assert np.isnan(metrics.concordance(flat, flat))


@pytest.mark.parametrize("function", [metrics.mean_absolute_error, metrics.pearson, metrics.concordance])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones(2), np.ones(3)),
        (np.ones(0), np.ones(0)),
        (np.array([np.inf]), np.ones(1)),
        (np.array(["x"]), np.ones(1)),
    ],
)
def test_agreement_refuses(function: Callable[..., float], a: np.ndarray, b: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected"):
        function(a, b)


def test_the_classwise_error_sees_a_rare_class() -> None:
    """Nine of ten faces are of the first class, whose probability is right; the others' may be wrong."""
    labels = np.array([0] * 90 + [1] * 10)
    right = np.tile(np.array([0.9, 0.1, 0.0], np.float32), (100, 1))
    wrong = np.tile(np.array([0.9, 0.0, 0.1], np.float32), (100, 1))
    assert metrics.classwise_ece(right, labels) == pytest.approx(0, abs=1e-6)
    assert metrics.ece(wrong, labels) == pytest.approx(0, abs=1e-6)
    assert metrics.classwise_ece(wrong, labels) == pytest.approx((0 + 0.1 + 0.1) / 3, abs=1e-6)
