"""`mien train --recipe mien-face`: labelled pictures in, a bundle with its records out."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.cli.main import main
from mien.detection.mien_face import MienFace
from mien.training.detector import export
from mien.training.detector.recipe import is_finder_recipe, load_finder_recipe

SMALL = [
    word
    for setting in (
        "steps=2",
        "batch_size=2",
        "augment.size=128",
        "network.stem=[8, 8]",
        "network.stages=[16, 16, 16]",
        "network.plain=[0, 0, 0]",
        "network.separable=[0, 0, 0]",
        "network.neck=16",
    )
    for word in ("--set", setting)
]


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """WIDER FACE's text with 40 pictures of a bright square each."""
    monkeypatch.setattr(export, "fit_scores", lambda finder, validation: (1.0, 0.0))
    folder = tmp_path / "pictures"
    folder.mkdir()
    lines = []
    for number in range(40):
        image = np.zeros((120, 160, 3), np.uint8)
        image[30:70, 40:80] = 255
        cv2.imwrite(str(folder / f"{number}.png"), image)
        lines += [f"{number}.png", "1", "40 30 40 40 0 0 0 0 0 0"]
    (folder / "labels.txt").write_text("\n".join(lines) + "\n")
    return folder / "labels.txt"


@pytest.mark.slow
def test_a_run_leaves_its_records_and_a_bundle(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ["train", "--recipe", "mien-face", "--data", str(labels), "--out", str(out)]
    assert main([*words, *SMALL]) == 0
    assert capsys.readouterr().out.strip() == f"wrote {out / 'mien-face.onnx'}"
    facts = json.loads((out / "run.json").read_text())
    assert facts["data"]["training"]["pictures"] + facts["data"]["validation"]["pictures"] == 40
    assert facts["data"]["training"]["faces"] == facts["data"]["training"]["pictures"]
    assert json.loads((out / "evaluation.json").read_text())["faces"] == facts["data"]["validation"]["faces"]
    assert MienFace(out / "mien-face.onnx").metadata.card["recipe"]["steps"] == 2
    assert main([*words, *SMALL]) != 0
    assert "add --resume" in capsys.readouterr().err
    assert main([*words, *SMALL, "--resume"]) == 0
    capsys.readouterr()
    assert main([*words, *SMALL, "--resume", "--set", "learning_rate=0.1"]) != 0
    assert "another recipe" in capsys.readouterr().err


def test_options_for_emotions_are_refused(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--recipe", "mien-face", "--data", str(labels), "--out", str(tmp_path / "run")]
    assert main([*words, "--epochs", "3"]) != 0
    assert "--epochs: not for face detectors" in capsys.readouterr().err


def test_a_recipe_says_what_it_trains(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('kind = "face-finder"\nsteps = 5\n')
    (tmp_path / "other.toml").write_text("epochs = 3\n")
    assert is_finder_recipe("mien-face")
    assert is_finder_recipe(tmp_path / "own.toml")
    assert not is_finder_recipe(tmp_path / "other.toml")
    assert not is_finder_recipe("mien")
    assert load_finder_recipe(tmp_path / "own.toml", ["loss.box=3"]).loss.box == 3
