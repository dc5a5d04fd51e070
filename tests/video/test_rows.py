"""Rows that survive a kill: whole lines as they come, read back to go on."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from helpers.made_up_faces import faces
from mien.errors import DataError, InputError
from mien.labels import FER2013, FERPLUS
from mien.results import UNCERTAINTY_COLUMNS
from mien.video.moment import Moment
from mien.video.resume import find_resume_point
from mien.video.rows import RowWriter, columns, read_rows, rows_of, to_parquet

SUFFIXES = [".csv", ".jsonl", ".parquet"]


def write(path: Path, frames: int = 5, stop: bool = False) -> Path:
    """A frame a tenth of a second with persons 1 and 2; frame 3 has nobody. The journal of a Parquet file stays."""
    try:
        with RowWriter(path, FERPLUS) as rows:
            for k in range(frames):
                rows.write(Moment(k / 10, k, faces() if k == 3 else faces((1, "happy", 0.8), (2, "sad", 0.6))))
            if stop:
                raise InterruptedError
    except InterruptedError:
        pass
    return path.with_name(path.name + ".jsonl") if path.suffix == ".parquet" and stop else path


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv(tmp_path: Path) -> None:
    rows = table_of(write(tmp_path / "new" / "a.csv"))
    assert list(rows[0]) == columns(FERPLUS)
    assert len(rows) == 8
    assert rows[1] == {
        "time": "0.0",
        "frame": "0",
        "track": "2",
        "left": "70.0",
        "top": "10.0",
        "right": "110.0",
        "bottom": "60.0",
        "score": "0.9",
        "emotion": "sad",
        "confidence": "0.6",
        "vote_share": "0.5",
        **{name: "0.6" if name == "sad" else "0.0571" for name in FERPLUS.names},
        **dict.fromkeys(UNCERTAINTY_COLUMNS, ""),
    }


def test_json_lines_and_parquet_say_the_same_as_csv(tmp_path: Path) -> None:
    import pyarrow.parquet

    rows = table_of(write(tmp_path / "a.csv"))
    lines = [json.loads(line) for line in write(tmp_path / "a.jsonl").read_text().splitlines()]
    table = pyarrow.parquet.read_table(write(tmp_path / "a.parquet"))
    assert [{name: "" if value is None else str(value) for name, value in line.items()} for line in lines] == rows
    assert table.column_names == columns(FERPLUS)
    assert table["time"].to_pylist() == [line["time"] for line in lines]
    assert table["emotion"].to_pylist() == [line["emotion"] for line in lines]
    np.testing.assert_allclose(table["happy"].to_pylist(), [line["happy"] for line in lines], atol=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.jsonl", "a.parquet"]  # no journal is left


def test_unknown_vote_share_is_empty(tmp_path: Path) -> None:
    from dataclasses import replace

    one = replace(faces((1, "happy", 0.8)), vote_shares=np.full(1, np.nan, np.float32))
    for suffix in SUFFIXES:
        with RowWriter(tmp_path / f"a{suffix}", FERPLUS) as rows:
            rows.write(Moment(0, 0, one))
    assert table_of(tmp_path / "a.csv")[0]["vote_share"] == ""
    assert json.loads((tmp_path / "a.jsonl").read_text())["vote_share"] is None
    assert np.isnan(next(read_rows(tmp_path / "a.csv", FERPLUS)).faces.vote_shares).all()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("torn", [0, 30, 400], ids=["whole", "half a line", "half a frame"])
def test_to_go_on_after_a_stop(suffix: str, torn: int, tmp_path: Path) -> None:
    target = tmp_path / f"a{suffix}"
    journal = write(target, stop=True)
    if torn:
        journal.write_bytes(journal.read_bytes()[:-torn])
    earlier = find_resume_point(target, FERPLUS)
    assert earlier is not None
    assert earlier.last is not None
    assert earlier.resume in (0.4, 0.2, 0.1)  # the last frame may be torn, and is done again
    assert earlier.last.time < earlier.resume
    assert earlier.next_track == 3
    with RowWriter(target, FERPLUS, earlier) as rows:
        rows.write(Moment(earlier.resume, 99, faces((3, "fear", 0.7))))
    if suffix == ".parquet":
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(target)
        frames, tracks = table["frame"].to_pylist(), table["track"].to_pylist()
    else:
        seen = list(read_rows(target, FERPLUS))
        frames, tracks = [one.frame for one in seen], seen[-1].faces.track_ids.tolist()  # type: ignore[union-attr]
    assert frames[-1] == 99
    assert tracks[-1] == 3
    assert frames == sorted(frames)


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    seen = list(read_rows(write(tmp_path / "a.csv"), FERPLUS))
    assert [(one.frame, one.time) for one in seen] == [(0, 0.0), (1, 0.1), (2, 0.2), (4, 0.4)]
    expected = faces((1, "happy", 0.8), (2, "sad", 0.6))
    np.testing.assert_allclose(seen[0].faces.probabilities, expected.probabilities, atol=1e-3)
    assert seen[0].faces.emotions == ["happy", "sad"]
    assert (seen[0].faces.boxes == expected.boxes).all()
    assert len(list(read_rows(tmp_path / "a.csv", FERPLUS, before=0.2))) == 2


def test_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert find_resume_point(tmp_path / "missing.csv", FERPLUS) is None
    assert find_resume_point(write(tmp_path / "a.csv", frames=0), FERPLUS) is None
    (tmp_path / "empty.csv").touch()
    assert find_resume_point(tmp_path / "empty.csv", FERPLUS) is None


def test_what_cannot_be_gone_on_with(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")
    with pytest.raises(DataError, match="Resume with the labels of the first run"):
        find_resume_point(tmp_path / "a.csv", FER2013)
    write(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="is finished"):
        find_resume_point(tmp_path / "a.parquet", FERPLUS)
    (tmp_path / "b.jsonl").write_text('{"time": 0}\n')
    with pytest.raises(DataError, match="expected rows"):
        find_resume_point(tmp_path / "b.jsonl", FERPLUS)
    with pytest.raises(InputError, match="standard output"):
        find_resume_point("-", FERPLUS)


def test_another_suffix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a name that ends in \.csv, \.jsonl, \.parquet, or -"):
        RowWriter(tmp_path / "a.xlsx", FERPLUS)


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with RowWriter("-", FERPLUS) as rows:
        rows.write(Moment(0, 0, faces((1, "happy", 0.8))))
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_large_journals_become_several_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    monkeypatch.setattr("mien.video.rows.ROWS_AT_ONCE", 3)
    path = to_parquet(write(tmp_path / "a.jsonl"), tmp_path / "a.parquet", columns(FERPLUS))
    assert pyarrow.parquet.ParquetFile(path).num_row_groups == 3


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX's")
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_kill_9_loses_a_frame_at_most(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[2]); from helpers.made_up_faces import faces\n"
        "from mien.video.moment import Moment; from mien.video.rows import RowWriter; from mien.labels import FERPLUS\n"
        "rows = RowWriter(sys.argv[1], FERPLUS)\n"
        "for k in range(10**9):\n"
        "    rows.write(Moment(k / 10, k, faces((1, 'happy', 0.8)))); print(k, flush=True); time.sleep(0.001)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(Path(__file__).parents[1])], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    written = [int(process.stdout.readline()) for _ in range(50)][-1]
    process.kill()
    process.stdout.close()
    process.wait()
    seen = list(read_rows(path, FERPLUS))
    assert seen[-1].frame >= written


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_of_version_1_are_read_and_gone_on_with(suffix: str, tmp_path: Path) -> None:
    """Version 1 called `vote_share` `intensity`; a file keeps the names that it began with."""
    path = tmp_path / f"old{suffix}"
    moments = [Moment(k / 10, k, faces((1, "happy", 0.8))) for k in range(4)]
    today = columns(FERPLUS)[: -len(UNCERTAINTY_COLUMNS)]
    names = ["intensity" if name == "vote_share" else name for name in today]
    rows = [
        {name: row[since] for name, since in zip(names, today, strict=True)}
        for moment in moments
        for row in rows_of(moment)
    ]
    if suffix == ".csv":
        path.write_text("\n".join([",".join(names), *(",".join(map(str, row.values())) for row in rows)]) + "\n")
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    found = list(read_rows(path, FERPLUS))
    assert [moment.frame for moment in found] == [0, 1, 2, 3]
    assert found[0].faces.vote_shares.tolist() == [0.5]
    if suffix == ".parquet":
        return
    earlier = find_resume_point(path, FERPLUS)
    assert earlier is not None
    assert earlier.columns == tuple(names)
    with RowWriter(path, FERPLUS, earlier) as writer:
        writer.write(moments[3])
        writer.write(Moment(0.4, 4, faces((1, "sad", 0.7))))
    assert [moment.frame for moment in read_rows(path, FERPLUS)] == [0, 1, 2, 3, 4]
    assert "vote_share" not in path.read_text()
