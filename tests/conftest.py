"""What all tests share: a tiny FER2013, and a cache of their own."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import chromium, tiny_bundle
from mien.labels import FER2013, FERPLUS

# Two workers share two cores, and the networks of the tests are tiny: threads that wait for each other cost more than
# they do. Before torch, OpenCV or a process of the tests is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the page's tests out where there is no browser; `pytest_terminal_summary` says so once."""
    of_browser = [item for item in items if item.get_closest_marker("browser")]
    if of_browser and chromium.executable() is None:
        config.hook.pytest_deselected(items=of_browser)
        items[:] = [item for item in items if item not in of_browser]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if chromium.executable() is None:
        terminalreporter.write_line(chromium.MISSING)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("MIEN_CACHE", str(folder))
    return folder


NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Servers, browsers and clusters that a test starts may leave handlers of theirs behind."""
    handlers = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in handlers.items():
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def own_log_handlers() -> Iterator[None]:
    """The command line shows the library's messages; the test after it must not see them on standard error."""
    logger = logging.getLogger("mien")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture
def mien_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the library logs, from INFO on."""
    caplog.set_level(logging.INFO, logger="mien")
    return caplog


def synthetic_faces(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Faces uint8 (N, 48, 48) whose stripes tell their label, with noise: easy to learn, all different.

    The patterns are the same left and right, so that mirroring keeps the label.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(48)[:, None]
    stripes = np.stack([np.sin(rows * (k + 1) * np.pi / 24) for k in range(len(FER2013))])
    faces = 128 + 70 * stripes[labels] + rng.normal(0, 12, (len(labels), 48, 48))
    return faces.clip(0, 255).astype(np.uint8)


def synthetic_votes(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Ten votes (N, 10) on each face: six to ten for the label, the rest for the next one or unknown."""
    rng = np.random.default_rng(seed)
    votes = np.zeros((len(labels), 10), np.int64)
    for row, label in zip(votes, labels, strict=True):
        own = FERPLUS.index(FER2013.names[label])
        agreed = rng.integers(6, 11)
        row[own] += agreed
        row[(own + 1) % len(FERPLUS)] += (10 - agreed) // 2
        row[8] += 10 - row.sum()
    return votes


def write_fer2013(path: Path, faces: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> Path:
    """A csv as Kaggle ships it."""
    rows = [
        f"{label},{' '.join(map(str, face.ravel()))},{split}"
        for face, label, split in zip(faces, labels, splits, strict=True)
    ]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return path


def write_votes(path: Path, votes: np.ndarray, splits: np.ndarray) -> Path:
    """A csv as Microsoft ships it."""
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    rows = [
        f"{split},fer{i:07d}.png,{','.join(map(str, row))}"
        for i, (row, split) in enumerate(zip(votes, splits, strict=True))
    ]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def fer2013_csv(tmp_path: Path) -> tuple[Path, Path]:
    """The paths of a small fer2013.csv and fer2013new.csv: 63 Training, 21 PublicTest, labels in turn.

    The first PublicTest face is an exact copy of the first Training face.
    """
    labels = np.arange(84) % len(FER2013)
    faces = synthetic_faces(labels)
    faces[63] = faces[0]
    splits = np.array(["Training"] * 63 + ["PublicTest"] * 21)
    return (
        write_fer2013(tmp_path / "fer2013.csv", faces, labels, splits),
        write_votes(tmp_path / "fer2013new.csv", synthetic_votes(labels), splits),
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny bundle, whose answers do not matter here."""
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(tiny_bundle.content())
    return str(path)


@pytest.fixture
def fast(model: str) -> list[str]:
    return ["--model", model, "--detector", "whole"]
