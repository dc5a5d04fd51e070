from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, roc_auc_score

from mien.evaluation import metrics
from mien.figure_style import to_png, to_svg
from mien.labels import FER2013, FERPLUS
from mien.report import scores

pytestmark = pytest.mark.slow

NAMES = FER2013.names


def case(n: int = 300, k: int = 7, seed: int = 0, present: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, present or k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), labels] += 1.5
    p = np.exp(logits)
    return (p / p.sum(axis=1, keepdims=True)).astype(np.float32), labels.astype(np.int64)


def texts(figure: Figure) -> list[str]:
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    for axes in figure.axes:
        legend = axes.get_legend()
        found += [text.get_text() for text in legend.get_texts()] if legend else []
    return found


def test_confusion_shows_counts_and_recalls() -> None:
    p, y = case()
    counts = metrics.confusion_matrix(p, y)
    shown = texts(scores.confusion(p, y, NAMES))
    assert shown[:49] == [f"{count:,}" for count in counts.ravel()]
    recall = counts[3, 3] / counts[3].sum()
    assert shown[49 + 3 * 7 + 3] == f"{recall:.2f}".removeprefix("0")


def test_legends_hold_the_areas() -> None:
    p, y = case()
    shown = texts(scores.curves(p, y, NAMES))
    for k, name in enumerate(NAMES):
        assert f"{name}  {average_precision_score(y == k, p[:, k]):.2f}" in shown
        assert f"{name}  {roc_auc_score(y == k, p[:, k]):.3f}" in shown


def test_reliability_draws_the_bins() -> None:
    p, y = case()
    bins = metrics.reliability(p, y)
    figure = scores.reliability(p, y)
    drawn = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert np.allclose(drawn.get_xydata(), np.column_stack([bins.confidence, bins.accuracy])[bins.count > 0])
    assert f"ECE {metrics.ece(p, y):.3f}\n300 faces" in texts(figure)
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert np.allclose(heights, bins.count / 300)


def test_risk_ends_at_the_error_and_names_the_area() -> None:
    p, y = case()
    figure = scores.risk_coverage(p, y)
    curve = next(line for line in figure.axes[0].lines if "AURC" in str(line.get_label()))
    assert curve.get_ydata()[-1] == pytest.approx(1 - metrics.accuracy(p, y))
    assert f"{metrics.aurc(p, y):.3f}" in str(curve.get_label())
    best = next(line for line in figure.axes[0].lines if "best" in str(line.get_label()))
    assert (np.asarray(best.get_ydata()) <= np.asarray(curve.get_ydata()) + 1e-9).all()


def test_histograms_have_a_panel_per_class() -> None:
    p, y = case(k=8)
    figure = scores.histograms(p, y, FERPLUS.names)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [f"{name}  ({(y == k).sum()})" for k, name in enumerate(FERPLUS.names)]


DRAWINGS = {
    "per_class": scores.per_class,
    "confusion": scores.confusion,
    "curves": scores.curves,
    "histograms": scores.histograms,
    "reliability": lambda p, y, _: scores.reliability(p, y),
    "risk_coverage": lambda p, y, _: scores.risk_coverage(p, y),
}


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize(
    ("p", "y"),
    [
        case(1),
        case(30, present=1),
        case(40, present=3),
        (np.eye(7, dtype=np.float32), np.arange(7)),
        (np.eye(7, dtype=np.float32), np.roll(np.arange(7), 1)),
        (np.full((9, 7), 1 / 7, np.float32), np.arange(9) % 7),
    ],
    ids=["one face", "one label", "three labels", "always right", "always wrong", "no idea"],
)
def test_odd_cases_are_drawn(
    name: str, p: np.ndarray, y: np.ndarray, tmp_path: object, request: pytest.FixtureRequest
) -> None:
    figure = DRAWINGS[name](p, y, NAMES)
    to_png(figure, request.getfixturevalue("tmp_path") / "figure.png", dpi=40)
    assert to_svg(figure, name, "A figure").startswith("<svg ")
