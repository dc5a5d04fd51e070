"""Clips of voices in every form: labels, votes, speakers, folds; and what is said of folders that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.made_up_voices import noise, write_wav
from helpers.voice_corpora import learnable_clips, write_cremad
from mien.datasets import voices
from mien.datasets.voices import UNKNOWN, join_voices, load_voices, speaker_folds
from mien.errors import DataError, InputError
from mien.labels import LABEL_SETS, VOICE


def test_cremad_has_votes_speakers_and_groups(tmp_path: Path) -> None:
    clips = load_voices(write_cremad(tmp_path), rate=8_000)
    assert (len(clips), clips.source, clips.rate) == (24, "CREMA-D", 8_000)
    assert sorted(set(clips.speakers)) == ["1001", "1002", "1003", "1004"]
    np.testing.assert_array_equal(clips.intended, clips.heard)
    np.testing.assert_allclose(clips.votes.sum(axis=1), 9)
    np.testing.assert_allclose(clips.strength, 0.5)
    assert set(clips.groups) == {"sex", "age", "race"}
    assert len(clips.sound(0)) == pytest.approx(2_400, abs=8)
    assert clips.sound(0).dtype == np.float32


def test_cremad_without_votes_has_what_was_meant(tmp_path: Path) -> None:
    clips = load_voices(write_cremad(tmp_path, votes=False))
    assert (clips.heard == UNKNOWN).all()
    assert np.isnan(clips.strength).all()
    assert clips.groups == {}


def test_a_clip_without_its_votes_is_an_error(tmp_path: Path) -> None:
    folder = write_cremad(tmp_path)
    write_wav(folder / "1099_DFA_ANG_XX.wav", noise(0.3))
    with pytest.raises(DataError, match="1099_DFA_ANG_XX"):
        load_voices(folder)


def test_emodb_and_ravdess_are_known_by_their_names(tmp_path: Path) -> None:
    for name in ("03a01Fa", "03a01Wa", "08b02Lc"):
        write_wav(tmp_path / "emodb" / f"{name}.wav", noise(0.3))
    clips = load_voices(tmp_path / "emodb")
    assert clips.source == "EmoDB"
    assert [VOICE.at(k) for k in clips.intended] == ["happy", "angry", "uncertain"]
    assert clips.groups["sex"].tolist() == ["Male", "Male", "Female"]
    for name in ("03-01-05-02-01-01-12", "03-01-08-01-01-01-03"):
        write_wav(tmp_path / "ravdess" / "Actor" / f"{name}.wav", noise(0.3))
    clips = load_voices(tmp_path / "ravdess")
    assert clips.source == "RAVDESS"
    assert clips.intended.tolist() == [VOICE.index("angry"), UNKNOWN]
    assert clips.speakers.tolist() == ["12", "03"]


def test_folders_named_for_emotions(tmp_path: Path) -> None:
    for emotion in ("Happiness", "sad", "surprise"):
        write_wav(tmp_path / emotion / "ann_1.wav", noise(0.3))
        write_wav(tmp_path / emotion / "bob-2.wav", noise(0.3))
    clips = load_voices(tmp_path)
    assert sorted(clips.intended.tolist()) == [-1, -1, 3, 3, 5, 5]
    assert set(clips.speakers) == {"ann", "bob"}


def test_sound_is_kept_until_the_files_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_cremad(tmp_path)
    first = load_voices(folder)
    monkeypatch.setattr(voices, "read_sound", None)  # it would be called in vain
    np.testing.assert_array_equal(load_voices(folder).samples, first.samples)
    monkeypatch.undo()
    write_wav(folder / "1001_DFA_ANG_XX.wav", noise(0.5))
    assert len(load_voices(folder).samples) > len(first.samples)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "got nothing"),
        (lambda folder: folder.mkdir(), "found none"),
        (lambda folder: write_wav(folder / "talk" / "a.wav", noise(0.3)), "one folder per emotion"),
    ],
)
def test_folders_without_clips_are_errors(make: object, message: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    make(folder)  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        load_voices(folder)


def test_some_clips_are_taken() -> None:
    clips = learnable_clips(2)
    some = clips.take(clips.intended == 2)
    assert len(some) == 2
    np.testing.assert_array_equal(some.sound(1), clips.sound(8))
    assert len(clips.take(np.zeros(len(clips), bool))) == 0


def test_corpora_are_joined_and_their_speakers_kept_apart() -> None:
    clips = learnable_clips(2)
    both = join_voices([clips, clips.take(clips.intended < 3)])
    assert len(both) == 18
    np.testing.assert_array_equal(both.sound(12), clips.sound(0))
    with pytest.raises(InputError, match="same labels and rate"):
        join_voices([clips, learnable_clips(2, rate=8_000)])
    with pytest.raises(InputError):
        join_voices([])


def test_folds_keep_speakers_together_and_sexes_alike() -> None:
    clips = learnable_clips(12)
    folds = speaker_folds(clips, 3)
    for speaker in set(clips.speakers):
        assert len(set(folds[clips.speakers == speaker])) == 1
    for fold in range(3):
        sexes = clips.groups["sex"][folds == fold]
        assert (sexes == "Male").mean() == 0.5
    np.testing.assert_array_equal(folds, speaker_folds(clips, 3))
    with pytest.raises(InputError, match="number of speakers"):
        speaker_folds(clips, 13)


def test_no_face_model_has_the_voices_labels() -> None:
    assert VOICE.name not in LABEL_SETS
