"""Outputs that are inputs, or are mistaken for them: exit code 2, and the user's file is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from helpers.command_line import usage_error
from helpers.paths import EILEEN_COLLINS
from helpers.video_clips import levels, write_clip

COMMANDS = {
    "predict a.jpg --csv a.jpg": "a.jpg",
    "predict a.jpg --json a.jpg": "a.jpg",
    "predict b.jpg c.jpg --csv a.jpg": "a.jpg",
    "predict . --json a.jpg": "a.jpg",
    "video talk.mp4 --annotate talk.mp4": "talk.mp4",
    "video talk.mp4 --out talk.mp4": "talk.mp4",
    "video talk.mp4 --summary-json talk.mp4": "talk.mp4",
    "evaluate mien --data fer.csv --out fer.csv": "fer.csv",
    "evaluate mien --data fer.csv --votes votes.csv --out votes.csv": "votes.csv",
    "data clean fer.csv --out fer.csv": "fer.csv",
    "data describe fer.csv --no-near --json fer.csv": "fer.csv",
    "compare mien mien-nano --data fer.csv --json fer.csv": "fer.csv",
    "export model.onnx --format onnx-fp16 --out model.onnx": "model.onnx",
}
"""Command -> the file that it must not touch."""


@pytest.mark.parametrize("command", COMMANDS)
def test_inputs_are_kept(
    command: str, model: str, fer2013_csv: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        shutil.copy(EILEEN_COLLINS, name)
    write_clip(Path("talk.mp4"), [k / 10 for k in range(3)], levels(3))
    for path, name in zip((*fer2013_csv, Path(model)), ("fer.csv", "votes.csv", "model.onnx"), strict=True):
        shutil.copy(path, name)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert usage_error(*command.split()) == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
