from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.finished_runs import write_run
from mien.cli.main import main
from mien.datasets import FaceDataset
from mien.evaluation.compare import ModelComparison, compare, facts_rows, scores_rows
from mien.report.comparison import draw_accuracies, draw_curves, write_comparison
from mien.runs import read_history

pytestmark = pytest.mark.slow


@pytest.fixture
def comparison(tmp_path: Path, data: FaceDataset) -> ModelComparison:
    faces = data.split("PublicTest")
    folders = [write_run(tmp_path / f"run{i}", faces, scale=scale, seed=i) for i, scale in enumerate((1.0, -2.0, 0.5))]
    return compare(folders, bootstrap=100)


def test_the_page_holds_the_tables(comparison: ModelComparison, tmp_path: Path) -> None:
    shares: list[float] = []
    path = write_comparison(comparison, tmp_path / "out", shares.append)
    text = path.read_text(encoding="utf-8")
    for row in scores_rows(comparison.test_sets[0])[1:] + facts_rows(comparison)[1:]:
        for cell in row:
            assert f">{cell}<" in text
    assert "http" not in text
    assert text.count("<svg ") == text.count("<figure ") == text.count('role="img" aria-label="') == 2
    assert {each.name for each in (tmp_path / "out" / "figures").iterdir()} == {
        "compare-accuracy.png",
        "compare-curves.png",
    }
    assert shares[-1] == 1


def test_accuracies_have_their_intervals(comparison: ModelComparison) -> None:
    figure = draw_accuracies(comparison)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [each.name for each in comparison.test_sets]
    bars = [line.get_xdata() for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    for drawn, result in zip(bars, comparison.test_sets[0].results.values(), strict=True):
        assert np.allclose(drawn, 100 * np.array(result.intervals["accuracy"]))


def test_curves_are_those_of_the_runs(tmp_path: Path) -> None:
    rows = read_history(write_run(tmp_path / "run") / "history.csv")
    figure = draw_curves({"run": rows}, ["other", "run"])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["loss", "accuracy, mean of heads", "accuracy, fer2013"]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [2.25, 2.0, 2.125]
    assert figure.axes[0].lines[1].get_xydata().tolist() == [[2.0, 2.0]]  # the lowest loss
    assert figure.axes[1].lines[1].get_xydata().tolist() == [[2.0, 0.55]]  # the highest accuracy


def test_the_command_writes_a_page(
    tmp_path: Path, data: FaceDataset, fer2013_csv: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", data.split("PublicTest"))
    words = ["compare", str(run), str(run / "tiny.onnx"), "--data", str(fer2013_csv[0]), "--votes", str(fer2013_csv[1])]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert f"wrote {tmp_path / 'out' / 'compare.html'}" in capsys.readouterr().out


def test_real_runs_are_compared(run: Path, other_run: Path) -> None:
    """By the predictions that training itself wrote."""
    got = compare([run, other_run], bootstrap=50)
    assert got.facts["one"]["network"] == "se-resnet"
    assert got.recipes["network.attention"] == {"one": "se", "other": "cbam"}
    (pair,) = got.test_sets[0].pairs
    one, other = (got.test_sets[0].results[name].metrics["accuracy"] for name in ("one", "other"))
    assert pair.difference == pytest.approx(other - one)
