"""A video with its sound: the voice at the time of each moment, faces joined with it, and videos without sound."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.made_up_voices import AlwaysSpeech, tiny_voice
from helpers.tiny_bundle import content
from helpers.video_clips import portraits, write_clip
from mien import EmotionRecognizer
from mien.bundle import Bundle
from mien.errors import InputError
from mien.video.recording import RecordingFiles, record_video
from mien.video.rows import columns, read_rows
from mien.voice.bundle import VoiceBundle
from mien.voice.fusion import fuse_with
from mien.voice.recognizer import VoiceRecognizer
from mien.voice.tracking import VoiceTrack


@pytest.fixture(scope="module")
def faces() -> EmotionRecognizer:
    return EmotionRecognizer(Bundle(content(), "tiny"), detector="whole")


def clip(path: Path, sound: str | None) -> Path:
    frames = portraits(12)
    return write_clip(path, [time for time, _ in frames], [image for _, image in frames], sound=sound)


def test_every_moment_has_its_voice_and_joint_faces(
    faces: EmotionRecognizer, recognizer: VoiceRecognizer, tmp_path: Path
) -> None:
    path = clip(tmp_path / "talk.mp4", "aac")
    with faces.track(path, voice=recognizer) as moments:
        seen = list(moments)
        assert moments.notes == []
    plain = list(faces.track(path))
    assert len(seen) == len(plain) == 12
    for with_voice, without in zip(seen, plain, strict=True):
        assert with_voice.voice is not None
        assert with_voice.voice.start <= with_voice.time <= with_voice.voice.end
        assert without.voice is None
        np.testing.assert_array_equal(with_voice.faces.probabilities, without.faces.probabilities)
        assert with_voice.faces.fused is not None
        joint = fuse_with(without.faces.probabilities, without.faces.labels, with_voice.voice)
        np.testing.assert_allclose(with_voice.faces.fused, joint, atol=1e-5)
        face = with_voice.faces[0]
        assert face.fused is not None
        assert sum(face.fused.values()) == pytest.approx(1, abs=1e-4)
        assert list(face.to_dict()["fused"]) == list(face.probabilities)
        assert without.faces[0].fused is None
        assert "fused" not in without.faces[0].to_dict()


class NoSpeech(AlwaysSpeech):
    """Takes nothing for speech."""

    def __call__(self, sound: Any) -> Any:
        return 0 * super().__call__(sound)


def test_without_speech_the_face_alone_is_reported(faces: EmotionRecognizer, tmp_path: Path) -> None:
    deaf = VoiceRecognizer(VoiceBundle(tiny_voice(), "tiny"), speech=NoSpeech())
    for moment in faces.track(clip(tmp_path / "hum.mp4", "aac"), voice=deaf):
        assert moment.voice is not None
        assert not moment.voice.speech
        np.testing.assert_array_equal(moment.faces.fused, moment.faces.probabilities)


def test_a_mute_video_is_no_error(faces: EmotionRecognizer, recognizer: VoiceRecognizer, tmp_path: Path) -> None:
    with faces.track(clip(tmp_path / "mute.mp4", None), voice=recognizer) as moments:
        for moment in moments:
            assert moment.voice is None
            np.testing.assert_array_equal(moment.faces.fused, moment.faces.probabilities)
        assert "no sound" in moments.notes[0]


def test_only_files_have_sound(faces: EmotionRecognizer, recognizer: VoiceRecognizer) -> None:
    frames = [(0.0, np.zeros((48, 64, 3), np.uint8))]
    with pytest.raises(InputError, match="path of a video file"):
        faces.track(frames, voice=recognizer)


def test_the_rule_is_for_the_votes(faces: EmotionRecognizer, bundle: VoiceBundle, tmp_path: Path) -> None:
    other = VoiceRecognizer(bundle, head="intended", speech=AlwaysSpeech())
    with pytest.raises(InputError, match="head='votes'"):
        faces.track(clip(tmp_path / "v.mp4", "aac"), voice=other)


def test_faces_check_the_joint_probabilities(faces: EmotionRecognizer) -> None:
    found = faces.predict(np.zeros((48, 48, 3), np.uint8))
    with pytest.raises(InputError, match=r"Faces\.fused"):
        replace(found, fused=np.zeros((1, 2), np.float32))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_say_what_face_and_voice_are_together(
    faces: EmotionRecognizer, recognizer: VoiceRecognizer, tmp_path: Path, suffix: str
) -> None:
    path, rows = clip(tmp_path / "talk.mp4", "aac"), tmp_path / f"rows{suffix}"
    add = VoiceTrack(path, recognizer).add
    record_video(faces, path, RecordingFiles.of(rows=rows), add_voice=add)
    if suffix == ".csv":
        found = list(csv.DictReader(rows.read_text().splitlines()))
    elif suffix == ".jsonl":
        found = [json.loads(line) for line in rows.read_text().splitlines()]
    else:
        import pyarrow.parquet

        found = pyarrow.parquet.read_table(rows).to_pylist()
    assert [list(row) for row in found] == [columns(faces.labels, voice=True)] * 12
    voices = recognizer.predict(path)
    assert {row["voice"] for row in found} == set(voices.emotions)
    joint = next(iter(faces.track(path, voice=recognizer))).faces[0].fused
    assert joint is not None
    assert found[0]["fused"] == max(joint, key=lambda name: joint[name])
    assert [moment.frame for moment in read_rows(rows, faces.labels)] == list(range(12))


def test_a_recording_with_the_voice_is_not_resumed(faces: EmotionRecognizer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Record it anew"):
        record_video(
            faces,
            clip(tmp_path / "v.mp4", None),
            RecordingFiles.of(rows=tmp_path / "r.csv"),
            resume=True,
            add_voice=lambda moment: moment,
        )
