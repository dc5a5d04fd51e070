"""`mien train` on data as it really comes: several sources, weights, a list of what to leave out, faces to judge on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from helpers.data_trees import write_classes
from mien.bundle import Bundle
from mien.cli.main import main
from mien.labels import AFFECTNET, FER2013

pytestmark = pytest.mark.slow

Output = pytest.CaptureFixture[str]

SHORT = [
    word
    for setting in (
        "epochs=1",
        "batch_size=16",
        "compile=false",
        "precision=32-true",
        "network.channels=[8, 8]",
        "network.block_dropouts=[0, 0]",
        "network.dense_widths=[16]",
    )
    for word in ("--set", setting)
]


def facts(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "run.json").read_text())["data"]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures of each of AffectNet's eight emotions, in class folders."""
    return write_classes(tmp_path / "more", list(AFFECTNET.names), 6)


def test_several_sources_train_together(
    fer2013_csv: tuple[Path, Path], folder: Path, tmp_path: Path, capsys: Output
) -> None:
    data, votes = map(str, fer2013_csv)
    words = ["--data", data, "--data", str(folder), "--votes", votes, "--weights", "1", "0.5"]
    assert main(["train", "--recipe", "plain-cnn", *words, "--out", str(tmp_path / "run"), *SHORT]) == 0
    assert facts(tmp_path / "run")["sources"] == {"fer2013": 63, "more": 48}
    table = capsys.readouterr().err.splitlines()
    assert table[0].split()[-1] == "weight"
    assert any(line.startswith("more") and line.split()[2] == "48" and line.endswith("0.5") for line in table)
    assert Bundle.load(tmp_path / "run" / "plain-cnn.onnx").heads == ("fer2013", "ferplus")


def test_eight_emotions_make_a_head_of_their_own(folder: Path, tmp_path: Path, capsys: Output) -> None:
    run = tmp_path / "run"
    words = ["--data", str(folder), "--labels", "affectnet"]
    assert main(["train", "--recipe", "plain-cnn", *words, "--out", str(run), *SHORT]) == 0
    assert Bundle.load(run / "plain-cnn.onnx").heads == ("affectnet",)
    assert main(["evaluate", str(run / "plain-cnn.onnx"), "--data", str(folder)]) == 0
    assert "affectnet" in capsys.readouterr().out


def test_faces_to_judge_on_can_be_named(fer2013_csv: tuple[Path, Path], folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["--data", str(fer2013_csv[0]), "--validation", str(folder), "--out", str(run)]
    assert main(["train", "--recipe", "plain-cnn", *words, *SHORT]) == 0
    assert facts(run)["validation"] == "Validation"
    assert json.loads((run / "evaluation.json").read_text())["results"][0]["n"] == 48


def test_training_honours_the_list_of_what_to_leave_out(
    fer2013_csv: tuple[Path, Path], tmp_path: Path, capsys: Output
) -> None:
    data, run, listed = str(fer2013_csv[0]), tmp_path / "run", tmp_path / "leave_out.csv"
    assert main(["data", "clean", data, "--out", str(listed)]) == 0
    with listed.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 1  # the fixture has one face in both splits
    assert (
        main(["train", "--recipe", "plain-cnn", "--data", data, "--leave-out", str(listed), "--out", str(run), *SHORT])
        == 0
    )
    assert facts(run)["training"] == 63 - len(rows)


def test_a_folder_alone_is_divided(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "faces", list(FER2013.names), 10)
    assert main(["train", "--recipe", "plain-cnn", "--data", str(folder), "--out", str(tmp_path / "run"), *SHORT]) == 0
    assert facts(tmp_path / "run")["training"] == 63
    assert facts(tmp_path / "run")["validation"] == "Validation"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--weights", "1", "2"], "expected one for each of 1 paths, got 2"),
        (["--leave-out", "missing.csv"], "missing.csv"),
        (["--validation", "missing"], "no such file or folder"),
        (["--set", "data.folds=1"], "expected 0 or at least 2"),
        (["--max-time", "soon"], "expected a time like 90m"),
    ],
)
def test_wrong_words_are_told_and_nothing_is_written(
    words: list[str], told: str, fer2013_csv: tuple[Path, Path], tmp_path: Path, capsys: Output
) -> None:
    run = tmp_path / "run"
    try:
        code = main(
            ["train", "--recipe", "plain-cnn", "--data", str(fer2013_csv[0]), "--out", str(run), *SHORT, *words]
        )
    except SystemExit as stop:  # argparse's
        code = int(stop.code or 0)
    assert code in (1, 2)
    assert told in capsys.readouterr().err
    assert not run.exists()
