"""`mien models`, `mien info` and `mien evaluate`: what is told of a bundle, and what is measured of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers import tiny_bundle
from mien.bundle import Bundle
from mien.cli.main import main
from mien.datasets import load_fer2013
from mien.evaluation.evaluate import evaluate_bundle

Output = pytest.CaptureFixture[str]


def test_models(capsys: Output) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["bundle", "size"]
    assert set(lines[1]) == {"-"}
    assert lines[2].split()[0] == "mien"
    assert "fer2013" in lines[2]
    assert "ferplus" in lines[2]


def test_info(capsys: Output) -> None:
    assert main(["info", "mien"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("mien")
    assert "An expression is not a feeling" in text
    assert all(f"head      {name}: " in text for name in ("fer2013", "ferplus"))


def test_info_of_a_bundle_without_a_card(model: str, capsys: Output) -> None:
    assert main(["info", model]) == 0
    text = capsys.readouterr().out
    assert "tiny" in text
    assert "temperature 2.000; shares of people at temperature 0.500" in text
    assert "measured" not in text


def with_card(folder: Path, card: dict[str, Any]) -> str:
    path = folder / "carded.onnx"
    path.write_bytes(tiny_bundle.content(json.dumps(tiny_bundle.metadata(card=card))))
    return str(path)


def test_info_of_a_trained_bundle(fer2013_csv: tuple[Path, Path], model: str, tmp_path: Path, capsys: Output) -> None:
    measured = evaluate_bundle(Bundle.load(model), load_fer2013(*fer2013_csv)).to_dict()
    data = {"training": 28709, "sources": {"fer2013": 28709}, "votes": True, "digest": "0123456789abcdefXYZ"}
    recipe = {"name": "party", "seed": 3, "epochs": 40, "batch_size": 256}
    training = {"parameters": 1234567, "data": data, "commit": "c0ffee"}
    path = with_card(tmp_path, {"training": training, "recipe": recipe, "metrics": measured})
    assert main(["info", path]) == 0
    lines = capsys.readouterr().out.splitlines()
    accuracy = 100 * measured["results"][0]["metrics"]["accuracy"]
    for line in (
        "weights   1,234,567",
        "data      28,709 Training faces of fer2013, votes of FER+; digest 0123456789abcdef",
        "recipe    party, seed 3, 40 epochs in batches of 256",
        "commit    c0ffee",
    ):
        assert line in lines
    figures = [line for line in lines if line.startswith("measured")]
    assert [line.split(",")[0] for line in figures] == ["measured  fer2013", "measured  ferplus"]
    assert f"accuracy {accuracy:.1f} [" in figures[0]
    assert "n = 21" in figures[0]


@pytest.mark.parametrize(
    "card",
    [
        {"training": 5},
        {"training": {"data": {}}},
        {"training": {"parameters": "many"}},
        {"recipe": {}},
        {"metrics": {"results": [{}]}},
        {"metrics": {"results": [{"name": "fer2013"}]}},
        {"metrics": []},
    ],
    ids=json.dumps,
)
def test_info_of_a_card_of_another_kind(card: dict[str, Any], tmp_path: Path, capsys: Output) -> None:
    path = with_card(tmp_path, card)
    assert main(["info", path]) == 0
    text = capsys.readouterr().out
    assert "head      ferplus: " in text
    assert "--json prints it" in text
    assert main(["info", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["card"] == card


def test_info_as_json(model: str, capsys: Output) -> None:
    assert main(["info", model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == tiny_bundle.metadata()


def test_evaluate(fer2013_csv: tuple[Path, Path], model: str, tmp_path: Path, capsys: Output) -> None:
    data, votes = map(str, fer2013_csv)
    target = tmp_path / "new" / "result.json"
    assert main(["evaluate", model, "--data", data, "--votes", votes, "--out", str(target)]) == 0
    out = capsys.readouterr().out
    assert "on PublicTest" in out
    assert "ferplus, plurality of eight" in out
    values = json.loads(target.read_text())
    assert (values["split"], values["flip"], values["copies"]) == ("PublicTest", False, 1)
    assert [result["n"] for result in values["results"] if result["name"] == "fer2013"] == [21]


def test_evaluate_on_another_split_without_votes(
    fer2013_csv: tuple[Path, Path], model: str, tmp_path: Path, capsys: Output
) -> None:
    target = tmp_path / "a.json"
    arguments = ["--data", str(fer2013_csv[0]), "--split", "Training", "--flip", "--out", str(target)]
    assert main(["evaluate", model, *arguments]) == 0
    values = json.loads(target.read_text())
    assert (values["split"], values["flip"], values["vote_share"]) == ("Training", True, None)
    assert [(result["name"], result["n"]) for result in values["results"]] == [("fer2013", 63)]
    assert "ferplus" not in capsys.readouterr().out


def test_evaluate_with_what_is_not_there(fer2013_csv: tuple[Path, Path], model: str, capsys: Output) -> None:
    data = str(fer2013_csv[0])
    for arguments, words in {
        ("--data", "missing.csv"): "missing.csv",
        ("--data", data, "--votes", "missing.csv"): "missing.csv",
        ("--data", data, "--split", "PrivateTest"): "PrivateTest",
        ("--data", data, "--out", f"{data}/a.json"): "fer2013.csv",
    }.items():
        assert main(["evaluate", model, *arguments]) == (2 if "--out" in arguments else 1)
        err = capsys.readouterr().err
        assert err.startswith("mien: ")
        assert words in err
        assert len(err.splitlines()) == 1 or "What is understood:" in err
