"""`mien data label` with teachers that know the answer."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.cli.data_label import add_label
from mien.detection.detections import Detections
from mien.errors import DataError
from mien.training.detector import teachers
from mien.training.detector.data import load_scenes
from mien.training.detector.teachers import Teacher, View


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_label(parser.add_subparsers())
    options = parser.parse_args(["label", *arguments])
    code: int = options.run(options)
    return code


def one_face(image: np.ndarray) -> Detections:
    return Detections.of_boxes(np.array([[10, 10, 40, 50, 0.9]]))


def test_pictures_are_labelled_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = [Teacher(one_face, (View(100),))] * 2
    monkeypatch.setattr(teachers, "teachers_named", lambda names, closeups: both)
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / "photos" / name), np.zeros((80, 100, 3), np.uint8))
    out = tmp_path / "labels.csv"
    assert run(str(tmp_path / "photos"), "--teacher", "centerface", "--teacher", "y.onnx", "--out", str(out)) == 0
    scenes = load_scenes(out, tmp_path / "photos")
    assert [file.name for file in scenes.files] == ["a.png", "b.png"]
    np.testing.assert_allclose(scenes.boxes, [[10, 10, 40, 50]] * 2)
    assert capsys.readouterr().out.split()[:4] == ["2", "pictures", "2", "faces"]


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder with pictures"):
        run(str(tmp_path), "--teacher", "centerface", "--teacher", "y.onnx", "--out", str(tmp_path / "x.csv"))
