"""Face and voice together: what each one's certainty does, emotions that the voice lacks, and silence."""

from __future__ import annotations

import numpy as np
import pytest

from mien.errors import InputError
from mien.evaluation.fusion import fit_fusion, judge_fusion, pooled, shares_of
from mien.labels import AFFECTNET, FER2013, VOICE, LabelSet
from mien.voice.fusion import RULE, FusionRule, fuse, fuse_with
from mien.voice.voices import Voice

EVEN = FusionRule(1.0, 1.0, {})


def one(labels: LabelSet, emotion: str, sure: float) -> np.ndarray:
    row = np.full(len(labels), (1 - sure) / (len(labels) - 1), np.float32)
    row[labels.names.index(emotion)] = sure
    return row


def voice(probabilities: dict[str, float] | None) -> Voice:
    spoken = probabilities is not None
    return Voice(0, 3, spoken, 1.0, "angry", 1.0, probabilities, 1.0, probabilities, 0.5, -20.0)


@pytest.mark.parametrize("labels", [FER2013, AFFECTNET])
def test_a_sure_voice_decides_for_an_unsure_face(labels: LabelSet) -> None:
    face = one(labels, "neutral", 0.3)[None]
    joint = fuse(face, labels, one(VOICE, "angry", 0.9), VOICE)
    assert labels.names[int(joint[0].argmax())] == "angry"
    assert joint.sum() == pytest.approx(1)
    assert joint.dtype == np.float32


def test_a_sure_face_is_not_overruled_by_an_unsure_voice() -> None:
    face = one(FER2013, "happy", 0.95)[None]
    joint = fuse(face, FER2013, one(VOICE, "sad", 0.4), VOICE)
    assert FER2013.names[int(joint[0].argmax())] == "happy"


def test_an_even_voice_changes_nothing_but_the_offsets() -> None:
    face = np.stack([one(FER2013, "happy", 0.6), one(FER2013, "surprise", 0.8)])
    even = np.full(6, 1 / 6)
    np.testing.assert_allclose(fuse(face, FER2013, even, VOICE, EVEN), face, atol=1e-6)


def test_surprise_is_neither_heard_nor_ruled_out() -> None:
    face = one(FER2013, "surprise", 0.9)[None]
    for emotion in VOICE.names:
        joint = fuse(face, FER2013, one(VOICE, emotion, 0.5), VOICE, EVEN)[0]
        surprise, heard = (joint[FER2013.names.index(name)] for name in ("surprise", emotion))
        assert surprise > heard
        assert heard > face[0, FER2013.names.index(emotion)]


def test_no_speech_leaves_the_face_alone() -> None:
    face = one(FER2013, "sad", 0.4)[None]
    assert fuse_with(face, FER2013, None) is face
    assert fuse_with(face, FER2013, voice(None)) is face
    heard = voice(dict(zip(VOICE.names, map(float, one(VOICE, "angry", 0.9)), strict=True)))
    assert FER2013.names[int(fuse_with(face, FER2013, heard)[0].argmax())] == "angry"


def test_no_face_gives_no_row() -> None:
    assert fuse(np.zeros((0, 7), np.float32), FER2013, np.full(6, 1 / 6), VOICE).shape == (0, 7)


def test_arrays_of_other_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="expected faces"):
        fuse(np.zeros((1, 6), np.float32), FER2013, np.full(6, 1 / 6), VOICE)


def test_the_fit_finds_the_rule_that_made_the_votes() -> None:
    rng = np.random.default_rng(0)
    face, voices = (shares_of(rng.gamma(0.5, 4, (2000, 6))) for _ in range(2))
    made = FusionRule(0.8, 0.4, dict(zip(VOICE.names, (0.3, -0.2, 0.1, 0.0, -0.3, 0.1), strict=True)))
    both = pooled(made, face, voices, VOICE.names)
    found = fit_fusion(face, voices, both, VOICE.names)
    assert (found.face, found.voice) == (pytest.approx(0.8, abs=0.02), pytest.approx(0.4, abs=0.02))
    assert found.offsets["neutral"] == pytest.approx(-0.3, abs=0.05)
    score = judge_fusion(pooled(found, face, voices, VOICE.names), both)
    assert score.agreement > 0.98
    assert score.cross_entropy < judge_fusion(face, both).cross_entropy
    plain = fit_fusion(face, voices, both, VOICE.names, offsets=False)
    assert set(plain.offsets.values()) == {0.0}


def test_one_face_is_joined_as_many_are() -> None:
    rng = np.random.default_rng(1)
    face, heard = (shares_of(rng.gamma(0.5, 4, (1, 6))) for _ in range(2))
    np.testing.assert_allclose(
        fuse(face, VOICE, heard[0], VOICE, RULE), pooled(RULE, face, heard, VOICE.names), atol=1e-5
    )


def test_the_rule_has_an_offset_for_every_emotion() -> None:
    assert set(RULE.offsets) == set(VOICE.names)
    with pytest.raises(InputError, match="one shape"):
        judge_fusion(np.zeros((2, 6)), np.zeros((3, 6)))
