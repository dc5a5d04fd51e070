"""The voice bundle: its metadata, its calibration, and what is said of files that are none."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from helpers import tiny_bundle
from helpers.made_up_voices import SHORTEST, tiny_voice
from mien.bundle import released
from mien.errors import BundleError, InputError
from mien.voice.bundle import VoiceBundle, VoiceHead, VoiceMetadata, find_voice, released_voices, voice_bundle


def quiet(level: float = 0.1, clips: int = 2) -> np.ndarray:
    return np.full((clips, SHORTEST), level, np.float32)


def test_it_answers_with_probabilities_shares_and_strength(bundle: VoiceBundle) -> None:
    answer = bundle.answer(quiet())
    assert answer.probabilities["votes"].shape == (2, 6)
    np.testing.assert_allclose(answer.probabilities["votes"].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(answer.probabilities["votes"], answer.probabilities["intended"][:, ::-1], atol=1e-6)
    np.testing.assert_allclose(answer.strengths, 0.1, atol=1e-6)


def test_the_calibration_is_applied() -> None:
    head = VoiceHead((0.5,) * 6, (0.0, 0.0, 0.0, 0.0, 0.0, 2.0))
    metadata = VoiceMetadata(
        "tiny", shortest=SHORTEST, heads={"votes": head, "intended": head}, share_temperature=2.0, strength=(2.0, 0.3)
    )
    answer = VoiceBundle(tiny_voice(metadata)).answer(quiet())
    logits = np.linspace(-1, 1, 6)
    expected = np.exp(0.5 * logits + np.array([0, 0, 0, 0, 0, 2]))
    np.testing.assert_allclose(answer.probabilities["votes"][0], expected / expected.sum(), atol=1e-5)
    shares = np.exp(logits / 2)
    np.testing.assert_allclose(answer.vote_shares[0], shares / shares.sum(), atol=1e-5)
    np.testing.assert_allclose(answer.strengths, 0.5, atol=1e-6)
    assert VoiceBundle(tiny_voice(metadata)).answer(quiet(0.9)).strengths.max() == 1.0


def test_metadata_survive_the_file() -> None:
    metadata = VoiceMetadata("mine", rate=16_000, window=2.0, card={"licence": "x"}, share_temperature=1.5)
    assert VoiceMetadata.from_json(metadata.to_json(), "x") == metadata
    assert metadata.with_card({}).card == {}


def test_it_is_pickled_with_its_options(bundle: VoiceBundle) -> None:
    other = pickle.loads(pickle.dumps(bundle))
    np.testing.assert_array_equal(other.answer(quiet()).vote_shares, bundle.answer(quiet()).vote_shares)


@pytest.mark.parametrize(
    "sound",
    [np.zeros(SHORTEST, np.float32), np.zeros((1, SHORTEST)), np.zeros((1, SHORTEST - 1), np.float32)],
    ids=["one axis", "float64", "too short"],
)
def test_sound_of_another_form_is_refused(bundle: VoiceBundle, sound: np.ndarray) -> None:
    with pytest.raises(InputError, match="sound: expected float32"):
        bundle.logits(sound)


def changed(**changes: object) -> str:
    return json.dumps(json.loads(VoiceMetadata("tiny", shortest=SHORTEST).to_json()) | changes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nothing", "no ONNX file"),
        (tiny_voice(text=""), "no metadata"),
        (tiny_voice(text="{}"), "damaged"),
        (tiny_voice(text=changed(kind="face-finder")), "another kind"),
        (tiny_voice(text=changed(format_version=99)), "Upgrade"),
        (tiny_voice(text=changed(rate=0)), "damaged"),
        (tiny_voice(text=changed(heads={"votes": {"factors": [1], "offsets": [1]}})), "damaged"),
        (tiny_voice(emotions=5), "should be finite"),
        (tiny_bundle.content(), "damaged|another kind"),
    ],
    ids=["bytes", "none", "empty", "finder", "newer", "rate", "head", "outputs", "face bundle"],
)
def test_files_that_are_no_voice_bundle(content: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        VoiceBundle(content, "it")


def test_voice_bundles_are_found_and_told_from_others(tmp_path: Path) -> None:
    voice, face = tmp_path / "v.onnx", tmp_path / "f.onnx"
    voice.write_bytes(tiny_voice())
    face.write_bytes(tiny_bundle.content())
    assert find_voice(voice) == voice_bundle(voice) == voice_bundle(tmp_path) == voice
    assert voice_bundle(face) is None
    assert voice_bundle("mien") is None
    with pytest.raises(BundleError, match="no voice bundle"):
        find_voice("nothing")


def test_released_voices_are_no_face_models() -> None:
    assert not set(released_voices()) & set(released())
    for path in released_voices().values():
        assert path.stat().st_size <= 1_000_000
        bundle = VoiceBundle.load(path)
        assert any("Open Database License" in notice for notice in bundle.metadata.card["notices"])
        assert "Article 5" in bundle.metadata.card["not_for"]
