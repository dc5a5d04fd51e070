"""`mien data describe` and `mien data clean`, as people call them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from helpers.data_trees import write_classes, write_picture
from mien.cli.main import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "faces"
    write_classes(root / "train", ["happy", "sad"], each=4)
    write_classes(root / "test", ["happy", "sad"], each=1, start=50)
    write_picture(root / "train" / "sad" / "leak.png", 50)  # as test/happy/a0.png
    return root


def test_describe(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "describe", str(folder), "--json", str(tmp_path / "d.json")]) == 0
    output = capsys.readouterr().out
    assert "faces   Training      9" in output
    assert "happy and sad" in output
    answer = json.loads((tmp_path / "d.json").read_text())
    assert answer["exact_copies"]["found_also_in"]["Test"] == {"Training": 1}


def test_describe_with_votes_and_without_near(
    fer2013_csv: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    data, votes = map(str, fer2013_csv)
    assert main(["data", "describe", data, "--votes", votes, "--no-near", "--labels", "affectnet"]) == 0
    output = capsys.readouterr().out
    assert "label is FER+'s plurality" in output
    assert "contempt" in output


def test_describe_draws(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("seaborn")
    assert main(["data", "describe", str(folder), "--out", str(tmp_path / "pictures")]) == 0
    assert f"wrote {tmp_path / 'pictures' / 'classes.png'}" in capsys.readouterr().out


def test_a_broken_picture_is_a_line_not_a_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train" / "happy" / "a1.png").write_bytes(b"nothing")
    assert main(["data", "describe", str(folder)]) == 0
    assert "1 of 11 pictures cannot be read" in capsys.readouterr().out


def test_clean(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(folder / "test" / "sad" / "twin.png", 3)
    path = tmp_path / "leave_out.csv"
    assert main(["data", "clean", str(folder), "--out", str(path)]) == 0
    with path.open(newline="") as file:
        rows = {row["name"]: row["reason"] for row in csv.DictReader(file)}
    assert rows == {"train/sad/leak.png": "copy-of-test", "train/happy/a3.png": "copy-of-test"}
    assert "2  of 12 faces" in capsys.readouterr().out


def test_clean_for_some_reasons(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "leave_out.csv")
    assert main(["data", "clean", str(folder), "--out", path, "--reasons", "flat, no-face"]) == 0
    assert "0  of 11 faces" in capsys.readouterr().out
    assert main(["data", "clean", str(folder), "--out", path, "--reasons", "leak"]) == 2
    assert "no reason 'leak'" in capsys.readouterr().err


def test_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_classes(tmp_path / "test", list("012"))
    assert main(["data", "describe", str(tmp_path)]) == 1
    assert "--numbers" in capsys.readouterr().err
    assert main(["data", "describe", str(tmp_path), "--numbers", "fer2013"]) == 0


def test_data_alone_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["data"])
    assert stop.value.code == 2
    assert "COMMAND" in capsys.readouterr().err
