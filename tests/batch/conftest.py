"""A folder of small files, and workers without Ray for what Ray does not change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.data_trees import write_picture
from helpers.video_clips import levels, write_clip
from mien.batch import cluster
from mien.batch.plan import BatchPart
from mien.batch.reading import PartReport, Reader
from mien.batch.settings import ReaderConfig, ReadSettings


@pytest.fixture
def settings(model: str) -> ReadSettings:
    """The tiny bundle, and every picture one face."""
    return ReadSettings(model=model, detector="whole")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Forty pictures in two folders, one of them damaged, a video, and what is neither."""
    folder = tmp_path / "files"
    for number in range(20):
        write_picture(folder / f"a{number:02}.png", seed=number, size=(48, 32))
        write_picture(folder / "deep" / "er" / f"b{number:02}.jpg", seed=100 + number)
    (folder / "deep" / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    (folder / "._a00.png").write_bytes(b"what macOS leaves")
    shutil.move(write_clip(tmp_path / "clip.mp4", [k / 10 for k in range(8)], levels(8)), folder / "talk.mp4")
    return folder


@pytest.fixture
def serial(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One reader in this process takes the workers' place; gives the names of the parts that it was handed."""
    handed: list[str] = []

    @contextmanager
    def ready(workers: int | None, threads: int, address: str | None) -> Iterator[int]:
        yield workers or 1

    def read(parts: Sequence[BatchPart], order: ReaderConfig, out: str, *_: Any) -> Iterator[PartReport]:
        reader = Reader(order, out)
        for part in parts:
            handed.append(part.name)
            yield reader.read(part)

    monkeypatch.setattr(cluster, "check_ray", lambda: None)
    monkeypatch.setattr(cluster, "workers_ready", ready)
    monkeypatch.setattr(cluster, "read_parts", read)
    return handed
