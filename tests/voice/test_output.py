"""Rows and timelines of what is heard; a microphone, with a file as the device."""

from __future__ import annotations

import csv
import json
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.made_up_voices import AlwaysSpeech, noise, write_wav
from mien.errors import InputError, MissingExtraError, SoundError
from mien.labels import VOICE
from mien.voice import microphone
from mien.voice.bundle import VoiceBundle
from mien.voice.microphone import Microphone
from mien.voice.recognizer import VoiceRecognizer
from mien.voice.rows import SegmentWriter
from mien.voice.timeline import cells_of, write_voice_timeline
from mien.voice.voices import Voices


@pytest.fixture
def heard(recognizer: VoiceRecognizer) -> Voices:
    sound = np.concatenate([noise(4.0), np.zeros(64_000, np.float32)])
    return recognizer.predict(sound, rate=16_000)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_are_what_the_result_says(heard: Voices, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    with SegmentWriter(path, VOICE) as writer:
        writer.write(heard[:2])
        writer.write(heard[2:])
    assert writer.count == len(heard)
    if suffix == ".csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
    elif suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(path).to_pylist()
    assert [list(row) for row in rows] == [Voices.columns(VOICE)] * len(heard)
    assert [row["emotion"] for row in rows] == heard.emotions
    assert [float(row["end"]) for row in rows] == pytest.approx(heard.ends.tolist())
    assert rows[-1]["angry"] in ("", None)


def test_rows_have_a_known_suffix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.csv, \.jsonl, \.parquet"):
        SegmentWriter(tmp_path / "rows.txt", VOICE)


def test_cells_have_no_gap(heard: Voices) -> None:
    cells = cells_of(heard)
    assert cells[0][0] == 0
    assert cells[-1][1] == pytest.approx(heard.duration, abs=0.01)
    assert all(a[1] == b[0] for a, b in pairwise(cells))
    assert cells_of(heard[:0]) == []


def test_the_page_shows_speech_and_loudness(heard: Voices, tmp_path: Path) -> None:
    page = write_voice_timeline(heard, tmp_path / "t.html").read_text()
    assert page.count("<title>") == 1 + int(heard.speech.sum())
    assert "polyline" in page
    assert "<script" not in page


def test_the_picture_is_drawn_also_of_nothing(heard: Voices, tmp_path: Path) -> None:
    for voices in (heard, heard[:0]):
        assert write_voice_timeline(voices, tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"\.html or \.png|\.png or \.html"):
        write_voice_timeline(heard, tmp_path / "t.pdf")


def test_a_file_takes_the_place_of_the_microphone(recognizer: VoiceRecognizer, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "s.wav", noise(4.0))
    waited: list[float] = []
    with Microphone(str(path), pause=waited.append) as device:
        windows = list(recognizer.listen(device))
    assert sum(waited) == pytest.approx(4.0, abs=0.05)
    assert [part.source for part in windows] == [f"microphone {path}"] * 2
    with Microphone(str(path), seconds=1.0, pause=waited.append) as device:
        assert Voices.joined(list(recognizer.listen(device))).duration < 2.0


class FakeStream:
    """An input stream that gives its blocks as soon as it is entered."""

    blocks = 12

    def __init__(self, callback: Any, blocksize: int, **_: Any) -> None:
        self.callback, self.size = callback, blocksize

    def __enter__(self) -> None:
        for _ in range(self.blocks):
            self.callback(np.full((self.size, 1), 0.1, np.float32), self.size, None, None)

    def __exit__(self, *_: object) -> None:
        pass


def test_a_device_gives_blocks(monkeypatch: pytest.MonkeyPatch, bundle: VoiceBundle) -> None:
    fake = SimpleNamespace(InputStream=FakeStream, PortAudioError=RuntimeError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    with Microphone("3", seconds=1.0) as device:
        (window,) = VoiceRecognizer(bundle, speech=AlwaysSpeech()).listen(device)
    assert window.ends[0] == pytest.approx(1.0, abs=0.01)


def test_a_device_that_falls_silent_or_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(FakeStream):
        blocks = 0

    def refuse(**_: Any) -> None:
        raise RuntimeError("no such device")

    monkeypatch.setattr(microphone, "PATIENCE", 0.01)
    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(InputStream=Silent, PortAudioError=RuntimeError))
    with pytest.raises(SoundError, match="no sound for"):
        list(Microphone().parts((16_000,)))
    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(InputStream=refuse, PortAudioError=RuntimeError))
    with pytest.raises(SoundError, match="no such device"):
        Microphone()


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match="microphone"):
        Microphone()
