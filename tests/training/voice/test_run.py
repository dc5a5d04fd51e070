"""A run from clips to bundle: it learns, it is calibrated, it goes on after a stop, it is exported as it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.command_line import Output, usage_error
from helpers.made_up_voices import tiny_voice
from helpers.voice_corpora import learnable_clips, write_cremad
from mien.cli.exit_codes import OK, USAGE
from mien.cli.main import main
from mien.errors import DataError, ExportError, RecipeError
from mien.training.voice import export
from mien.training.voice.module import VoiceBatches, VoiceModule, spoken_span
from mien.training.voice.network import VoiceNetwork
from mien.training.voice.recipe import SHIPPED, VoiceRecipe, is_voice_recipe, load_voice_recipe
from mien.training.voice.run import NOTICES, train_voice
from mien.training.voice.train import predict, train
from mien.voice.bundle import VoiceBundle, VoiceMetadata

OFF = ("noise", "reverberation", "band_limit", "telephone", "tilt", "codec", "clipped", "mixup")
CALM = dict.fromkeys(OFF, 0) | {"shortest": 0.5, "longest": 0.7, "speed": 0.02, "time_masks": 0, "band_masks": 0}


def small(**changes: object) -> VoiceRecipe:
    values = {
        "epochs": 2,
        "batch_size": 16,
        "folds": 4,
        "ema": 0.8,
        "network": {"stem": 8, "stages": (8, 16, 16), "dropout": 0},
        "augment": CALM,
    }
    return VoiceRecipe(**{**values, **changes})  # type: ignore[arg-type]


def history(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "history.csv").read_text().splitlines()))


def test_it_learns_made_up_voices_and_the_bundle_knows_new_speakers(tmp_path: Path, capsys: Output) -> None:
    clips = learnable_clips(16, 12)
    path = train_voice([clips], tmp_path / "run", small(epochs=14, learning_rate=1e-2))
    bundle = VoiceBundle.load(path)
    card = bundle.metadata.card
    results = {result["name"]: result for result in card["metrics"]["results"]}
    assert results["votes"]["metrics"]["accuracy"] > 0.8
    assert results["intended"]["metrics"]["accuracy"] > 0.8
    assert len(card["training"]["data"]["validation_speakers"]) == 4
    assert "Article 5" in card["not_for"]
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["parameters"] == card["training"]["parameters"]
    assert facts["seconds"] > 0
    assert (tmp_path / "run" / "evaluation.json").is_file()
    assert main(["info", str(path)]) == OK
    text = capsys.readouterr().out
    assert "made up (192 clips)" in text
    assert "Article 5" in text
    assert "measured  votes, n = 48" in text
    assert main(["info", str(path), "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["kind"] == "voice"
    losses = [float(row["train_intended"]) for row in history(tmp_path / "run")]
    assert losses[-1] < 0.6 * losses[0]


def test_a_resumed_run_is_the_same_as_one_without_a_stop(tmp_path: Path) -> None:
    clips = learnable_clips(4)
    whole = train(clips, tmp_path / "whole", small(epochs=3))

    class StopError(Exception):
        pass

    step = VoiceModule.training_step

    def stopping(self: VoiceModule, *rest: Any) -> Any:
        if self.current_epoch == 2:
            raise StopError
        return step(self, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VoiceModule, "training_step", stopping)
        with pytest.raises(StopError):
            train(clips, tmp_path / "cut", small(epochs=3))
    resumed = train(clips, tmp_path / "cut", small(epochs=3), resume=True)
    assert [row["epoch"] for row in history(tmp_path / "cut")] == ["1", "2", "3"]
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_a_run_is_not_mixed_with_another(tmp_path: Path) -> None:
    clips = learnable_clips(4)
    train_voice([clips], tmp_path, small(epochs=1))
    with pytest.raises(RecipeError, match="holds a run already"):
        train_voice([clips], tmp_path, small(epochs=1))
    with pytest.raises(RecipeError, match="another recipe"):
        train_voice([clips], tmp_path, small(epochs=2), resume=True)
    with pytest.raises(DataError, match="other data"):
        train_voice([learnable_clips(5)], tmp_path, small(epochs=1), resume=True)
    with pytest.raises(DataError, match="at least one folder"):
        train_voice([], tmp_path / "x")


def test_the_exported_file_agrees_or_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = VoiceNetwork(6).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
    path = export.export_voice(network, tmp_path / "v.onnx", VoiceMetadata("v"))
    assert path.stat().st_size <= 1_000_000
    bundle = VoiceBundle.load(path)
    assert bundle.metadata.rate == 12_000
    for samples in (bundle.metadata.shortest, 20_000, 50_000):
        sound = (0.1 * np.random.default_rng(0).normal(size=(1, samples))).astype(np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(sound))
        np.testing.assert_allclose(bundle.logits(sound)["votes"], expected.votes.numpy(), atol=0.1)
    monkeypatch.setattr(export, "LARGEST_DIFFERENCE", 0.0)
    with pytest.raises(ExportError, match="Nothing was written"):
        export.export_voice(network, tmp_path / "w.onnx", VoiceMetadata("v"))
    assert not (tmp_path / "w.onnx").exists()


def test_the_calibration_fits_answers_that_are_too_sure() -> None:
    rng = np.random.default_rng(0)
    clips = learnable_clips(20, 12)
    truth = np.eye(6)[clips.intended]
    logits = 12 * (truth + rng.normal(0, 0.8, truth.shape)).astype(np.float32)
    found = export.calibrated({"votes": logits, "intended": logits, "strength": 3 * clips.strength - 1}, clips)
    probabilities = found.heads["intended"].probabilities(logits)
    right = probabilities.argmax(1) == clips.intended
    assert probabilities.max(1).mean() == pytest.approx(right.mean(), abs=0.05)
    assert found.strength == (pytest.approx(1 / 3, abs=1e-3), pytest.approx(1 / 3, abs=1e-3))
    assert found.share_temperature > 1


def test_whole_clips_are_answered_also_the_shortest() -> None:
    clips = learnable_clips(2, seconds=0.01)
    answers = predict(VoiceNetwork(6, small().network), clips)
    assert answers["votes"].shape == (12, 6)
    assert answers["strength"].shape == (12,)


def test_silence_around_speech_is_left_out() -> None:
    clips = learnable_clips(1, 1, seconds=0.5)
    quiet = np.zeros(6_000, np.int16)
    padded = np.concatenate([quiet, clips.samples, quiet])
    clips = clips.__class__(**{**vars(clips), "samples": padded, "starts": np.array([0, len(padded)])})
    start, end = spoken_span(clips, 0)
    assert 4_000 < start < 6_300
    assert 11_500 < end < 13_700
    silent = clips.__class__(**{**vars(clips), "samples": 0 * padded})
    assert spoken_span(silent, 0) == (0, len(padded))


def test_batches_have_one_length_and_the_same_clips_again() -> None:
    clips, recipe = learnable_clips(4), small()
    first, again = list(VoiceBatches(clips, recipe)), list(VoiceBatches(clips, recipe))
    assert len(first) == VoiceBatches(clips, recipe).count == 1
    for (a, targets), (b, _) in zip(first, again, strict=True):
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(targets.votes.sum(1), torch.ones(16))


def test_the_shipped_recipe_is_a_voice_recipe(tmp_path: Path) -> None:
    assert load_voice_recipe() == VoiceRecipe()
    assert is_voice_recipe("mien-voice")
    assert is_voice_recipe(SHIPPED)
    assert not is_voice_recipe("mien")
    assert not is_voice_recipe(tmp_path / "none.toml")
    changed = load_voice_recipe(settings=["augment.noise=0.1", "name=mine"], changes={"epochs": 3})
    assert (changed.augment.noise, changed.name, changed.epochs) == (0.1, "mine", 3)


@pytest.mark.parametrize("setting", ["augment.nois=0.1", "noise", "fold=9", "augment.noise=2", "epochs.x=1"])
def test_wrong_settings_are_recipe_errors(setting: str) -> None:
    with pytest.raises(RecipeError):
        load_voice_recipe(settings=[setting])


def test_every_corpus_with_a_licence_has_its_notice() -> None:
    assert "Open Database License" in NOTICES["CREMA-D"]


def test_the_command_trains_and_evaluates(tmp_path: Path, capsys: Output) -> None:
    data = str(write_cremad(tmp_path / "cremad", actors=5))
    out = tmp_path / "run"
    network = ["network.stem=4", "network.stages=[4, 8, 8]", "folds=2", "batch_size=8"]
    more = [part for setting in network for part in ("--set", setting)]
    arguments = ["train", "--recipe", "mien-voice", "--data", data, "--out", str(out), "--epochs", "1", *more]
    assert main(arguments) == OK
    assert (out / "mien-voice.onnx").is_file()
    assert VoiceBundle.load(out / "mien-voice.onnx").metadata.card["notices"] == [NOTICES["CREMA-D"]]
    assert main(["evaluate", str(out), "--data", data, "--out", str(tmp_path / "e.json")]) == OK
    assert "5 speakers" in capsys.readouterr().out
    assert json.loads((tmp_path / "e.json").read_text())["source"] == "CREMA-D"
    assert usage_error(*arguments, "--max-time", "3m") == USAGE
    assert usage_error(*arguments, "--device", "cuda") == USAGE
    assert usage_error("evaluate", str(out), "--data", data, "--split", "Test") == USAGE


def test_a_card_of_other_means_is_told(tmp_path: Path, capsys: Output) -> None:
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(tiny_voice())
    assert main(["info", str(bare)]) == OK
    assert "written by other means" in capsys.readouterr().out


def test_a_run_starts_from_the_weights_of_another(tmp_path: Path) -> None:
    clips = learnable_clips(4)
    train(clips, tmp_path / "first", small(epochs=2))
    weights = tmp_path / "first" / "weights.pt"
    still = train(clips, tmp_path / "second", small(epochs=1, learning_rate=1e-9), initial=weights)
    kept = torch.load(weights, weights_only=True)
    for name, values in still.state_dict().items():
        if "running" not in name and "tracked" not in name:
            torch.testing.assert_close(values, kept[name], atol=1e-5, rtol=1e-3)
    for wrong in (tmp_path / "none.pt", tmp_path / "first" / "recipe.json"):
        with pytest.raises(RecipeError, match=r"weights\.pt"):
            train(clips, tmp_path / "third", small(epochs=1), initial=wrong)
    other = small(epochs=1, network={"stem": 4, "stages": (8, 16, 16)})
    with pytest.raises(RecipeError, match="same network"):
        train(clips, tmp_path / "third", other, initial=weights)
