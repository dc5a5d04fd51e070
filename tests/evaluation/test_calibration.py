from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.special import softmax as reference

from mien.bundle import softmax
from mien.errors import InputError
from mien.evaluation.calibration import (
    HIGHEST,
    LOWEST,
    fit_class_scaling,
    fit_temperature,
    select_class_scaling,
)

pytestmark = pytest.mark.slow


def sample(temperature: float, n: int = 4000, k: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right when divided by `temperature`, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, k))
    chances = reference(logits, axis=1)
    labels = (chances.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, k - 1)
    return (logits * temperature).astype(np.float32), labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_finds_the_temperature_that_made_the_labels(temperature: float) -> None:
    assert fit_temperature(*sample(temperature)) == pytest.approx(temperature, rel=0.05)


def test_agrees_with_scipy_on_labels_and_shares() -> None:
    logits, labels = sample(1.7, n=500)
    rng = np.random.default_rng(1)
    shares = np.stack([rng.dirichlet(3 * row + 0.05) for row in reference(logits, axis=1)]).astype(np.float32)

    def loss(log_temperature: float, targets: np.ndarray) -> float:
        return -float((targets * log_softmax(logits.astype(float) / np.exp(log_temperature), axis=1)).sum())

    for targets, soft in ((labels, np.eye(7)[labels]), (shares, shares)):
        best = minimize_scalar(loss, bounds=(-3, 3), args=(soft,), method="bounded", options={"xatol": 1e-8})
        assert fit_temperature(logits, targets) == pytest.approx(np.exp(best.x), rel=1e-3)
    assert fit_temperature(logits, np.eye(7)[labels]) == pytest.approx(fit_temperature(logits, labels))


def test_rows_without_shares_are_left_out() -> None:
    logits, labels = sample(2, n=200)
    shares = np.eye(7)[labels]
    shares[100:] = 0
    assert fit_temperature(logits, shares) == pytest.approx(fit_temperature(logits[:100], labels[:100]))


def test_stays_within_bounds() -> None:
    right = np.eye(3, dtype=np.float32) * 5
    assert fit_temperature(right, np.arange(3)) == pytest.approx(LOWEST, rel=1e-4)  # never wrong: as sure as allowed
    assert fit_temperature(right, (np.arange(3) + 1) % 3) == pytest.approx(HIGHEST, rel=1e-4)  # never right


def test_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (20, 7)).astype(np.float32)
    for temperature in (0.5, 1.0, 3.0):
        got = softmax(logits, temperature)
        assert got.dtype == np.float32
        assert np.allclose(got, reference(logits.astype(float) / temperature, axis=1), atol=1e-6)
    assert np.allclose(softmax(np.array([[1e4, -1e4, 0.0]])), [[1, 0, 0]])
    assert softmax(np.zeros((0, 7), np.float32)).shape == (0, 7)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_softmax_refuses(temperature: float) -> None:
    with pytest.raises(InputError, match="temperature: expected a positive number"):
        softmax(np.zeros((1, 2)), temperature)


LOGITS = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]])


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        (LOGITS[0], np.array([0]), "logits: expected a float array"),
        (LOGITS[:, :1], np.array([0, 0]), "at least 2 classes"),
        (LOGITS.astype(int), np.array([0, 1]), "logits: expected a float array"),
        (LOGITS * np.nan, np.array([0, 1]), "diverged"),
        (LOGITS * 0 + 3, np.array([0, 1]), "any temperature"),
        (LOGITS[:0], np.array([], int), "at least one row"),
        (LOGITS, np.zeros((2, 3)), "at least one row"),
        (LOGITS, np.array([0, 3]), "labels 0 to 2"),
        (LOGITS, np.array([0, -1]), "labels 0 to 2"),
        (LOGITS, np.array([0]), "targets: expected int labels"),
        (LOGITS, np.full((2, 3), 0.5), "sum to 1"),
        (LOGITS, np.array([[1.5, -0.5, 0], [1, 0, 0]]), "sum to 1"),
        (LOGITS, np.full((2, 2), 0.5), "targets: expected"),
        (LOGITS, [0, 1], "got list"),
    ],
)
def test_fit_refuses(logits: np.ndarray, targets: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_temperature(logits, targets)


OFFSETS = np.array([1.5, 0, 0, -1.5, 0, 0, 0])
FACTORS = np.array([1.0, 1, 1, 1, 0.5, 1, 1])


def test_class_scaling_finds_what_the_logits_lack() -> None:
    logits, labels = sample(1.0, n=20_000)
    lacking = ((logits - OFFSETS) / FACTORS).astype(np.float32)
    found = fit_class_scaling(lacking, labels)
    np.testing.assert_allclose(found.factors, FACTORS, atol=0.15)
    np.testing.assert_allclose(found.offsets - found.offsets.mean(), OFFSETS, atol=0.2)
    np.testing.assert_allclose(found.undo(found.apply(lacking)), lacking, atol=1e-4)


def test_class_scaling_goes_down_the_slope_that_it_says() -> None:
    """No neighbour of what it finds has a lower loss."""
    logits, labels = sample(1.3, n=300)
    found = fit_class_scaling(logits, labels)

    def loss(factors: np.ndarray, offsets: np.ndarray) -> float:
        logs = log_softmax(factors * logits.astype(float) + offsets, axis=1)
        pull = ((factors - factors.mean()) ** 2).sum() + (offsets**2).sum()
        return float(-logs[np.arange(300), labels].sum() + 2.5 * pull)

    best = loss(found.factors, found.offsets)
    for step in np.eye(7) * 0.02:
        for sign in (-1, 1):
            assert loss(found.factors + sign * step, found.offsets) > best
            assert loss(found.factors, found.offsets + sign * step) > best


def test_a_shared_factor_leaves_only_offsets() -> None:
    logits, labels = sample(2.0, n=20_000)
    found = fit_class_scaling(logits - 2 * OFFSETS, labels, shared_factor=True)
    np.testing.assert_allclose(found.factors, np.full(7, 0.5), atol=0.02)
    np.testing.assert_allclose(found.offsets - found.offsets.mean(), OFFSETS, atol=0.2)


def test_factors_are_chosen_where_they_help_new_faces() -> None:
    logits, labels = sample(1.0, n=4000)
    of_many = select_class_scaling((logits - OFFSETS) / FACTORS, labels)
    of_few = select_class_scaling((logits - OFFSETS)[:300], labels[:300])
    assert of_many is not None
    assert of_few is not None
    assert of_many.factors.argmin() == FACTORS.argmin()
    assert np.ptp(of_few.factors) == 0


def test_few_faces_get_no_class_scaling() -> None:
    logits, labels = sample(2.0, n=34)
    assert select_class_scaling(logits - 2 * OFFSETS, labels) is None


def test_a_class_that_never_occurs_keeps_its_offset_finite() -> None:
    logits, labels = sample(1.0, n=200)
    labels[labels == 6] = 0
    found = fit_class_scaling(logits, labels)
    assert np.isfinite(found.offsets).all()
    assert found.offsets[6] < found.offsets[:6].min()
