"""The `mien` command as people type it: what it prints where, what it writes, and its exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mien
from helpers.command_line import Output, usage_error, write_picture
from helpers.paths import EXAMPLES
from mien.cli.main import main
from mien.labels import FER2013, FERPLUS
from mien.recognizer import EmotionRecognizer
from mien.results import Faces

COLLINS = EXAMPLES / "eileen_collins.jpg"


def sources(text: str) -> list[str]:
    return [Path(image["source"]).name for image in json.loads(text)["images"]]


# --- which pictures ---


def test_the_portrait_as_a_table(capsys: Output) -> None:
    assert main(["predict", str(COLLINS)]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["picture", "face", "size", "seen", "by", "emotions,", "top", "3", "one", "of"]
    assert lines[1].split()[:2] == ["eileen_collins.jpg", "1"]
    assert "happy" in lines[1]
    assert len(lines) == 2
    assert " 0%" not in lines[1]  # what is most unlikely is left out
    assert err == ""


@pytest.mark.parametrize(
    ("paths", "options", "found"),
    [
        (["a.png"], [], ["a.png"]),
        (["b.jpg", "a.png"], [], ["b.jpg", "a.png"]),  # in the order given
        (["."], [], ["a.png", "b.jpg"]),
        (["."], ["--recursive"], ["a.png", "b.jpg", "a.png", "c.jpg"]),
        (["*.png"], [], ["a.png"]),
        (["**/*.jpg"], [], ["b.jpg", "c.jpg"]),
        (["a.png", "a.png"], [], ["a.png"]),
    ],
)
def test_files_folders_and_globs(
    paths: list[str],
    options: list[str],
    found: list[str],
    album: Path,
    fast: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    monkeypatch.chdir(album)
    assert main(["predict", *paths, *options, *fast, "--json", "-"]) == 0
    assert sources(capsys.readouterr().out) == found


@pytest.mark.parametrize("name", ["with space.png", "größe 人 🙂.jpg", "[red]bold.png", "[1] :smile:.png", "-dash.png"])
def test_names(name: str, tmp_path: Path, fast: list[str], capsys: Output) -> None:
    picture = write_picture(tmp_path / "my päth" / name)
    target = tmp_path / "out put" / "größe.json"
    assert main(["predict", str(picture), *fast, "--json", str(target), "--annotate", str(tmp_path / "ö")]) == 0
    assert sources(target.read_text("utf-8")) == [name]
    assert (tmp_path / "ö" / name).is_file()
    assert name in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are Unicode")
def test_a_name_that_is_no_unicode(tmp_path: Path, fast: list[str], capsys: Output) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    picture = write_picture(tmp_path / name)
    assert main(["predict", str(picture), *fast, "--json", str(tmp_path / "a.json")]) == 0
    assert "caf" in capsys.readouterr().out
    assert main(["predict", str(picture), *fast, "--json", "-"]) == 0
    for text in ((tmp_path / "a.json").read_text("utf-8"), capsys.readouterr().out):
        assert sources(text) == [name]


# --- what is written ---


def test_json_on_standard_output_and_nothing_else(album: Path, fast: list[str], capsys: Output) -> None:
    assert main(["predict", str(album), *fast, "--json", "-"]) == 0
    out, err = capsys.readouterr()
    values = json.loads(out)
    assert list(values) == ["schema", "mien", "model", "labels", "images", "errors"]
    assert (values["schema"], values["mien"], values["model"]) == (2, mien.__version__, "tiny")
    assert values["labels"] == {"name": "ferplus", "emotions": list(FERPLUS.names)}
    assert [len(image["faces"]) for image in values["images"]] == [1, 1]
    assert values["errors"] == []
    assert err == ""


def test_csv_on_standard_output_and_nothing_else(album: Path, fast: list[str], capsys: Output) -> None:
    assert main(["predict", str(album), *fast, "--csv", "-"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [Path(row["source"]).name for row in rows] == ["a.png", "b.jpg"]
    assert list(rows[0]) == Faces.columns(FERPLUS)
    assert sum(float(rows[0][name]) for name in FERPLUS.names) == pytest.approx(1, abs=1e-3)


def test_both_as_files_beside_the_table(album: Path, fast: list[str], tmp_path: Path, capsys: Output) -> None:
    as_json, as_csv = tmp_path / "new" / "a.json", tmp_path / "new" / "a.csv"
    assert main(["predict", str(album), *fast, "--json", str(as_json), "--csv", str(as_csv)]) == 0
    assert sources(as_json.read_text()) == ["a.png", "b.jpg"]
    assert len(as_csv.read_text().splitlines()) == 3
    assert "a.png" in capsys.readouterr().out


def test_json_on_standard_output_with_a_csv_file(album: Path, fast: list[str], tmp_path: Path, capsys: Output) -> None:
    assert main(["predict", str(album), *fast, "--json", "-", "--csv", str(tmp_path / "a.csv")]) == 0
    assert sources(capsys.readouterr().out) == ["a.png", "b.jpg"]
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 3


def test_annotated_pictures_of_the_same_name(album: Path, fast: list[str], tmp_path: Path) -> None:
    drawn = tmp_path / "drawn"
    assert main(["predict", str(album), "--recursive", *fast, "--annotate", str(drawn)]) == 0
    assert sorted(file.name for file in drawn.iterdir()) == ["a-2.png", "a.png", "b.jpg", "c.jpg"]
    for file in drawn.iterdir():
        with Image.open(file) as image:
            assert image.size == (40, 30)
            assert (np.asarray(image.convert("RGB")) != 100).any()


def test_top_of_annotated_pictures(album: Path, fast: list[str], tmp_path: Path) -> None:
    picture = str(album / "large.png")
    Image.new("RGB", (400, 300)).save(picture)
    for top in ("1", "3"):
        assert main(["predict", picture, *fast, "--annotate", str(tmp_path / top), "--top", top]) == 0
    one, three = (np.asarray(Image.open(tmp_path / top / "large.png")) for top in ("1", "3"))
    assert (three != 0).sum() > 2 * (one != 0).sum()


def test_annotated_pictures_never_replace_those_that_were_read(album: Path, fast: list[str]) -> None:
    before = {file: file.read_bytes() for file in album.glob("*.*")}
    assert main(["predict", str(album), *fast, "--annotate", str(album)]) == 0
    assert {file: file.read_bytes() for file in before} == before
    assert sorted(file.name for file in set(album.glob("*.*")) - set(before)) == ["a-2.png", "b-2.jpg"]


def test_annotated_pictures_never_replace_a_neighbour_of_those_that_were_read(tmp_path: Path, fast: list[str]) -> None:
    read, neighbour = write_picture(tmp_path / "p.webp"), write_picture(tmp_path / "p.jpg", 7)
    before = neighbour.read_bytes()
    assert main(["predict", str(read), *fast, "--annotate", str(tmp_path)]) == 0
    assert neighbour.read_bytes() == before
    assert (tmp_path / "p-2.jpg").is_file()


def test_annotated_pictures_of_an_earlier_run_are_replaced(album: Path, fast: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        assert main(["predict", str(album), *fast, "--annotate", str(tmp_path / "out")]) == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.png", "b.jpg"]


def test_a_failed_write_loses_nothing_else(
    album: Path, fast: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def full(path: str, content: str) -> None:
        if str(path).endswith(".json"):
            raise OSError(28, "No space left on device")
        Path(path).write_text(content)

    monkeypatch.setattr("mien.files.write_atomically", full)
    targets = ["--json", str(tmp_path / "o.json"), "--csv", str(tmp_path / "o.csv")]
    assert main(["predict", str(album), "missing.jpg", *fast, *targets]) == 1
    shown = capsys.readouterr()
    assert "a.png" in shown.out
    assert "o.json: cannot be written: No space left on device" in shown.err
    assert "missing.jpg: no such file" in shown.err
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 3


def test_one_file_cannot_be_both_json_and_csv_however_it_is_spelt(album: Path, fast: list[str]) -> None:
    targets = ["--json", str(album / "o"), "--csv", str(album / "deep" / ".." / "o")]
    assert main(["predict", str(album), *fast, *targets]) == 2


def test_a_stop_half_way_keeps_what_was_read(
    album: Path, fast: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    each = EmotionRecognizer.predict_each

    def stopped(self: EmotionRecognizer, images: Any) -> Iterator[Any]:
        yield next(each(self, images))
        raise KeyboardInterrupt

    monkeypatch.setattr(EmotionRecognizer, "predict_each", stopped)
    assert main(["predict", str(album), *fast, "--json", str(tmp_path / "o.json")]) == 130
    assert sources((tmp_path / "o.json").read_text()) == ["a.png"]
    assert "mien: stopped" in capsys.readouterr().err


def test_an_impossible_name_does_not_keep_the_others_from_being_read(
    album: Path, fast: list[str], capsys: Output
) -> None:
    assert main(["predict", str(album / "a.png"), "x" * 300 + ".jpg", *fast, "--json", "-"]) == 1
    shown = capsys.readouterr()
    assert sources(shown.out) == ["a.png"]
    assert "cannot be read" in shown.err


@pytest.mark.parametrize(
    ("options", "emotions", "title"),
    [
        (["--top", "1"], 1, "emotion\n"),
        (["--top", "2"], 2, "emotions, top 2"),
        ([], 3, "emotions, top 3"),
        (["--top", "8"], 8, "emotions, top 8"),
    ],
)
def test_top(options: list[str], emotions: int, title: str, album: Path, fast: list[str], capsys: Output) -> None:
    assert main(["predict", str(album / "a.png"), *fast, *options]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert title in header.rstrip() + "\n"
    assert row.count("%") == emotions + 1  # and the share of people


@pytest.mark.parametrize("labels", [FER2013, FERPLUS], ids=["fer2013", "ferplus"])
def test_labels(labels: Any, album: Path, fast: list[str], capsys: Output) -> None:
    assert main(["predict", str(album / "a.png"), *fast, "--labels", labels.name, "--json", "-"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["labels"]["emotions"] == list(values["images"][0]["faces"][0]["probabilities"]) == list(labels.names)


@pytest.mark.parametrize(("min_face", "count"), [("30", 1), ("31", 0)])
def test_min_face(min_face: str, count: int, album: Path, fast: list[str], capsys: Output) -> None:
    assert main(["predict", str(album / "a.png"), *fast, "--min-face", min_face, "--json", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["images"][0]["faces"]) == count


def test_whole_takes_the_picture_for_the_face(fast: list[str], capsys: Output) -> None:
    assert main(["predict", str(COLLINS), "--detector", "whole", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["images"][0]["faces"][0]["box"] == [0, 0, 512, 512]


def test_flip_and_size_reach_the_recognizer(capsys: Output) -> None:
    answers = []
    for options in ([], ["--flip"], ["--size", "64"]):
        assert main(["predict", str(COLLINS), *options, "--json", "-"]) == 0
        answers.append(json.loads(capsys.readouterr().out)["images"][0]["faces"])
    plain, flipped, small = answers
    assert plain[0]["box"] == flipped[0]["box"]
    assert (
        plain[0]["vote_share"] != flipped[0]["vote_share"] or plain[0]["probabilities"] != flipped[0]["probabilities"]
    )
    assert [face["box"] for face in small] != [face["box"] for face in plain]


# --- exit codes ---


def test_no_face_is_no_failure(album: Path, model: str, capsys: Output) -> None:
    assert main(["predict", str(album / "a.png"), "--model", model]) == 0
    assert "no face" in capsys.readouterr().out


def test_bad_pictures_are_named_and_the_others_written(
    album: Path, fast: list[str], tmp_path: Path, capsys: Output
) -> None:
    (album / "aa.jpg").write_text("not a picture")
    target, drawn = tmp_path / "a.json", tmp_path / "drawn"
    missing = str(album / "missing.jpg")
    code = main(["predict", missing, str(album), *fast, "--json", str(target), "--annotate", str(drawn)])
    out, err = capsys.readouterr()
    assert code == 1
    assert sources(target.read_text()) == ["a.png", "b.jpg"]
    assert sorted(file.name for file in drawn.iterdir()) == ["a.png", "b.jpg"]
    errors = json.loads(target.read_text())["errors"]
    assert [error["source"] for error in errors] == [missing, str(album / "aa.jpg")]
    for error in errors:
        assert f"mien: {error['source']}: {error['reason']}" in err.splitlines()
    assert "b.jpg" in out
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "{picture}", "--colour"], "--colour"),
        (["predict"], "PATH"),
        (["prdict", "{picture}"], "prdict"),
        (["predict", "{picture}", "--detector", "centreface"], "did you mean 'centerface'"),
        (["predict", "{picture}", "--labels", "fer213"], "did you mean 'fer2013'"),
        (["predict", "{picture}", "--model", "mein"], "no bundle 'mein'"),
        (["predict", "{picture}", "--model", "{picture}"], "expected a bundle"),
        (["predict", "{picture}", "--size", "8"], "at least 32"),
        (["predict", "{picture}", "--min-face", "nan"], "min_face"),
        (["predict", "{picture}", "--top", "0"], "whole number from 1, got 0"),
        (["predict", "{picture}", "--top", "many"], "whole number from 1, got many"),
        (["predict", "{picture}", "--json", "-", "--csv", "-"], "only one of them"),
        (["predict", "{picture}", "--json", "{new}", "--csv", "{new}"], "only one of them"),
        (["predict", "{picture}", "--json", "{picture}/a.json"], "folder cannot be made"),
        (["predict", "{picture}", "--csv", "{folder}"], "got a folder"),
        (["info", "mein"], "no bundle 'mein'"),
        (["evaluate", "mien"], "--data"),
        (["evaluate", "mein", "--data", "{new}"], "no bundle 'mein'"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str, album: Path, tmp_path: Path, capsys: Output) -> None:
    places = {"picture": album / "a.png", "folder": album, "new": tmp_path / "new"}
    assert usage_error(*(argument.format(**places) for argument in arguments)) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert out == ""
    assert not (tmp_path / "new").exists()


def test_annotations_that_cannot_be_written(album: Path, fast: list[str], capsys: Output) -> None:
    folder = album / "notes.txt" / "drawn"
    assert main(["predict", str(album / "a.png"), *fast, "--annotate", str(folder), "--json", "-"]) == 1
    out, err = capsys.readouterr()
    assert sources(out) == ["a.png"]
    assert [Path(error["source"]).name for error in json.loads(out)["errors"]] == ["a.png"]
    assert "cannot be written" in err
