"""The workers on Ray: as many as there are, lost, or killed with all the rest, the rows stay the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.batch_files import parts_in, rows_in
from mien.batch.reading import PartReport
from mien.batch.run import BatchProgress, run_batch
from mien.batch.settings import ReadSettings

ray = pytest.importorskip("ray", reason="mien batch needs the extra 'scale'")

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]  # the warnings are Ray's own


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two cores' worth of Ray on this machine, for all tests here; `run_batch` uses what it finds."""
    from mien.batch.cluster import workers_ready

    with workers_ready(2, 1, None):
        yield


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Pictures that take some time each, for a stop that comes half way."""
    folder = tmp_path / "large"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1600, 3), np.uint8)
    Image.fromarray(noise).save(folder / "000.png", compress_level=1)
    for number in range(1, 128):
        os.link(folder / "000.png", folder / f"{number:03}.png")
    return folder


def worker_of(report: PartReport) -> int:
    return int(report.worker.rpartition(":")[2])


@pytest.mark.usefixtures("cluster")
def test_one_and_two_workers_write_the_same_rows(tree: Path, tmp_path: Path, settings: ReadSettings) -> None:
    for number in range(1, 4):
        for file in tree.glob("a*.png"):
            os.link(file, file.with_name(f"copy{number}-{file.name}"))
    reports: list[PartReport] = []

    def note(tally: BatchProgress, report: PartReport | None) -> None:
        reports.extend([report] if report else [])

    one = run_batch([str(tree)], str(tmp_path / "one"), settings, workers=1)
    two = run_batch([str(tree)], str(tmp_path / "two"), settings, workers=2, progress=note)
    assert (one.done, two.done, one.workers, two.workers) == (102, 102, 1, 2)
    assert (one.faces, one.errors) == (two.faces, two.errors) == (108, 1)
    assert rows_in(tmp_path / "one") == rows_in(tmp_path / "two")
    assert [part.name for part in parts_in(tmp_path / "one")] == [part.name for part in parts_in(tmp_path / "two")]
    assert len(reports) == len(parts_in(tmp_path / "two")) == 8


@pytest.mark.usefixtures("cluster")
def test_a_worker_that_is_killed_loses_nothing(large: Path, tmp_path: Path, settings: ReadSettings) -> None:
    killed: list[int] = []
    workers: set[int] = set()

    def kill(tally: BatchProgress, report: PartReport | None) -> None:
        if report is None:
            return
        workers.add(worker_of(report))
        if not killed:
            killed.append(worker_of(report))
            os.kill(killed[0], signal.SIGKILL)

    tally = run_batch([str(large)], str(tmp_path / "out"), settings, workers=2, progress=kill)
    assert len(killed) == 1
    assert len(workers) >= 2
    assert tally.complete
    rows = rows_in(tmp_path / "out")
    assert [row["source"] for row in rows] == sorted(map(str, large.iterdir()))
    assert {row["error"] for row in rows} == {None}


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM"])
def test_what_is_stopped_half_way_goes_on_without_loss_or_repetition(
    end: str, large: Path, tmp_path: Path, settings: ReadSettings
) -> None:
    out = tmp_path / "out"
    words = ["batch", str(large), "--out", str(out), "--workers", "2", "--model", settings.model, "--detector", "whole"]
    process = subprocess.Popen([sys.executable, "-m", "mien", *words], stderr=subprocess.PIPE)
    try:
        ends = time.monotonic() + 120
        while not parts_in(out) and process.poll() is None and time.monotonic() < ends:
            time.sleep(0.01)
        process.send_signal(getattr(signal, end))
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    if end == "SIGTERM":
        assert process.returncode == 130
        assert b"mien: stopped; finished parts are kept" in said
        assert not [path.name for path in out.iterdir() if path.name.startswith(".")]
    before = {part: part.stat().st_ino for part in parts_in(out)}
    assert 0 < len(before) < 8
    tally = run_batch([str(large)], str(out), settings, workers=2)
    assert tally.complete
    assert 0 < tally.before <= 112
    assert tally.files == 128 - tally.before
    assert [row["source"] for row in rows_in(out)] == sorted(map(str, large.iterdir()))
    assert len(parts_in(out)) == 8


@pytest.mark.usefixtures("cluster")
def test_a_part_whose_workers_die_again_and_again_is_left_and_the_others_are_done(
    tree: Path, tmp_path: Path, settings: ReadSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.batch import cluster

    class Deadly(cluster.RayReader):
        def __call__(self, row: dict[str, object]) -> dict[str, object]:
            if any(str(source).endswith("broken.jpg") for source in row["sources"]):  # type: ignore[attr-defined]
                os._exit(1)
            return super().__call__(row)

    monkeypatch.setattr(cluster, "RayReader", Deadly)
    monkeypatch.setattr(cluster, "RETRIES", 1)
    tally = run_batch([str(tree)], str(tmp_path / "out"), settings, workers=1)
    assert not tally.complete
    (reason,) = tally.failed.values()
    assert reason == "given up after its worker was lost 2 times"
    assert len(parts_in(tmp_path / "out")) == 3
    monkeypatch.undo()
    assert run_batch([str(tree)], str(tmp_path / "out"), settings, workers=1).complete
