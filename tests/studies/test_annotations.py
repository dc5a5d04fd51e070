"""Annotations, read back by the formats' own readers where there are any; times within a frame."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import parselmouth
import pympi
import pytest

from helpers.made_up_faces import faces
from helpers.paths import ROOT
from mien.cli.main import main
from mien.labels import FERPLUS
from mien.studies.annotations import BORIS_COLUMNS, FORMATS
from mien.video.moment import Moment
from mien.video.rows import RowWriter

RATE = 30000 / 1001
FRAME = 1 / RATE
EXPECTED = [("1", 0, 40, "happy"), ("2", 0, 90, "neutral"), ("1", 40, 50, "sad"), ("1", 80, 90, "sad")]
"""Person, first frame, frame after the last, emotion: person 1 is not seen from frame 50 to 80."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the rows and the annotations in every format."""
    folder = tmp_path_factory.mktemp("annotations")
    with RowWriter(folder / "rows.csv", FERPLUS) as rows:
        for frame in range(90):
            people = (
                [("2", "neutral")] if 50 <= frame < 80 else [("1", "happy" if frame < 40 else "sad"), ("2", "neutral")]
            )
            rows.write(Moment(frame * FRAME, frame, faces(*((int(track), name, 0.8) for track, name in people))))
    outputs = [word for suffix in FORMATS for word in ("--out", str(folder / f"talk{suffix}"))]
    assert main(["annotations", str(folder / "rows.csv"), "--media", str(folder / "talk & co.mp4"), *outputs]) == 0
    return folder


def check(found: list[tuple[str, float, float, str]]) -> None:
    """Compare (person, start, end, emotion) with what is expected, to one frame."""
    ordered = sorted(found, key=lambda each: (round(each[1], 1), each[0]))
    assert [(person, emotion) for person, *_, emotion in ordered] == [(each[0], each[3]) for each in EXPECTED]
    for (_, start, end, _), (_, first, last, _) in zip(ordered, EXPECTED, strict=True):
        assert start == pytest.approx(first * FRAME, abs=FRAME)
        assert end == pytest.approx(last * FRAME, abs=FRAME)
        assert end == pytest.approx(last * FRAME, abs=0.002)


def test_elan_is_read_by_pympi(written: Path) -> None:
    document = pympi.Elan.Eaf(str(written / "talk.eaf"))
    found = []
    for tier in document.get_tier_names():
        for start, end, value, *_ in document.get_annotation_data_for_tier(tier):
            found.append((tier.removeprefix("person "), start / 1000, end / 1000, value))
    check(found)
    assert "talk%20%26%20co.mp4" in document.media_descriptors[0]["MEDIA_URL"]


def test_a_textgrid_is_read_by_praat(written: Path) -> None:
    grid = parselmouth.read(str(written / "talk.TextGrid"))
    call = parselmouth.praat.call
    found: list[tuple[str, float, float, str]] = []
    for tier in range(1, call(grid, "Get number of tiers") + 1):
        name = call(grid, "Get tier name", tier).removeprefix("person ")
        for number in range(1, call(grid, "Get number of intervals", tier) + 1):
            times = [call(grid, f"Get {which} time of interval", tier, number) for which in ("start", "end")]
            if text := call(grid, "Get label of interval", tier, number):
                found.append((name, times[0], times[1], text))
    check(found)
    pympi.Praat.TextGrid(str(written / "talk.TextGrid"))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("talk.vtt", r"(\S+) --> (\S+)\n<v person (\d+)>(\w+)</v>"),
        ("talk.srt", r"\d+\n(\S+) --> (\S+)\nperson (\d+): (\w+)"),
    ],
)
def test_subtitles(written: Path, name: str, pattern: str) -> None:
    text = (written / name).read_text()
    assert text.startswith("WEBVTT\n\n") == name.endswith("vtt")

    def seconds(clock: str) -> float:
        hours, minutes, rest = clock.replace(",", ".").split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(rest)

    check([(person, seconds(a), seconds(b), emotion) for a, b, person, emotion in re.findall(pattern, text)])


def rows_of(path: Path, separator: str) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def test_boris(written: Path) -> None:
    rows = rows_of(written / "talk.csv", ",")
    assert tuple(rows[0]) == BORIS_COLUMNS
    assert {row["Behavior type"] for row in rows} == {"STATE"}
    assert float(rows[0]["FPS"]) == pytest.approx(RATE, abs=0.01)
    check(
        [
            (row["Subject"].removeprefix("person "), float(row["Start (s)"]), float(row["Stop (s)"]), row["Behavior"])
            for row in rows
        ]
    )


def test_bids(written: Path) -> None:
    rows = rows_of(written / "talk_events.tsv", "\t")
    described = json.loads((written / "talk_events.json").read_text())
    assert list(rows[0])[:3] == ["onset", "duration", "trial_type"]
    assert set(rows[0]) <= set(described)
    check(
        [
            (row["person"], float(row["onset"]), float(row["onset"]) + float(row["duration"]), row["trial_type"])
            for row in rows
        ]
    )


def test_web_annotations(written: Path) -> None:
    collection: dict[str, Any] = json.loads((written / "talk.jsonld").read_text())
    assert collection["@context"] == "http://www.w3.org/ns/anno.jsonld"
    found = []
    for item in collection["first"]["items"]:
        start, end = item["target"]["selector"]["value"].removeprefix("t=").split(",")
        emotion, person = (body["value"] for body in item["body"])
        found.append((person.removeprefix("person "), float(start), float(end), emotion))
    assert collection["total"] == len(found)
    check(found)


def test_short_episodes_can_be_left_out(written: Path, tmp_path: Path) -> None:
    out = tmp_path / "long.srt"
    assert main(["annotations", str(written / "rows.csv"), "--out", str(out), "--min-seconds", "1"]) == 0
    assert re.findall(r"person \d: \w+", out.read_text()) == ["person 1: happy", "person 2: neutral"]


def test_a_video_without_faces_gives_empty_files(tmp_path: Path) -> None:
    with RowWriter(tmp_path / "rows.csv", FERPLUS):
        pass
    outputs = [word for suffix in FORMATS for word in ("--out", str(tmp_path / f"none{suffix}"))]
    assert main(["annotations", str(tmp_path / "rows.csv"), *outputs]) == 0
    assert "a1" not in (tmp_path / "none.eaf").read_text()
    assert isinstance(pympi.Elan.Eaf(str(tmp_path / "none.eaf")), pympi.Elan.Eaf)
    assert parselmouth.praat.call(parselmouth.read(str(tmp_path / "none.TextGrid")), "Get number of tiers") == 1
    assert rows_of(tmp_path / "none_events.tsv", "\t") == []


def test_every_format_is_documented() -> None:
    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    for word in (*FORMATS, "--out", "--media", "--min-seconds"):
        assert f"`{word}" in text, word


def test_wrong_names_are_refused(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["annotations", str(written / "rows.csv"), "--out", "talk.txt"]) == 2
    assert "expected a name that ends in" in capsys.readouterr().err
    before = (written / "rows.csv").read_bytes()
    assert main(["annotations", str(written / "rows.csv"), "--out", str(written / "rows.csv")]) == 2
    assert (written / "rows.csv").read_bytes() == before
