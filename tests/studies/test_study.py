"""`mien study`: plans, the folder that it writes, films that are read once, and what is said of missing people."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.made_up_faces import faces
from helpers.paths import ROOT
from helpers.video_clips import levels, write_clip
from mien.cli.main import main
from mien.errors import InputError
from mien.labels import FERPLUS
from mien.studies.films import FilmReader
from mien.studies.plan import (
    EVENT_COLUMNS,
    PARTICIPANT_COLUMNS,
    READING,
    MeasureOptions,
    StatisticsOptions,
    StudyModel,
    load_plan,
)
from mien.video.moment import Moment
from mien.video.rows import RowWriter

PEOPLE = 6


def write_rows(path: Path, emotions: list[str | None]) -> Path:
    with RowWriter(path, FERPLUS) as rows:
        for k, emotion in enumerate(emotions):
            rows.write(Moment(k / 10, k, faces() if emotion is None else faces((1, emotion, 0.8))))
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The plan of six people who smile more in condition B; the last is not seen for half of A."""
    generator = np.random.default_rng(2)
    lines = ["participant,film,condition,end"]
    for k in range(PEOPLE):
        for condition, chance in (("A", 0.2), ("B", 0.8)):
            chosen = ["happy" if value < chance else "neutral" for value in generator.random(20)]
            emotions: list[str | None] = [*chosen[:10], *([None] * 10 if (k, condition) == (5, "A") else chosen[10:])]
            film = write_rows(tmp_path / f"{condition}{k}.csv", emotions)
            lines.append(f"p{k},{film.name},{condition},2")
    (tmp_path / "people.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "events.tsv").write_text("onset\tduration\ttrial_type\n1\t0.5\tjoke\n1.2\tn/a\tbang\n")
    (tmp_path / "smiles.toml").write_text(
        'title = "Smiles"\nparticipants = "people.csv"\nevents = "events.tsv"\n'
        "[measures]\nbins = [0.5, 1]\n[statistics]\nrounds = 200\n"
    )
    return tmp_path / "smiles.toml"


@pytest.mark.slow
def test_a_study_is_written_into_one_folder(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = study.parent / "results"
    assert main(["study", str(study), "--out", str(out)]) == 0
    assert "p5 was not seen 50% of the time in A5.csv (A)" in capsys.readouterr().err
    tables = {path.stem: pd.read_parquet(path) for path in (out / "tables").glob("*.parquet")}
    names = "frames presentations people conditions contrasts episodes bins-0.5s bins-1s curves-0.5s curves-1s"
    assert set(tables) == {*names.split(), "events", "events-conditions", "events-contrasts"}
    for name, table in tables.items():
        if name != "frames":
            assert len(pd.read_csv(out / "tables" / f"{name}.csv")) == len(table)
    people = tables["presentations"].query("outcome == 'happy'").set_index(["participant", "condition"])
    rows = pd.read_csv(study.parent / "B3.csv")
    assert people.loc[("p3", "B"), "proportion"] == pytest.approx((rows["emotion"] == "happy").mean())
    assert people.loc[("p5", "A"), "missing"] == pytest.approx(1.0)
    assert tables["frames"].groupby("participant").size().tolist() == [40] * 5 + [30]
    (happy,) = tables["contrasts"].query("outcome == 'happy'").to_dict("records")
    assert (happy["a"], happy["b"], happy["n_a"]) == ("A", "B", PEOPLE)
    assert happy["high"] < 0
    assert set(tables["events"]["phase"]) == {"before", "during", "after"}
    page = (out / "report.html").read_text(encoding="utf-8")
    assert all(word in page for word in ("Smiles", "max-T", "Westfall", "missing, not neutral", "6 participants"))
    assert not re.search(r'(?:src|href)="https?:', page)
    provenance = json.loads((out / "study.json").read_text())
    assert len(provenance["sources"]) == 2 * PEOPLE
    assert provenance["options"]["statistics"]["rounds"] == 200
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in provenance["plan"].values())


@pytest.mark.slow
def test_films_are_read_once_and_anew_with_other_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_clip(tmp_path / name, [k / 10 for k in range(5)], levels(5))
    plan = tmp_path / "study.toml"
    text = "".join(f'[[participants]]\nparticipant = "{name}"\nfilm = "{name}.mp4"\n' for name in "ab")
    plan.write_text(text)
    out = tmp_path / "study-results"
    assert main(["study", str(plan)]) == 0
    assert "not seen all the time" in capsys.readouterr().err
    first = {path.name: path.stat().st_mtime_ns for path in (out / "rows").glob("*.csv")}
    assert set(first) == {"a.csv", "b.csv"}
    assert main(["study", str(plan)]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in (out / "rows").glob("*.csv")} == first
    plan.write_text(text + "[reading]\nevery = 2\n")
    assert main(["study", str(plan)]) == 0
    assert "read anew" in caplog.text
    (tmp_path / "b.mp4").write_bytes(b"no film")
    assert main(["study", str(plan)]) == 1
    assert "left out" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupted_film_is_read_to_its_end(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", [k / 10 for k in range(30)], levels(30))
    (tmp_path / "study.toml").write_text('[[participants]]\nparticipant = "p"\nfilm = "a.mp4"\n')
    plan = load_plan(tmp_path / "study.toml")

    def stop(seconds: float) -> None:
        if seconds > 0.5:
            raise KeyboardInterrupt

    times: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        FilmReader(plan, tmp_path / "rows").rows_of(str(tmp_path / "a.mp4"), stop)
    assert not json.loads((tmp_path / "rows" / "a.json").read_text())["complete"]
    rows = FilmReader(plan, tmp_path / "rows").rows_of(str(tmp_path / "a.mp4"), times.append)
    assert times[-1] == pytest.approx(2.9)
    assert json.loads((tmp_path / "rows" / "a.json").read_text())["complete"]
    times.clear()
    assert FilmReader(plan, tmp_path / "rows").rows_of(str(tmp_path / "a.mp4"), times.append) == rows
    assert times == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected participants"),
        ("participant = 1", "did you mean 'participants'"),
        ("title", "expected TOML"),
        ("participants = 'no.csv'", "found no"),
        ("participants = [{participant = 'p', film = 'no.mp4'}]", "found no"),
        ("participants = [{participant = 'p', film = 'a.csv', conditon = 'A'}]", "did you mean 'condition'"),
        ("participants = [{participant = 'p', film = 'a.csv', start = 3, end = 2}]", "an end after it"),
        ("participants = [{participant = 'p', film = 'a.csv'}, {participant = 'p', film = 'a.csv'}]", "is there twice"),
        ("participants = [{participant = 'p', film = 'a.csv', end = 'late'}]", "expected seconds"),
        ("participants = [{film = 'a.csv'}]", "expected a participant in every row"),
        ("participants = [{participant = 'p', film = 'a.csv'}]\n[measures]\nbins = [0]", "measures.bins"),
        ("participants = [{participant = 'p', film = 'a.csv'}]\n[measures]\nbin = [1]", "did you mean 'bins'"),
        ("participants = [{participant = 'p', film = 'a.csv'}]\n[statistics]\nlevel = 95", "statistics.level"),
        ("participants = [{participant = 'p', film = 'a.csv'}]\n[statistics]\nvalue = 'means'", "did you mean 'mean'"),
        ("participants = [{participant = 'p', film = 'a.csv'}]\n[reading]\nend = 4", "no key 'end'"),
        ("events = [{onset = 1}]\nparticipants = [{participant = 'p', film = 'a.csv'}]", "events: expected an onset"),
    ],
)
def test_mistakes_in_a_plan_are_named(tmp_path: Path, text: str, message: str) -> None:
    write_rows(tmp_path / "a.csv", ["happy"])
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        load_plan(tmp_path / "study.toml")


def test_a_track_that_a_film_lacks_is_named(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (study.parent / "people.csv").read_text().replace("end\n", "end,face\n", 1).replace(",B,2\n", ",B,2,7\n", 1)
    (study.parent / "people.csv").write_text(text)
    assert main(["study", str(study)]) == 2
    assert re.search(r"p0, .*B0.csv: face: expected tracks of the video \(1\), got 7", capsys.readouterr().err)


def test_a_missing_plan_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", str(tmp_path / "no.toml")]) == 2
    assert "found no such file" in capsys.readouterr().err


def test_every_key_of_a_plan_is_documented() -> None:
    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    options: list[tuple[str, Any]] = [
        ("measures", MeasureOptions),
        ("statistics", StatisticsOptions),
        ("model", StudyModel),
    ]
    keys = [f"{section}.{each.name}" for section, cls in options for each in fields(cls)]
    keys += [f"reading.{name}" for name in READING]
    for key in [*keys, *PARTICIPANT_COLUMNS, *EVENT_COLUMNS]:
        assert f"`{key}`" in text, key


def test_the_example_in_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exec(block, {})
    assert "time_to_first" in capsys.readouterr().out
