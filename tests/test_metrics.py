from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn import metrics as reference

from mien import metrics
from mien.errors import InputError


def random_case(n: int, k: int, seed: int, present: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, present or k, n)
    logits = rng.normal(0, 1.5, (n, k))
    logits[np.arange(n), labels] += 1
    probabilities = np.exp(logits)
    return (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32), labels


CASES = {
    "usual": random_case(400, 7, 0),
    "eight": random_case(300, 8, 1),
    "two": random_case(50, 2, 2),
    "absent classes": random_case(200, 7, 3, present=3),
    "few": random_case(4, 7, 4),
    "one": random_case(1, 7, 5),
    "one label only": random_case(30, 7, 6, present=1),
    "certain": (np.eye(7)[[0, 1, 2, 2, 6]], np.array([0, 1, 2, 3, 6])),
    "never right": (np.eye(3)[[1, 2, 0]], np.array([0, 1, 2])),
}


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


class TestBootstrap:
    def test_agrees_with_resampling_row_by_row(self) -> None:
        p, y = random_case(120, 7, 9)
        names = list(metrics.METRICS)
        got = metrics.bootstrap_interval(p, y, names, rounds=150, seed=3)
        rng = np.random.default_rng(3)
        counts = np.concatenate([rng.multinomial(120, np.full(120, 1 / 120), size=size) for size in (100, 50)])
        for name in names:
            scores = []
            for row in counts:
                chosen = np.repeat(np.arange(120), row)
                scores.append(metrics.METRICS[name](p[chosen], y[chosen]))
            if name == "ece":  # its bias on resamples is taken off
                scores = np.array(scores) - np.mean(scores) + metrics.ece(p, y)
            assert got[name] == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])), abs=1e-5)

    def test_is_seeded_and_holds_the_value(self) -> None:
        p, y = CASES["usual"]
        first = metrics.bootstrap_interval(p, y, rounds=200)
        assert first == metrics.bootstrap_interval(p, y, rounds=200)
        assert first != metrics.bootstrap_interval(p, y, rounds=200, seed=1)
        for name, (low, high) in first.items():
            assert low < metrics.METRICS[name](p, y) < high

    def test_has_the_width_of_theory(self) -> None:
        p, y = random_case(2000, 7, 10)
        low, high = metrics.bootstrap_interval(p, y, ["accuracy"], rounds=1000)["accuracy"]
        accuracy = metrics.accuracy(p, y)
        assert high - low == pytest.approx(2 * 1.96 * np.sqrt(accuracy * (1 - accuracy) / 2000), rel=0.1)

    @pytest.mark.parametrize("changes", [{"rounds": 0}, {"level": 1.0}, {"metrics": ["acuracy"]}])
    def test_refuses(self, changes: dict[str, object]) -> None:
        with pytest.raises(InputError, match=r"expected|did you mean 'accuracy'"):
            metrics.bootstrap_interval(*CASES["few"], **changes)  # type: ignore[arg-type]


GOOD = np.full((2, 4), 0.25, np.float32)


@pytest.mark.parametrize("name", metrics.METRICS)
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
        metrics.METRICS[name](probabilities, labels)


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
