from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mien.errors import DataError, InputError
from mien.labels import LABEL_SETS
from mien.report import plot_history
from mien.report.history import PANELS, best_epoch, columns_of
from mien.runs import read_history

ROWS = [
    {"epoch": 1.0, "train_loss": 2.0, "val_loss": 1.9, "val_fer2013_accuracy": 0.3, "val_accuracy": 0.35},
    {"epoch": 2.0, "train_loss": 1.5, "val_loss": 1.6, "val_fer2013_accuracy": 0.5, "val_accuracy": 0.55},
    {"epoch": 3.0, "train_loss": 1.2, "val_loss": 1.7, "val_fer2013_accuracy": 0.6, "val_accuracy": 0.50},
]


def panels(figure: Figure) -> dict[str, dict[str, np.ndarray]]:
    """Panel -> curve -> values."""
    return {
        axes.get_title(loc="left"): {line.get_label(): np.asarray(line.get_ydata()) for line in axes.lines}
        for axes in figure.axes
    }


def test_every_panel_of_a_run_is_drawn(run: Path) -> None:
    rows = read_history(run / "history.csv")
    drawn = panels(plot_history(run / "history.csv"))
    expected = {title for title, metric in PANELS.items() if columns_of(metric, rows[0])}
    assert set(drawn) == expected
    assert {"loss", "accuracy", "precision (macro)", "recall (macro)", "learning rate"} <= expected
    assert np.allclose(drawn["loss"]["training"], [row["train_loss"] for row in rows])
    assert np.allclose(drawn["accuracy"]["validation, ferplus"], [row["val_ferplus_accuracy"] for row in rows])
    assert np.allclose(drawn["recall (macro)"]["training"], [row["train_recall"] for row in rows])


def test_an_older_history_has_fewer_panels() -> None:
    drawn = panels(plot_history(ROWS))
    assert set(drawn) == {"loss", "accuracy"}
    assert drawn["accuracy"]["validation, fer2013"].tolist() == [0.3, 0.5, 0.6]


def test_the_kept_epoch_is_marked() -> None:
    assert best_epoch(ROWS) == 2
    assert "epoch 2, kept" in panels(plot_history(ROWS))["loss"]
    assert "epoch 3, kept" in panels(plot_history(ROWS, best=3))["loss"]
    assert best_epoch([{"epoch": 1.0, "val_loss": 1.0}]) is None


def test_one_epoch_and_gaps_are_drawn() -> None:
    assert panels(plot_history(ROWS[:1]))["loss"]["training"].tolist() == [2.0]
    gap = [ROWS[0], {"epoch": 2.0}, ROWS[2]]
    assert panels(plot_history(gap))["loss"]["training"].tolist() == [2.0, 1.2]


def test_nothing_to_draw_is_told(tmp_path: Path) -> None:
    for rows in ([], [{"epoch": 1.0}]):
        with pytest.raises(InputError, match="at least one epoch"):
            plot_history(rows)
    with pytest.raises(DataError, match="expected a run's history"):
        plot_history(tmp_path / "history.csv")


@pytest.mark.parametrize("name", sorted(LABEL_SETS))
def test_every_label_set_has_all_its_curves(name: str) -> None:
    """A run on FER+'s labels, or on AffectNet's, has the panels of one on FER2013's."""
    metrics = ("accuracy", "precision", "recall", "auc", "macro_f1", "nll")
    rows = [{"epoch": float(epoch), **{f"val_{name}_{metric}": 0.1 * epoch for metric in metrics}} for epoch in (1, 2)]
    drawn = panels(plot_history(rows))
    assert set(drawn) == {
        "accuracy", "precision (macro)", "recall (macro)", "AUC (macro)", "macro-F1", "negative log-likelihood",
    }  # fmt: skip
    assert all(curves[f"validation, {name}"].tolist() == [0.1, 0.2] for curves in drawn.values())
