from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from helpers import tiny_bundle
from helpers.finished_runs import write_predictions, write_run
from mien.bundle import Bundle
from mien.cli.main import main
from mien.datasets import FaceDataset, load_fer2013, plurality
from mien.errors import DataError, InputError
from mien.evaluation import significance
from mien.evaluation.compare import compare, p_text
from mien.evaluation.evaluate import evaluate_bundle


@pytest.fixture
def data(fer2013_csv: tuple[Path, Path]) -> FaceDataset:
    return load_fer2013(*fer2013_csv, cache=False)


@pytest.fixture
def runs(tmp_path: Path, data: FaceDataset) -> tuple[Path, Path]:
    """Two runs with predictions of the same faces, of different bundles and recipes."""
    faces = data.split("PublicTest")
    return (
        write_run(tmp_path / "one", faces),
        write_run(tmp_path / "two", faces, scale=-2.0, seed=1, mixup=0.0),
    )


def test_runs_are_compared_by_what_they_kept(runs: tuple[Path, Path], data: FaceDataset) -> None:
    got = compare(runs)
    assert got.split == "PublicTest"
    assert [each.name for each in got.test_sets] == ["fer2013", "ferplus, plurality of eight"]
    for name, folder in zip(("one", "two"), runs, strict=True):
        expected = evaluate_bundle(Bundle.load(folder / "tiny.onnx"), data)
        for each in got.test_sets:
            assert each.results[name].metrics == expected[each.name].metrics
            assert each.results[name].intervals == expected[each.name].intervals


def test_pairs_are_the_paired_tests(runs: tuple[Path, Path], data: FaceDataset) -> None:
    faces = data.split("PublicTest")
    one, two = (Bundle.load(folder / "tiny.onnx").probabilities(faces.faces) for folder in runs)
    rows, most_voted = plurality(faces.votes)
    for each, head, chosen, labels in zip(
        compare(runs).test_sets, ("fer2013", "ferplus"), (slice(None), rows), (faces.labels, most_voted), strict=True
    ):
        (pair,) = each.pairs
        boot = significance.paired_bootstrap(two[head][chosen], one[head][chosen], labels)
        test = significance.mcnemar(one[head][chosen], two[head][chosen], labels)
        assert (pair.first, pair.second) == ("one", "two")
        assert (pair.difference, pair.low, pair.high, pair.p_bootstrap) == (
            boot.difference,
            boot.low,
            boot.high,
            boot.p,
        )
        assert (pair.only_first, pair.only_second, pair.p_mcnemar) == (test.only_a, test.only_b, test.p)


def test_bundles_read_the_faces(runs: tuple[Path, Path], data: FaceDataset, tmp_path: Path) -> None:
    bundle = tmp_path / "alone.onnx"
    bundle.write_bytes(tiny_bundle.content())
    stages = []
    got = compare([*runs, bundle], data, progress=lambda stage, share: stages.append((stage, share)))
    assert len(got.test_sets[0].pairs) == 3
    assert got.test_sets[0].results["alone"].metrics == got.test_sets[0].results["one"].metrics
    assert got.facts["alone"]["parameters"] is None
    assert {stage for stage, _ in stages} == {"reading the faces", "comparing"}
    assert (np.diff([share for _, share in stages]) > -1e-9).all()


def test_kept_predictions_serve_where_the_faces_are_the_same(runs: tuple[Path, Path], data: FaceDataset) -> None:
    faces = data.split("PublicTest")
    flat = np.full((len(faces), 7), 1 / 7, np.float32)
    write_predictions(runs[0], faces, fer2013=flat)
    assert compare(runs, data).test_sets[0].results["one"].metrics["nll"] == pytest.approx(np.log(7))
    training = compare(runs, data, "Training").test_sets[0].results["one"]
    assert training.n == 63
    assert training.metrics["nll"] != pytest.approx(np.log(7))


def test_without_votes_only_labels_are_compared(runs: tuple[Path, Path], fer2013_csv: tuple[Path, Path]) -> None:
    got = compare(runs, load_fer2013(fer2013_csv[0], cache=False))
    assert [each.name for each in got.test_sets] == ["fer2013"]


def test_what_differs_in_recipes_is_listed(runs: tuple[Path, Path]) -> None:
    assert compare(runs).recipes == {"seed": {"one": 0, "two": 1}, "augment.mixup": {"one": 0.2, "two": 0.0}}


class TestRefusals:
    def test_one_model(self, runs: tuple[Path, Path]) -> None:
        with pytest.raises(InputError, match="at least two"):
            compare(runs[:1])

    def test_the_same_model_twice(self, runs: tuple[Path, Path]) -> None:
        with pytest.raises(InputError, match="given twice"):
            compare([runs[0], runs[0]])

    def test_a_bundle_without_data(self, runs: tuple[Path, Path]) -> None:
        with pytest.raises(InputError, match=r"mien keeps no predictions.*add --data"):
            compare([runs[0], "mien"])

    def test_other_faces(self, runs: tuple[Path, Path], data: FaceDataset) -> None:
        write_predictions(runs[1], data.split("Training"))
        with pytest.raises(DataError, match=r"one and two were judged on different faces.*add --data"):
            compare(runs)

    def test_no_common_head(self, runs: tuple[Path, Path], data: FaceDataset) -> None:
        faces = data.split("PublicTest")
        write_predictions(runs[0], faces, fer2013=None)
        write_predictions(runs[1], faces, ferplus=None)
        with pytest.raises(InputError, match="nothing to compare"):
            compare(runs)


def test_runs_of_one_name_are_told_apart(tmp_path: Path, data: FaceDataset) -> None:
    faces = data.split("PublicTest")
    folders = [write_run(tmp_path / parent / "run", faces) for parent in "ab"]
    assert list(compare(folders).models) == [str(folder) for folder in folders]


def test_the_command_prints_a_table_and_writes_json(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "compare.json"
    assert main(["compare", *map(str, runs), "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    values = json.loads(out.read_text())
    first = values["test_sets"][0]
    for name in ("one", "two"):
        result = first["results"][name]
        low, high = result["intervals"]["accuracy"]
        assert f"{100 * result['metrics']['accuracy']:.1f} [{100 * low:.1f}, {100 * high:.1f}]" in printed
    assert p_text(first["pairs"][0]["p_mcnemar"]) in printed
    assert "augment.mixup" in printed
    assert "two − one" in printed
    assert values["models"]["one"]["parameters"] == 15
    assert str(out) in printed


def test_the_command_refuses_votes_without_faces(
    runs: tuple[Path, Path], fer2013_csv: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *map(str, runs), "--votes", str(fer2013_csv[1])]) == 2
    assert "--data" in capsys.readouterr().err


def test_small_p_values_are_not_zero() -> None:
    assert p_text(0.0004) == "< 0.001"
    assert p_text(0.0314) == "0.031"


def test_a_run_with_votes_and_one_without_are_compared_on_their_labels(
    runs: tuple[Path, Path], fer2013_csv: tuple[Path, Path]
) -> None:
    path = runs[1] / "predictions.npz"
    with np.load(path) as kept:
        arrays = {key: kept[key] for key in kept.files if key not in ("votes", "ferplus")}
    np.savez(path, **arrays)
    assert [each.name for each in compare(runs).test_sets] == ["fer2013"]
