"""The evaluation of voices: both heads, strength, groups, and the table that is printed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.made_up_voices import SHORTEST, tiny_voice
from helpers.voice_corpora import learnable_clips
from mien.errors import DataError
from mien.evaluation.voices import evaluate_answers, evaluate_voices
from mien.voice.bundle import VoiceBundle, VoiceMetadata


def answers(right: float, clips: int, labels: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    guesses = np.where(rng.random(clips) < right, labels, (labels + 1) % 6)
    return dict.fromkeys(("votes", "intended"), np.eye(6, dtype=np.float32)[guesses] * 0.76 + 0.04)


def test_scores_are_those_of_the_answers(tmp_path: Path) -> None:
    clips = learnable_clips(24)
    evaluation = evaluate_answers(answers(0.8, len(clips), clips.intended), clips.strength, clips, rounds=50)
    assert [result.name for result in evaluation.results] == ["votes", "intended"]
    accuracy = evaluation.results[1].metrics["accuracy"]
    low, high = evaluation.results[1].intervals["accuracy"]
    assert accuracy == pytest.approx(0.8, abs=0.07)
    assert low < accuracy < high
    assert evaluation.strength is not None
    assert (evaluation.strength.error, evaluation.strength.gain, evaluation.strength.experimental) == (0, 1, False)
    assert [group.attribute for group in evaluation.groups] == ["sex"]
    text = evaluation.table()
    assert "24 speakers" in text
    assert "balanced accuracy" in text
    assert "rows are labels" in text
    document = json.loads(evaluation.to_json(tmp_path / "e.json").read_text())
    assert document["strength"]["gain"] == 1


def test_a_strength_no_better_than_the_mean_is_experimental() -> None:
    clips = learnable_clips(4)
    constant = np.full(len(clips), clips.strength.mean(), np.float32)
    evaluation = evaluate_answers(answers(1, len(clips), clips.intended), constant, clips, rounds=20)
    assert evaluation.strength is not None
    assert evaluation.strength.gain == pytest.approx(0, abs=1e-5)
    assert evaluation.strength.experimental
    assert "experimental" in evaluation.table()


def test_clips_without_votes_are_judged_by_what_was_meant() -> None:
    clips = learnable_clips(3)
    clips = replace(clips, votes=0 * clips.votes, strength=np.full(len(clips), np.nan, np.float32))
    evaluation = evaluate_answers(answers(1, len(clips), clips.intended), clips.strength, clips, rounds=20)
    assert [result.name for result in evaluation.results] == ["intended"]
    assert evaluation.strength is None
    nothing = replace(clips, intended=np.full(len(clips), -1))
    with pytest.raises(DataError, match="expected an emotion"):
        evaluate_answers(answers(1, len(clips), clips.intended), clips.strength, nothing, rounds=20)


def test_a_bundle_is_evaluated_on_whole_clips() -> None:
    clips = learnable_clips(2)
    bundle = VoiceBundle(tiny_voice(VoiceMetadata("tiny", shortest=SHORTEST)))
    told: list[float] = []
    evaluation = evaluate_voices(bundle, clips, rounds=20, progress=told.append)
    assert evaluation.results[0].n == len(clips)
    assert told[-1] == 1
    with pytest.raises(DataError, match="samples per second"):
        evaluate_voices(bundle, learnable_clips(2, rate=8_000))
