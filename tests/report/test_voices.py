"""The page about a voice bundle: scores, groups, curves and spectrograms, whole and without other files."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.made_up_voices import SHORTEST, tiny_voice
from helpers.voice_corpora import learnable_clips, write_cremad
from mien.cli.exit_codes import OK
from mien.cli.main import main
from mien.errors import InputError
from mien.report.voices import write_voice_report
from mien.voice.bundle import VoiceBundle, VoiceMetadata


def test_the_page_has_every_chapter(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text("epoch,seconds,train_votes,train_intended\n1,2,1.7,1.8\n2,4,1.5,1.6\n")
    bundle = VoiceBundle(tiny_voice(VoiceMetadata("tiny", shortest=SHORTEST)))
    told: list[float] = []
    page = write_voice_report(
        bundle, learnable_clips(20), tmp_path / "out", history=history, progress=lambda stage, share: told.append(share)
    )
    text = page.read_text(encoding="utf-8")
    for word in ("Spectrograms", "Confusion", "Reliability", "Losses", "sex", "The strength is experimental", "20"):
        assert word in text, word
    assert "<img" not in text
    assert {path.stem for path in (page.parent / "figures").iterdir()} >= {"votes-confusion", "spectrograms"}
    assert told[-1] == 1
    history.write_text("epoch,seconds,train_votes\n")
    with pytest.raises(InputError, match="at least one epoch"):
        write_voice_report(bundle, learnable_clips(2), tmp_path / "out", history=history)


def test_the_command_writes_the_page_of_a_voice_bundle(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_voice())
    data = str(write_cremad(tmp_path / "cremad"))
    assert main(["report", str(path), "--data", data, "--out", str(tmp_path / "page")]) == OK
    assert "There are no two groups" in (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
