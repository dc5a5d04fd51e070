"""Whole runs, from data to bundle: what they write and say."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.compare_runs import assert_same_run, best_epoch, history
from mien.bundle import Bundle
from mien.datasets import FaceDataset
from mien.errors import DataError, InputError, RecipeError, TrainingError
from mien.training.fit import Hardware, Run, train
from mien.training.module import logged_metrics
from mien.training.recipe import Recipe, load_recipe

pytestmark = pytest.mark.slow

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def kept() -> list[Path]:
    return []


class TestAFinishedRun:
    @pytest.fixture
    def folder(
        self,
        kept: list[Path],
        tiny: MakeRecipe,
        unchanged: tuple[str, ...],
        dataset: FaceDataset,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> Path:
        """One run, long enough to learn, for all tests that only look at it."""
        if not kept:
            folder = tmp_path_factory.mktemp("runs") / "one"
            recipe = tiny("epochs=14", "ema=0.5", "optimizer.learning_rate=0.02", "network.dropout=0", *unchanged)
            assert train(recipe, dataset, folder) == folder / "mien.onnx"
            kept.append(folder)
        return kept[0]

    def test_has_learnt_the_patterns(self, folder: Path, dataset: FaceDataset) -> None:
        validation = dataset.split("PublicTest")
        probabilities = Bundle.load(folder / "mien.onnx").probabilities(validation.faces)["fer2013"]
        assert (probabilities.argmax(1) == validation.labels).mean() > 0.5  # chance: 0.14

    def test_leaves_what_it_promises_and_nothing_else(self, folder: Path) -> None:
        files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
        assert [name for name in files if not name.startswith("tensorboard")] == [
            "checkpoints/best.ckpt",
            "checkpoints/last.ckpt",
            "evaluation.json",
            "history.csv",
            "mien.onnx",
            "predictions.npz",
            "recipe.toml",
            "run.json",
        ]
        assert any(name.startswith("tensorboard/events.out.tfevents") for name in files)

    def test_writes_a_row_of_figures_per_epoch(self, folder: Path) -> None:
        rows = history(folder)
        assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 15)]
        assert list(rows[0]) == [
            "epoch",
            "train_accuracy",
            "train_precision",
            "train_recall",
            "train_auc",
            "val_loss",
            "val_fer2013_accuracy",
            "val_fer2013_precision",
            "val_fer2013_recall",
            "val_fer2013_auc",
            "val_fer2013_macro_f1",
            "val_fer2013_nll",
            "val_ferplus_accuracy",
            "val_accuracy",
            "learning_rate",
            "train_loss",
        ]
        assert all(np.isfinite(float(value)) for row in rows for value in row.values())
        for row in rows:
            both = [float(row["val_fer2013_accuracy"]), float(row["val_ferplus_accuracy"])]
            assert float(row["val_accuracy"]) == pytest.approx(np.mean(both), abs=1e-5)

    def test_remembers_its_recipe(self, folder: Path, tiny: MakeRecipe, unchanged: tuple[str, ...]) -> None:
        again = load_recipe(folder / "recipe.toml")
        assert again.epochs == 14
        assert again == tiny("epochs=14", "ema=0.5", "optimizer.learning_rate=0.02", "network.dropout=0", *unchanged)

    def test_remembers_its_data_machine_and_time(self, folder: Path, dataset: FaceDataset) -> None:
        facts = json.loads((folder / "run.json").read_text())
        assert facts["data"] == {
            "digest": dataset.digest,
            "sources": {"fer2013": 63},
            "training": 63,
            "validation": "PublicTest",
            "votes": True,
        }
        assert {"torch", "lightning", "kornia", "numpy", "onnxruntime", "python"} == set(facts["versions"])
        assert facts["machine"]["threads"] == 1
        assert facts["epochs_run"] == 14
        assert facts["seconds"] > 0
        assert facts["parameters"] > 1000
        assert facts["gflop_per_face"] > 0

    def test_ships_the_epoch_with_the_best_value(self, folder: Path) -> None:
        values = [float(row["val_accuracy"]) for row in history(folder)]
        facts = json.loads((folder / "run.json").read_text())
        assert facts["best_epoch"] == int(np.argmax(values)) + 1

    def test_its_bundle_scores_what_training_measured(self, folder: Path) -> None:
        best = max(history(folder), key=lambda row: float(row["val_accuracy"]))
        evaluation = json.loads((folder / "evaluation.json").read_text())
        scores = {result["name"]: result["metrics"]["accuracy"] for result in evaluation["results"]}
        assert scores["fer2013"] == pytest.approx(float(best["val_fer2013_accuracy"]), abs=1e-5)
        assert scores["ferplus, plurality of eight"] == pytest.approx(float(best["val_ferplus_accuracy"]), abs=1e-5)

    def test_its_bundle_carries_recipe_run_and_metrics(self, folder: Path) -> None:
        card = Bundle.load(folder / "mien.onnx").metadata.card
        assert set(card) == {"training", "recipe", "metrics", "calibration"}
        assert card["recipe"] == json.loads(json.dumps(load_recipe(folder / "recipe.toml").to_dict()))
        assert card["metrics"] == json.loads((folder / "evaluation.json").read_text())
        assert card["training"] == json.loads((folder / "run.json").read_text())

    def test_is_not_overwritten(self, folder: Path, tiny: MakeRecipe, dataset: FaceDataset) -> None:
        before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
        with pytest.raises(RecipeError, match=r"holds a run already: add --resume .* or choose another --out"):
            train(tiny(), dataset, folder)
        assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before

    def test_is_not_resumed_with_another_recipe(self, folder: Path, tiny: MakeRecipe, dataset: FaceDataset) -> None:
        with pytest.raises(RecipeError, match=r"started with another recipe, see .*recipe\.toml"):
            train(tiny(), dataset, folder, resume=True)

    def test_is_not_resumed_with_other_data(self, folder: Path, without_votes: FaceDataset) -> None:
        with pytest.raises(DataError, match="started with other data"):
            train(load_recipe(folder / "recipe.toml"), without_votes, folder, resume=True)

    def test_resumed_ends_as_it_was(self, folder: Path, dataset: FaceDataset, tmp_path: Path) -> None:
        again = shutil.copytree(folder, tmp_path / "again")
        (again / "mien.onnx").unlink()
        train(load_recipe(folder / "recipe.toml"), dataset, again, resume=True)
        assert_same_run(folder, again)


@pytest.mark.usefixtures("unexported")
class TestTraining:
    def test_the_seed_decides(self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path) -> None:
        for name, seed in (("one", 1), ("again", 1), ("other", 2)):
            train(tiny("epochs=2", f"seed={seed}"), dataset, tmp_path / name)
        assert history(tmp_path / "one") == history(tmp_path / "again")
        assert history(tmp_path / "one") != history(tmp_path / "other")

    @pytest.mark.parametrize(
        "override",
        [
            "batch_size=32",
            "input.size=40",
            "network.dropout=0.6",
            "augment.rotation=40",
            "augment.mixup=2",
            "augment.cutmix=1",
            "data.validation=held-out",
            "data.folds=3",
            "data.sampling=balanced",
            "loss.label_smoothing=0.3",
            "loss.votes_weight=0.1",
            "loss.focus=2",
            "optimizer.learning_rate=0.02",
            "optimizer.momentum=0.5",
            "optimizer.name=adam",
            "optimizer.sam=0.5",
            "optimizer.gradient_clip=1e-6",
            "optimizer.weight_decay=0.9",
            "schedule.warmup=0.9",
            "schedule.final=0.9",
            "schedule.name=one-cycle",
            "schedule.name=plateau",
            "schedule.name=constant",
            "schedule.small_until=0",
        ],
    )
    def test_every_part_of_the_recipe_reaches_the_run(
        self, override: str, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path
    ) -> None:
        for name, overrides in (("plain", []), ("other", [override])):
            train(tiny("epochs=1", "optimizer.name=sgd", *overrides), dataset, tmp_path / name)
        (plain,), (other,) = history(tmp_path / "plain"), history(tmp_path / "other")
        assert plain["val_loss"] != other["val_loss"]

    def test_plateau_lowers_the_rate_after_so_many_epochs_without_a_better_value(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path
    ) -> None:
        still = ("optimizer.name=sgd", "optimizer.learning_rate=1e-6", "epochs=6")  # so small that nothing changes
        train(tiny("schedule.name=plateau", "schedule.plateau_patience=2", *still), dataset, tmp_path / "run")
        rates = [float(row["learning_rate"]) for row in history(tmp_path / "run")]
        assert rates == pytest.approx([1e-6, 1e-6, 1e-6, 5e-7, 5e-7, 2.5e-7])

    @pytest.mark.parametrize(("wanted", "times"), [("true", 1), ("false", 0), ("auto", 0)])  # auto: not on a CPU
    def test_the_network_is_compiled_where_the_recipe_asks(
        self,
        wanted: str,
        times: int,
        tiny: MakeRecipe,
        dataset: FaceDataset,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        compiled: list[object] = []
        monkeypatch.setattr("mien.training.models.SEResNet.compile", lambda network: compiled.append(network))
        train(tiny("epochs=1", f"compile={wanted}"), dataset, tmp_path / "run")
        assert len(compiled) == times

    def test_every_epoch_is_told_in_a_line(
        self,
        tiny: MakeRecipe,
        dataset: FaceDataset,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        mien_log: pytest.LogCaptureFixture,
    ) -> None:
        train(tiny("epochs=2"), dataset, tmp_path / "run")
        assert capsys.readouterr() == ("", "")
        errors = "\n".join(mien_log.messages)
        first, second = errors.splitlines()[-2:]
        assert re.search(r"fer2013 +Training +63 ", errors)
        assert first.startswith("epoch 1/2  loss ")
        assert second.startswith("epoch 2/2  loss ")
        assert second.endswith("0:00:00 left")
        value = float(history(tmp_path / "run")[1]["val_fer2013_accuracy"])
        assert f"  fer2013_accuracy {value:.4f}  " in second

    def test_stops_early_without_a_better_value(self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path) -> None:
        # Nothing is learnt at this rate, so the first epoch stays the best.
        recipe = tiny("epochs=9", "ema=0", "optimizer.learning_rate=1e-12", "stopping.patience=2")
        train(recipe, dataset, tmp_path / "run")
        assert len(history(tmp_path / "run")) == 3
        facts = json.loads((tmp_path / "run" / "run.json").read_text())
        assert (facts["epochs_run"], facts["best_epoch"]) == (3, 1)

    def test_a_run_that_stopped_early_stays_stopped(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path
    ) -> None:
        recipe = tiny("epochs=9", "ema=0", "optimizer.learning_rate=1e-12", "stopping.patience=2")
        train(recipe, dataset, tmp_path / "run")
        before = history(tmp_path / "run")
        train(recipe, dataset, tmp_path / "run", resume=True)
        assert history(tmp_path / "run") == before

    def test_less_can_be_better(self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path) -> None:
        recipe = tiny("epochs=4", "stopping.monitor=val_loss", "stopping.mode=min")
        train(recipe, dataset, tmp_path / "run")
        losses = [float(row["val_loss"]) for row in history(tmp_path / "run")]
        facts = json.loads((tmp_path / "run" / "run.json").read_text())
        assert facts["best_epoch"] == int(np.argmin(losses)) + 1

    def test_averaged_weights_are_the_ones_judged_and_kept(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path
    ) -> None:
        for name, decay in (("plain", 0), ("averaged", 0.99)):
            train(tiny("epochs=2", f"ema={decay}"), dataset, tmp_path / name)
        plain, averaged = (history(tmp_path / name) for name in ("plain", "averaged"))
        assert [row["train_loss"] for row in plain] == [row["train_loss"] for row in averaged]  # the same path
        assert [row["val_loss"] for row in plain] != [row["val_loss"] for row in averaged]
        plain_weights, averaged_weights = (
            torch.load(Run(tmp_path / name).last, weights_only=False) for name in ("plain", "averaged")
        )
        key = "network.heads.fer2013.weight"
        torch.testing.assert_close(averaged_weights["current_model_state"][key], plain_weights["state_dict"][key])
        assert not torch.equal(averaged_weights["state_dict"][key], plain_weights["state_dict"][key])

    def test_without_votes_one_head_is_trained(
        self, tiny: MakeRecipe, without_votes: FaceDataset, tmp_path: Path
    ) -> None:
        train(tiny("epochs=1"), without_votes, tmp_path / "run")
        (row,) = history(tmp_path / "run")
        assert "val_ferplus_accuracy" not in row
        assert row["val_accuracy"] == row["val_fer2013_accuracy"]
        assert json.loads((tmp_path / "run" / "run.json").read_text())["data"]["votes"] is False

    def test_a_metric_of_votes_needs_votes(self, tiny: MakeRecipe, without_votes: FaceDataset, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match="'val_ferplus_accuracy' is not logged on a data set without votes"):
            train(tiny("stopping.monitor=val_ferplus_accuracy"), without_votes, tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_any_logged_metric_can_stop_the_run(self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path) -> None:
        for name in logged_metrics(dataset.label_set, with_votes=True):
            mode = "min" if name.endswith(("loss", "nll")) else "max"
            recipe = tiny("epochs=2", f"stopping.monitor={name}", f"stopping.mode={mode}", "stopping.patience=1")
            train(recipe, dataset, tmp_path / name)
            assert best_epoch(tmp_path / name) in (1, 2)

    def test_an_unknown_metric_suggests_the_nearest(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path
    ) -> None:
        with pytest.raises(RecipeError, match="'val_accurracy' is not logged; did you mean 'val_accuracy'"):
            train(tiny("stopping.monitor=val_accurracy"), dataset, tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_without_training_faces_nothing_is_written(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path
    ) -> None:
        others = dataset.take(np.flatnonzero(dataset.splits != "Training"))
        with pytest.raises(DataError, match="split 'Training': expected a split with faces"):
            train(tiny(), others, tmp_path / "run")
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize("started", [False, True])
    def test_resumed_before_the_first_checkpoint_it_starts_over_and_says_so(
        self,
        started: bool,
        tiny: MakeRecipe,
        dataset: FaceDataset,
        tmp_path: Path,
        mien_log: pytest.LogCaptureFixture,
    ) -> None:
        recipe = tiny("epochs=1")
        train(recipe, dataset, tmp_path / "whole")
        assert "it starts at the beginning" not in mien_log.text
        if started:
            shutil.copytree(tmp_path / "whole", tmp_path / "run")
            shutil.rmtree(tmp_path / "run" / "checkpoints")
        train(recipe, dataset, tmp_path / "run", resume=True)
        assert "has no finished epoch to go on from: it starts at the beginning" in mien_log.text
        assert history(tmp_path / "run") == history(tmp_path / "whole")


def test_a_run_that_diverges_says_so_and_how_to_go_on(
    tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None
) -> None:
    recipe = tiny("optimizer.learning_rate=1e30", "optimizer.gradient_clip=0")
    with pytest.raises(TrainingError, match=r"diverged in epoch 1.*Lower optimizer\.learning_rate"):
        train(recipe, dataset, tmp_path / "run")


def test_a_loss_far_above_guessing_is_named_before_export(
    tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path
) -> None:
    """The numbers stay finite, so nothing else would stop it."""
    recipe = tiny("epochs=2", "ema=0", "optimizer.learning_rate=30", "optimizer.gradient_clip=0", "precision=32-true")
    with pytest.raises(
        TrainingError, match=r"diverged: the training loss was [\d,.e+]+ in epoch 1, where guessing has 1\.95"
    ):
        train(recipe, dataset, tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.onnx"))


def test_16_mixed_on_a_cpu_is_refused(tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"16-mixed needs a GPU.*bf16-mixed"):
        train(tiny("precision=16-mixed"), dataset, tmp_path / "run", hardware=Hardware("cpu"))
    assert not (tmp_path / "run").exists()


def test_scores_calibration_and_absent_classes_are_said(
    tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="mien.training")
    happy = dataset.label_set.index("happy")
    without = dataset.take(np.flatnonzero((dataset.splits != "Training") | (dataset.labels != happy)))
    bundle = Bundle.load(train(tiny("epochs=1"), without, tmp_path / "run"))
    assert "no Training face is labelled happy: the network cannot learn to choose it" in caplog.text
    assert "by which the epoch was chosen and the calibration was fitted" in caplog.text
    assert "weighted F1" in caplog.text
    effect = bundle.metadata.card["calibration"]["fer2013"]
    assert f"{100 * effect['labels_changed']:.1f} % of the labels changed" in caplog.text


def test_class_scaling_can_be_left_out(tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path) -> None:
    bundle = Bundle.load(train(tiny("epochs=1", "calibration.class_scaling=false"), dataset, tmp_path / "run"))
    assert "class_scaling" not in bundle.metadata.card
    for effect in bundle.metadata.card["calibration"].values():
        assert effect["labels_changed"] == 0
        assert effect["accuracy_before"] == effect["accuracy_after"]


def test_a_run_of_an_earlier_version_goes_on(tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path) -> None:
    """Its recipe lacks the sections that came later."""
    recipe = tiny("epochs=1")
    train(recipe, dataset, tmp_path / "run")
    written = tmp_path / "run" / "recipe.toml"
    text = re.sub(r"\[calibration\]\n(\w+ = .*\n)+", "", written.read_text())
    assert "calibration" not in text
    written.write_text(text)
    train(recipe, dataset, tmp_path / "run", resume=True)
    with pytest.raises(RecipeError, match="was started with another recipe"):
        train(tiny("epochs=1", "seed=9"), dataset, tmp_path / "run", resume=True)
