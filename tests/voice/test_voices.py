"""The result of listening: checks, rows, documents, text; windows with and without speech."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mien.errors import InputError, SoundError
from mien.labels import NO_SPEECH, UNCERTAIN, VOICE
from mien.voice.voices import Voices, voices_document


def voices(**changes: Any) -> Voices:
    """Two windows: one angry, one without speech."""
    probabilities = np.full((2, 6), np.nan, np.float32)
    probabilities[0] = [0.5, 0.1, 0.1, 0.1, 0.15, 0.05]
    shares = np.full((2, 6), np.nan, np.float32)
    shares[0] = [0.4, 0.1, 0.1, 0.1, 0.2, 0.1]
    values: dict[str, Any] = {
        "starts": np.array([0.0, 1.0]),
        "ends": np.array([3.0, 4.0]),
        "speech": np.array([True, False]),
        "speech_shares": np.array([0.9, 0.0], np.float32),
        "probabilities": probabilities,
        "vote_shares": shares,
        "strengths": np.array([0.7, np.nan], np.float32),
        "loudness": np.array([-20.04, -80.0], np.float32),
        "labels": VOICE,
        "duration": 4.0,
        "source": "talk.wav",
    }
    return Voices(**(values | changes))


def test_a_window_with_speech() -> None:
    voice = voices()[0]
    assert (voice.emotion, voice.confidence, voice.speech) == ("angry", pytest.approx(0.5), True)
    assert voice.vote_share == pytest.approx(0.4)
    assert voice.vote_shares is not None
    assert sum(voice.vote_shares.values()) == pytest.approx(1.0)
    assert voice.top(2)[1][0] == "neutral"
    assert str(voice) == "0.0 to 3.0 s: angry 50%, heard by 40%, strength 70% (-20 dB)"


def test_a_window_without_speech_has_no_emotion() -> None:
    voice = voices()[1]
    assert voice.emotion == NO_SPEECH
    assert (voice.confidence, voice.probabilities, voice.vote_shares, voice.strength) == (None, None, None, None)
    assert voice.top(3) == []
    assert str(voice) == "1.0 to 4.0 s: no speech (-80 dB)"


def test_little_confidence_is_uncertain() -> None:
    assert voices(min_confidence=0.6).emotions == [UNCERTAIN, NO_SPEECH]
    assert voices(min_confidence=0.5).emotions == ["angry", NO_SPEECH]


def test_rows_have_the_columns_and_are_json() -> None:
    rows = voices().to_rows()
    assert [list(row) for row in rows] == [Voices.columns(VOICE)] * 2
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert (rows[0]["angry"], rows[0]["heard_angry"], rows[0]["loudness"]) == (0.5, 0.4, -20.0)
    assert rows[1]["angry"] is None


def test_json_and_pandas() -> None:
    result = voices()
    assert json.loads(result.to_json())["voices"][0]["emotion"] == "angry"
    table = result.to_pandas()
    assert list(table.columns) == Voices.columns(VOICE)
    assert len(table) == 2


def test_slices_masks_and_iteration() -> None:
    result = voices()
    assert len(result[:1]) == 1
    assert result[result.speech].emotions == ["angry"]
    assert [voice.start for voice in result] == [0.0, 1.0]
    assert Voices.joined([result[:1], result[1:]]).to_dict() == result.to_dict()


def test_the_window_at_a_time_is_the_one_around_it() -> None:
    result = voices()
    assert result.at(0.2) == result[0]
    assert result.at(3.9) == result[1]
    assert result.at(9.0) is None


def test_no_window_is_no_error() -> None:
    none = Voices.none(VOICE)
    assert len(none) == 0
    assert none.to_rows() == []
    assert "0 windows" in str(none)
    with pytest.raises(InputError, match="at least one"):
        Voices.joined([])


def test_text_and_html_say_the_same() -> None:
    result = voices(source="<b>.wav")
    assert "2 windows of 4.0 s, 1 with speech" in str(result)
    assert repr(result).startswith("<Voices: 2 windows")
    assert "<b>angry</b>" in result._repr_html_()
    assert "&lt;b&gt;.wav" in result._repr_html_()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("starts", np.array([0, 1])),
        ("ends", np.zeros(3)),
        ("speech", np.array([1, 0])),
        ("probabilities", np.zeros((2, 5), np.float32)),
        ("probabilities", np.zeros((2, 6), np.float32)),
        ("vote_shares", np.full((2, 6), -1, np.float32)),
        ("loudness", np.zeros(2)),
    ],
)
def test_wrong_arrays_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"Voices.{name}"):
        voices(**{name: value})


def test_the_document_has_results_and_errors() -> None:
    document = voices_document("tiny", VOICE, [voices(), SoundError("expected sound", "a.png")])
    assert [sound["source"] for sound in document["sounds"]] == ["talk.wav"]
    assert document["errors"] == [{"source": "a.png", "reason": "expected sound"}]
    assert document["labels"]["emotions"] == list(VOICE.names)


def test_all_windows_as_one_are_the_mean_of_those_with_speech() -> None:
    first = voices()
    assert first.overall is not None
    assert first.overall.probabilities == pytest.approx(first[0].probabilities)
    assert (first.overall.start, first.overall.end, first.overall.speech_share) == (0.0, 4.0, pytest.approx(0.45))
    assert first.overall.loudness == pytest.approx(-23.05, abs=0.05)
    flat = np.full((2, 6), 1 / 6, np.float32)
    both = voices(
        speech=np.array([True, True]),
        speech_shares=np.array([0.9, 0.3], np.float32),
        probabilities=np.stack([first.probabilities[0], flat[0]]),
        vote_shares=flat,
        strengths=np.array([0.8, 0.4], np.float32),
    ).overall
    assert both is not None
    assert both.strength == pytest.approx(0.7)
    assert both.confidence == pytest.approx(0.75 * 0.5 + 0.25 / 6)
    silent = voices(speech=np.array([False, False])).overall
    assert silent is not None
    assert silent.emotion == NO_SPEECH
    assert Voices.none(VOICE).overall is None
    assert str(first).endswith("all: 0.0 to 4.0 s: angry 50%, heard by 40%, strength 70% (-23 dB)")
