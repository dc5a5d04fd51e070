"""A batch's rows, its folder, and going on after a stop; one reader in this process does the workers' work."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from helpers.batch_files import parts_in, rows_in
from helpers.data_trees import write_picture
from helpers.video_clips import COLLINS
from mien import EmotionRecognizer, __version__
from mien.batch import plan, reading
from mien.batch.plan import make_parts, pictures_per_part
from mien.batch.reading import Reader
from mien.batch.run import run_batch
from mien.batch.settings import ReadSettings
from mien.batch.store import Store
from mien.errors import InputError
from mien.video.rows import rows_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("serial")]


def test_every_file_leaves_rows_and_the_folder_says_what_it_is(
    tree: Path, tmp_path: Path, settings: ReadSettings
) -> None:
    out = tmp_path / "out"
    tally = run_batch([str(tree)], str(out), settings)
    assert (tally.files, tally.done, tally.before, tally.errors, tally.complete) == (42, 42, 0, 1, True)
    rows = rows_in(out)
    assert len({row["source"] for row in rows}) == 42
    assert tally.faces == sum(row["emotion"] is not None for row in rows) == 40 + 8
    manifest = json.loads((out / "_manifest.json").read_text())
    assert manifest["schema"] == 2
    assert manifest["mien"] == __version__
    assert manifest["complete"]["files"] == 42
    assert manifest["complete"]["parts"] == len(parts_in(out)) == 4
    for part in parts_in(out):
        assert pyarrow.parquet.read_schema(part).metadata[b"mien.schema"] == b"2"


def test_the_rows_of_a_picture_are_those_of_predict(tmp_path: Path) -> None:
    run_batch([str(COLLINS)], str(tmp_path / "out"), ReadSettings(labels="fer2013"))
    (row,) = rows_in(tmp_path / "out")
    faces = EmotionRecognizer(labels="fer2013").predict(COLLINS)
    (expected,) = faces.to_rows()
    assert (row["width"], row["height"]) == faces.size
    assert (row["kind"], row["error"], row["time"], row["track"]) == ("picture", None, None, None)
    for name, value in expected.items():
        assert row[name] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value)


def test_the_rows_of_a_video_are_those_of_track(tree: Path, tmp_path: Path, settings: ReadSettings) -> None:
    chosen = ReadSettings(**{**vars(settings), "every": 2})
    run_batch([str(tree / "talk.mp4")], str(tmp_path / "out"), chosen)
    rows = rows_in(tmp_path / "out")
    recognizer = EmotionRecognizer(settings.model, detector="whole")
    moments = list(recognizer.track(tree / "talk.mp4", every=2))
    expected = [row for moment in moments for row in rows_of(moment)]
    assert [row["frame"] for row in rows] == [0, 2, 4, 6]
    assert {(row["width"], row["height"], row["kind"], row["face"]) for row in rows} == {(64, 48, "video", None)}
    for row, known in zip(rows, expected, strict=True):
        assert row["emotion"] == known["emotion"]
        np.testing.assert_allclose(
            [row[name] for name in ("time", "left", "happy")],
            [known[name] for name in ("time", "left", "happy")],
            rtol=1e-6,
        )


def test_what_cannot_be_read_and_what_has_no_face_is_one_row(tmp_path: Path, settings: ReadSettings) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(COLLINS, folder / "face.jpg")
    (folder / "empty.jpg").touch()
    (folder / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "list.txt").write_text(f"{folder}/gone.jpg\n{folder}/gone.mp4\n")
    chosen = ReadSettings(**{**vars(settings), "min_face": 10_000})
    tally = run_batch([str(folder), f"@{tmp_path}/list.txt"], str(tmp_path / "out"), chosen)
    rows = {Path(row["source"]).name: row for row in rows_in(tmp_path / "out")}
    assert len(rows) == 5
    assert (tally.errors, tally.faces) == (4, 0)
    assert (rows["face.jpg"]["width"], rows["face.jpg"]["emotion"], rows["face.jpg"]["error"]) == (512, None, None)
    assert "empty file" in rows["empty.jpg"]["error"]
    assert "no such file" in rows["gone.jpg"]["error"]
    assert "no such file" in rows["gone.mp4"]["error"]
    assert "expected a video" in rows["broken.mp4"]["error"]
    assert str(folder) not in rows["broken.mp4"]["error"]


def test_a_video_that_is_cut_short_keeps_its_rows_and_says_so(
    tree: Path, tmp_path: Path, settings: ReadSettings
) -> None:
    content = (tree / "talk.mp4").read_bytes()
    film = tmp_path / "cut.mp4"
    film.write_bytes(content[: int(len(content) * 0.6)])
    run_batch([str(film)], str(tmp_path / "out"), settings)
    *seen, last = rows_in(tmp_path / "out")
    errors = [row["error"] for row in [*seen, last] if row["error"]]
    assert len(errors) == 1


def test_a_picture_that_breaks_the_recognizer_costs_no_other(
    tree: Path, tmp_path: Path, settings: ReadSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = EmotionRecognizer.detect_and_crop

    def detect_and_crop(self: EmotionRecognizer, pixels: np.ndarray, source: str) -> object:
        if source.endswith("a03.png"):
            raise ZeroDivisionError("nobody foresaw it")
        return whole(self, pixels, source)

    monkeypatch.setattr(EmotionRecognizer, "detect_and_crop", detect_and_crop)
    tally = run_batch([f"{tree}/a*.png"], str(tmp_path / "out"), settings)
    assert (tally.faces, tally.errors) == (19, 1)
    assert [row["error"] for row in rows_in(tmp_path / "out") if row["error"]] == [
        "ZeroDivisionError: nobody foresaw it"
    ]


def test_nothing_is_done_twice(tree: Path, tmp_path: Path, settings: ReadSettings, serial: list[str]) -> None:
    out = tmp_path / "out"
    run_batch([str(tree)], str(out), settings)
    before = {part: part.stat().st_mtime_ns for part in parts_in(out)}
    again = run_batch([str(tree), str(tree / "a00.png")], str(out), settings)
    assert (again.files, again.before, again.complete) == (0, 42, True)
    assert {part: part.stat().st_mtime_ns for part in parts_in(out)} == before
    assert len(serial) == len(set(serial)) == 4


def test_a_stop_loses_nothing(tree: Path, tmp_path: Path, settings: ReadSettings, serial: list[str]) -> None:
    run_batch([str(tree)], str(tmp_path / "whole"), settings)
    serial.clear()
    out = tmp_path / "out"

    def stop(tally: object, report: object) -> None:
        if report is not None and len(serial) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch([str(tree)], str(out), settings, progress=stop)
    assert len(parts_in(out)) == 2
    assert json.loads((out / "_manifest.json").read_text())["complete"] is None
    (out / ".part-half.parquet").write_bytes(b"what a killed worker leaves")
    tally = run_batch([str(tree)], str(out), settings)
    assert tally.files + tally.before == 42
    assert len(serial) == len(set(serial)) == 4
    assert rows_in(out) == rows_in(tmp_path / "whole")
    assert not (out / ".part-half.parquet").exists()


def test_files_that_come_later_make_parts_of_their_own(tree: Path, tmp_path: Path, settings: ReadSettings) -> None:
    out = tmp_path / "out"
    late = tree / "a07.png"
    content = late.read_bytes()
    late.unlink()
    run_batch([str(tree)], str(out), settings)
    first = {part: part.stat().st_mtime_ns for part in parts_in(out)}
    late.write_bytes(content)
    tally = run_batch([str(tree)], str(out), settings)
    assert (tally.files, tally.done, tally.before) == (1, 1, 41)
    assert {part: part.stat().st_mtime_ns for part in first} == first
    assert json.loads((out / "_manifest.json").read_text())["complete"]["files"] == 42
    run_batch([str(tree)], str(tmp_path / "whole"), settings)
    assert rows_in(out) == rows_in(tmp_path / "whole")


def test_other_options_in_the_same_folder_are_refused(tree: Path, tmp_path: Path, settings: ReadSettings) -> None:
    out = str(tmp_path / "out")
    run_batch([f"{tree}/a*.png"], out, settings)
    with pytest.raises(InputError, match=r"begun with other options: flip was False, now True. Give the same, or name"):
        run_batch([f"{tree}/a*.png"], out, ReadSettings(**{**vars(settings), "flip": True}))
    with pytest.raises(InputError, match=r"emotions was neutral, happy.*now angry.*labels was None, now fer2013"):
        run_batch([f"{tree}/a*.png"], out, ReadSettings(**{**vars(settings), "labels": "fer2013"}))
    moved = tmp_path / "same model.onnx"
    shutil.copy(settings.model, moved)
    assert run_batch([f"{tree}/a*.png"], out, ReadSettings(**{**vars(settings), "model": str(moved)})).before == 20


def test_foreign_folders_are_refused(tree: Path, tmp_path: Path, settings: ReadSettings) -> None:
    (tmp_path / "part-1.parquet").touch()
    with pytest.raises(InputError, match=r"has parts, but no _manifest\.json"):
        run_batch([str(tree)], str(tmp_path), settings)
    (tmp_path / "part-1.parquet").unlink()
    (tmp_path / "_manifest.json").write_text("[]")
    with pytest.raises(InputError, match="expected a batch's manifest"):
        run_batch([str(tree)], str(tmp_path), settings)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a folder to write, got a file"):
        run_batch([str(tree)], str(tmp_path / "file"), settings)


def test_a_store_that_fails_leaves_the_part_for_the_next_run(
    tree: Path, tmp_path: Path, settings: ReadSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as broken:
        broken.setattr(reading, "fetch", lambda names: (_ for _ in ()).throw(OSError("the store does not answer")))
        tally = run_batch([str(tree)], str(out), settings)
    assert not tally.complete
    assert tally.done == 1  # the video, which is not fetched with pictures
    assert set(tally.failed.values()) == {"OSError: the store does not answer"}
    assert json.loads((out / "_manifest.json").read_text())["complete"] is None
    tally = run_batch([str(tree)], str(out), settings)
    assert (tally.complete, tally.done) == (True, 41)


def test_a_folder_in_a_store_is_as_good(tree: Path, tmp_path: Path, settings: ReadSettings) -> None:
    run_batch([str(tree)], str(tmp_path / "here"), settings)
    run_batch([str(tree)], "memory://batch/there", settings)
    assert run_batch([str(tree)], "memory://batch/there", settings).before == 42
    store = Store("memory://batch/there")
    for part in parts_in(tmp_path / "here"):
        assert store.read(part.name) == part.read_bytes()


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 16), (1000, 16), (2048, 32), (10_000, 144), (16_384, 256), (10**9, 256)]
)
def test_parts_are_small_for_few_files_and_few_for_many(count: int, expected: int) -> None:
    assert pictures_per_part(count) == expected


def test_a_plan_holds_each_file_once_and_knows_its_order() -> None:
    names = sorted([f"/p/{number:04}.jpg" for number in range(100)] + ["/p/0050a.mp4", "/p/z.mov"])
    parts = make_parts(names, "key")
    assert sorted(source for part in parts for source in part.sources) == names
    assert [part.sources for part in parts[:2]] == [("/p/0050a.mp4",), ("/p/z.mov",)]
    assert all(list(part.sources) == sorted(part.sources) for part in parts)
    assert make_parts(names, "key") == parts
    assert not {part.name for part in make_parts(names, "other")} & {part.name for part in parts}
    assert plan._read_plan(plan._write_plan(parts)) == parts


def test_a_worker_of_another_version_is_refused(settings: ReadSettings, tmp_path: Path) -> None:
    from mien.batch.settings import ReaderConfig

    with pytest.raises(InputError, match=r"expected mien 0.0.9 on every machine, got"):
        Reader(ReaderConfig.of(settings), str(tmp_path), version="0.0.9")


def test_a_name_that_is_no_utf8_is_read_and_escaped(tmp_path: Path, settings: ReadSettings) -> None:
    folder = tmp_path / "files"
    write_picture(folder / "a.png", seed=0)
    (folder / "a.png").rename(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png"))
    assert run_batch([str(folder)], str(tmp_path / "out"), settings).errors == 0
    (row,) = rows_in(tmp_path / "out")
    assert row["source"] == f"{folder}/caf\\udce9.png"
    assert row["emotion"] is not None
    assert run_batch([str(folder)], str(tmp_path / "out"), settings).before == 1


def test_what_a_kill_left_half_written_is_no_plan(tree: Path, tmp_path: Path, settings: ReadSettings) -> None:
    out = tmp_path / "out"
    run_batch([str(tree)], str(out), settings)
    left = [out / "_plan" / ".0123-x.parquet", out / ".part-0123-x.parquet", out / "._manifest-x.json"]
    for file in left:
        file.write_bytes(b"")
    assert run_batch([str(tree)], str(out), settings).before == 42
    assert not any(file.exists() for file in left)
