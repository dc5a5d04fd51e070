"""`mien video` as people type it: its files, what it says, its exit codes, and going on after a stop."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from helpers.paths import ROOT
from helpers.video_clips import COLLINS, gray, levels, portraits, write_clip
from mien.cli.main import main
from mien.images import load_image
from mien.video import resume
from mien.video.io.opening import open_source
from mien.video.options import Sampling

Output = pytest.CaptureFixture[str]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Forty frames, four seconds, with sound."""
    return write_clip(tmp_path / "clip.mp4", [k / 10 for k in range(40)], levels(40), sound="aac")


def rows_of(path: Path | str) -> list[dict[str, str]]:
    text = Path(path).read_text() if isinstance(path, Path) else path
    return list(csv.DictReader(io.StringIO(text)))


def test_everything_at_once(tmp_path: Path, capsys: Output) -> None:
    frames = portraits(20)
    path = write_clip(tmp_path / "talk.mp4", [t for t, _ in frames], [image for _, image in frames], sound="aac")
    out = tmp_path / "out"
    words = ["--out", f"{out}/{{name}}.csv", "--annotate", f"{out}/{{name}}.mp4", "--timeline", f"{out}/{{name}}.html"]
    more = ["--timeline", f"{out}/t.png", "--summary", "--summary-json", f"{out}/s.json", "--size", "320"]
    assert main(["video", str(path), *words, *more]) == 0
    printed, said = capsys.readouterr()
    assert "#1" in printed
    assert "happy 100%" in printed
    assert "20 frames, 1.9 s of video" in said
    rows = rows_of(out / "talk.csv")
    assert [row["track"] for row in rows] == ["1"] * 20
    np.testing.assert_allclose([float(row["time"]) for row in rows], [t for t, _ in frames], atol=1e-3)
    with av.open(str(out / "talk.mp4")) as container:
        assert {stream.type for stream in container.streams} == {"video", "audio"}
    drawn = list(open_source(out / "talk.mp4").frames(Sampling()))
    assert len(drawn) == 20
    assert np.abs(drawn[5].image.astype(int) - frames[5][1]).mean() > 1  # something is drawn
    assert json.loads((out / "s.json").read_text())["people"][0]["shares"] == {"happy": 1.0}
    assert "<section" in (out / "talk.html").read_text()
    assert (out / "t.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ([], list(range(40))),
        (["--every", "10"], [0, 10, 20, 30]),
        (["--fps", "2"], [0, 5, 10, 15, 20, 25, 30, 35]),
        (["--start", "0:03.5"], [35, 36, 37, 38, 39]),
        (["--start", "1", "--end", "1.35"], [10, 11, 12, 13]),
    ],
    ids=str,
)
def test_which_frames(words: list[str], numbers: list[int], clip: Path, fast: list[str], capsys: Output) -> None:
    assert main(["video", str(clip), *fast, *words, "--out", "-"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [int(row["frame"]) for row in rows] == numbers
    assert [float(row["time"]) for row in rows] == [number / 10 for number in numbers]


def test_without_files_the_summary_is_printed(clip: Path, fast: list[str], capsys: Output) -> None:
    assert main(["video", str(clip), *fast]) == 0
    assert capsys.readouterr().out.startswith("person ")


def test_labels(clip: Path, fast: list[str], capsys: Output) -> None:
    assert main(["video", str(clip), *fast, "--labels", "fer2013", "--out", "-"]) == 0
    header = capsys.readouterr().out.splitlines()[0]
    assert "vote_share,angry,disgust,fear,happy,sad,surprise,neutral,emotion_set" in header


def test_several_videos(clip: Path, fast: list[str], tmp_path: Path, capsys: Output) -> None:
    other = write_clip(tmp_path / "other.mp4", [0, 0.1], levels(2))
    assert main(["video", str(clip), str(other), *fast, "--out", f"{tmp_path}/{{name}}.jsonl"]) == 0
    assert len((tmp_path / "clip.jsonl").read_text().splitlines()) == 40
    assert len((tmp_path / "other.jsonl").read_text().splitlines()) == 2
    (tmp_path / "bad.mp4").write_text("no video")
    assert main(["video", str(tmp_path / "bad.mp4"), str(other), *fast, "--out", f"{tmp_path}/{{name}}.csv"]) == 1
    assert "bad.mp4: expected a video" in capsys.readouterr().err
    assert len(rows_of(tmp_path / "other.csv")) == 2  # one bad video does not end the batch


def test_a_folder_and_standard_input(tmp_path: Path, fast: list[str], clip: Path) -> None:
    from PIL import Image

    for k in range(3):
        (tmp_path / "frames").mkdir(exist_ok=True)
        Image.fromarray(gray(k)).save(tmp_path / "frames" / f"{k}.png")
    target = tmp_path / "a.csv"
    assert main(["video", str(tmp_path / "frames"), "--fps", "5", *fast, "--out", str(target)]) == 0
    assert [row["time"] for row in rows_of(target)] == ["0.0", "0.2", "0.4"]
    mkv = write_clip(tmp_path / "a.mkv", [0, 0.1, 0.3], levels(3))
    command = [sys.executable, "-m", "mien", "video", "-", *fast, "--out", "-"]
    done = subprocess.run(command, input=mkv.read_bytes(), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(rows_of(done.stdout.decode())) == 3


def test_a_file_that_is_cut_short(tmp_path: Path, fast: list[str], capsys: Output) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (96, 128, 3), np.uint8) for _ in range(40)]
    path = write_clip(tmp_path / "a.mp4", [k / 10 for k in range(40)], noise, options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main(["video", str(path), *fast, "--out", str(tmp_path / "a.csv")]) == 1
    assert "is cut short" in capsys.readouterr().err
    assert len(rows_of(tmp_path / "a.csv")) > 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.mp4"], "no such file"),
        (["{clip}", "--out", "a.xlsx"], "ends in .csv"),
        (["{clip}", "--annotate", "a.avi"], "ends in .mp4"),
        (["{clip}", "--timeline", "a.svg"], "ends in .png or .html"),
        (["{clip}", "--out", "{clip}"], "ends in"),
        (["{clip}", "--annotate", "{clip}"], "is an input"),
        (["{clip}", "{clip}", "--out", "a.csv"], "put {name} into it"),
        (["{clip}", "--detect-every", "0"], "from 1"),
        (["{clip}", "--start", "soon"], "expected a time"),
        (["{clip}", "--start", "3", "--end", "2"], "after the start"),
        (["{clip}", "--fps", "-3"], "fps"),
        (["{clip}", "--smoothing", "-1"], "smoothing"),
    ],
    ids=str,
)
def test_wrong_usage(
    words: list[str], said: str, clip: Path, fast: list[str], capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip.parent)
    before = clip.read_bytes()
    try:
        code = main(["video", *[word.replace("{clip}", str(clip)) for word in words], *fast])
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code in (1, 2)
    assert said in capsys.readouterr().err
    assert clip.read_bytes() == before


# --- going on ---


@pytest.mark.parametrize(("suffix", "least"), [(".csv", "0"), (".jsonl", "0"), (".parquet", "0"), (".csv", "1")])
def test_resume_ends_where_one_run_would_have(
    suffix: str, least: str, clip: Path, fast: list[str], tmp_path: Path
) -> None:
    """Cut in the middle of a line, it goes on with the same person, and all outputs cover the whole video."""
    fast = [*fast, "--min-confidence", least]

    def run(name: str, *words: str) -> Path:
        out = tmp_path / f"{name}{suffix}"
        more = ["--annotate", f"{tmp_path}/{name}.mp4", "--summary-json", f"{tmp_path}/{name}.json", "--smoothing", "0"]
        assert main(["video", str(clip), *fast, "--out", str(out), *more, *words]) == 0
        return out

    def read(path: Path) -> list[dict[str, Any]]:
        if suffix == ".csv":
            return list(rows_of(path))
        if suffix == ".jsonl":
            return [json.loads(line) for line in path.read_text().splitlines()]
        import pyarrow.parquet

        return list(pyarrow.parquet.read_table(path).to_pylist())

    whole = read(run("whole"))
    assert ({row["emotion"] for row in whole} == {"uncertain"}) == (least == "1")
    journal = tmp_path / ("part.parquet.jsonl" if suffix == ".parquet" else f"part{suffix}")
    if suffix == ".parquet":
        lines = tmp_path / "lines.jsonl"
        assert main(["video", str(clip), *fast, "--smoothing", "0", "--out", str(lines)]) == 0
        journal.write_bytes(lines.read_bytes()[:3000])
    else:
        journal.write_bytes((tmp_path / f"whole{suffix}").read_bytes()[:2000])
    assert read(run("part", "--resume")) == whole
    assert len(list(open_source(tmp_path / "part.mp4").frames(Sampling()))) == 40
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("whole", "part"))
    assert one["people"][0]["seen"] == pytest.approx(two["people"][0]["seen"], abs=0.01)
    assert one["people"][0]["shares"] == pytest.approx(two["people"][0]["shares"], abs=0.01)
    assert two["frames"] == 40


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)], ids=str)
@pytest.mark.parametrize("words", [[], ["--fps", "7"], ["--every", "3"], ["--start", "0.3"]], ids=str)
def test_after_a_stop_no_frame_is_lost_and_none_is_read_twice(
    rate: Fraction, words: list[str], fast: list[str], tmp_path: Path
) -> None:
    """Row times are rounded, frame times are not: at rates like 23.976 they differ."""
    times = [k / rate for k in range(60)]
    clip = write_clip(tmp_path / "a.mp4", [float(time) for time in times], levels(60))

    def frames(name: str) -> list[int]:
        return [int(row["frame"]) for row in rows_of(tmp_path / name)]

    def run(name: str, *more: str) -> None:
        assert main(["video", str(clip), *fast, "--out", str(tmp_path / name), *words, *more]) == 0

    run("whole.csv")
    for end in ("1", "1.37", "2"):
        (tmp_path / "part.csv").unlink(missing_ok=True)
        run("part.csv", "--end", end)
        run("part.csv", "--resume")
        assert frames("part.csv") == frames("whole.csv"), end


def two_people(seconds: float = 5.0, rate: float = 25.0) -> tuple[list[float], list[np.ndarray]]:
    """Two portraits that move in different ways, one of them for part of the time only, with a cut in the middle."""
    face = cv2.resize(load_image(COLLINS), (150, 150), interpolation=cv2.INTER_AREA)
    times, images = [k / rate for k in range(round(seconds * rate))], []
    for k, time in enumerate(times):
        shade = 128 if time < seconds / 2 else 60
        picture = gray(shade, (480, 270))
        picture[::9, :, 0] = shade + 40 if time < seconds / 2 else shade // 3
        picture[60:210, 20 + k % 40 : 170 + k % 40] = face
        if not 0.8 < time < 1.5:
            picture[90:240, 460 - 150 - k % 30 : 460 - k % 30] = face[:, ::-1]
        images.append(picture)
    return times, images


@pytest.mark.parametrize("ends", [("0.7",), ("1.13", "1.9"), ("2.52", "2.6", "4")], ids=str)
def test_rows_after_stops_equal_those_of_one_run(
    ends: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "SAVE_SECONDS", 0.0)
    clip = write_clip(tmp_path / "a.mp4", *two_people())
    words = ["video", str(clip), "--size", "320"]
    assert main([*words, "--out", str(tmp_path / "whole.csv")]) == 0
    for end in ends:
        assert main([*words, "--out", str(tmp_path / "part.csv"), "--end", end, "--resume"]) == 0
        assert (tmp_path / "part.csv.resume.json").exists()
    assert main([*words, "--out", str(tmp_path / "part.csv"), "--resume"]) == 0
    assert (tmp_path / "part.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert not (tmp_path / "part.csv.resume.json").exists()
    tracks = {int(row["track"]) for row in rows_of(tmp_path / "whole.csv")}
    assert len(tracks) >= 4  # new numbers after the cut


def test_without_the_state_the_difference_is_said(
    clip: Path, fast: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "a.csv"
    assert main(["video", str(clip), *fast, "--out", str(target), "--end", "2"]) == 0
    (tmp_path / "a.csv.resume.json").write_text("{")
    assert main(["video", str(clip), *fast, "--out", str(target), "--resume"]) == 0
    assert "averages begin anew at" in caplog.text
    assert len(rows_of(target)) == 40


def test_a_new_recording_removes_an_old_state(clip: Path, fast: list[str], tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    assert main(["video", str(clip), *fast, "--out", str(target), "--end", "2"]) == 0
    assert main(["video", str(clip), *fast, "--out", str(target)]) == 0
    assert [path.name for path in tmp_path.iterdir() if "resume" in path.name] == []


def test_resume_with_nothing_there_begins(clip: Path, fast: list[str], tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.csv"
    assert main(["video", str(clip), *fast, "--out", str(target), "--resume"]) == 0
    assert len(rows_of(target)) == 40


@pytest.mark.skipif(os.name != "posix", reason="kill -9 and Ctrl-C are POSIX's")
def test_a_stopped_parquet_file_is_resumed(tmp_path: Path, fast: list[str]) -> None:
    import pyarrow.parquet

    clip = write_clip(tmp_path / "a.mp4", [k / 10 for k in range(200)], levels(200, (32, 32)))
    target = tmp_path / "a.parquet"
    command = [sys.executable, "-m", "mien", "video", str(clip), *fast, "--out", str(target)]
    journal = tmp_path / "a.parquet.jsonl"
    process = subprocess.Popen([*command, "--realtime"], stderr=subprocess.DEVNULL)
    try:
        while not journal.exists() or len(journal.read_text().splitlines()) < 10:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
    seen = pyarrow.parquet.read_table(target).num_rows
    assert 9 <= seen < 200
    assert journal.exists()
    assert main(["video", str(clip), *fast, "--out", str(target), "--resume"]) == 0
    assert pyarrow.parquet.read_table(target)["frame"].to_pylist() == list(range(200))
    assert not journal.exists()


@pytest.mark.skipif(os.name != "posix", reason="kill -9 and Ctrl-C are POSIX's")
@pytest.mark.parametrize("end", ["SIGKILL", "SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stop_half_way(end: str, tmp_path: Path, fast: list[str]) -> None:
    """Paced by --realtime, so that it is surely not through when it is stopped."""
    clip = write_clip(tmp_path / "a.mp4", [k / 10 for k in range(200)], levels(200, (32, 32)))
    target = tmp_path / "a.csv"
    command = [sys.executable, "-m", "mien", "video", str(clip), *fast, "--out", str(target)]
    process = subprocess.Popen(
        [*command, "--realtime", "--annotate", f"{tmp_path}/b.mp4", "--timeline", f"{tmp_path}/b.html"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not target.exists() or len(target.read_text().splitlines()) < 10:
            assert process.poll() is None
        process.send_signal(getattr(signal, end))
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    seen = len(target.read_text().splitlines()) - 1
    assert seen >= 9
    if end != "SIGKILL":
        assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
        assert process.returncode == 130
        assert "--resume goes on from there" in said
        assert len(list(open_source(tmp_path / "b.mp4").frames(Sampling()))) in (seen - 1, seen)
        assert "<section" in (tmp_path / "b.html").read_text()
    assert main(["video", str(clip), *fast, "--out", str(target), "--resume"]) == 0
    numbers = [int(row["frame"]) for row in rows_of(target)]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 199
    assert {row["track"] for row in rows_of(target)} == {"1"}


def test_the_documentation_names_every_option_and_column() -> None:
    from mien.cli.main import make_parser
    from mien.labels import FERPLUS
    from mien.video.rows import columns

    text = (ROOT / "docs" / "video.md").read_text(encoding="utf-8")
    (commands,) = (action for action in make_parser()._actions if isinstance(action.choices, dict))
    assert isinstance(commands.choices, dict)
    for action in commands.choices["video"]._actions:
        for word in action.option_strings:
            assert word in ("-h", "--help", "--realtime") or f"`{word}" in text or f"{word} " in text, word
    for column in columns(FERPLUS):
        if column in FERPLUS.names:
            continue
        assert f"`{column}`" in text, column
