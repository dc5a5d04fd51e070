"""A tiny voice bundle, and a recognizer that takes everything for speech."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.made_up_voices import AlwaysSpeech, tiny_voice
from mien.voice.bundle import VoiceBundle
from mien.voice.recognizer import VoiceRecognizer


@pytest.fixture
def bundle() -> VoiceBundle:
    return VoiceBundle(tiny_voice(), "tiny")


@pytest.fixture
def recognizer(bundle: VoiceBundle) -> VoiceRecognizer:
    return VoiceRecognizer(bundle, speech=AlwaysSpeech())


@pytest.fixture
def tiny_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_voice())
    return path
