"""Runs that start with the best weights of another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from helpers import tiny_bundle
from mien.datasets import FaceDataset
from mien.errors import RecipeError
from mien.training import fit
from mien.training.fit import Run, train
from mien.training.recipe import Recipe

pytestmark = pytest.mark.slow

MakeRecipe = Callable[..., Recipe]


class TestStartingFromAnotherRun:
    def test_its_first_weights_are_the_others_best(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None
    ) -> None:
        train(tiny("epochs=2"), dataset, tmp_path / "first")
        still = [f"initial={tmp_path / 'first'}", "epochs=1", "ema=0", "learning_rate=1e-12"]
        train(tiny(*still), dataset, tmp_path / "second")
        before, after = (fit.best_weights(Run(tmp_path / name))[0] for name in ("first", "second"))
        for name in before:
            if not name.endswith(("running_mean", "running_var", "num_batches_tracked")):
                torch.testing.assert_close(after[name], before[name])
        facts = json.loads(Run(tmp_path / "second").facts.read_text())
        assert len(facts["initial"]) == 64

    def test_heads_that_it_had_not_start_anew(
        self, tiny: MakeRecipe, without_votes: FaceDataset, dataset: FaceDataset, tmp_path: Path, unexported: None
    ) -> None:
        train(tiny("epochs=1", "stopping.monitor=val_loss", "stopping.mode=min"), without_votes, tmp_path / "first")
        train(tiny("epochs=1", f"initial={tmp_path / 'first'}"), dataset, tmp_path / "second")
        assert "heads.ferplus.weight" in fit.best_weights(Run(tmp_path / "second"))[0]

    def test_another_network_is_refused(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None
    ) -> None:
        train(tiny("epochs=1"), dataset, tmp_path / "first")
        with pytest.raises(RecipeError, match=r"expected a run of the same network, but \d+ of its \d+ tensors differ"):
            train(tiny("network.stem=4", f"initial={tmp_path / 'first'}"), dataset, tmp_path / "second")
        assert not (tmp_path / "second").exists()

    def test_a_folder_without_a_run_is_refused(self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match=r"initial: expected the folder of a run"):
            train(tiny(f"initial={tmp_path}"), dataset, tmp_path / "second")

    def test_with_a_teacher_it_trains_to_its_end(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None
    ) -> None:
        train(tiny("epochs=2", "teacher.bundles=['mien']"), dataset, tmp_path)
        facts = json.loads(Run(tmp_path).facts.read_text())
        assert list(facts["teachers"]) == ["mien"]

    def test_faces_that_the_other_run_may_have_learnt_are_told(
        self,
        tiny: MakeRecipe,
        dataset: FaceDataset,
        tmp_path: Path,
        unexported: None,
        mien_log: pytest.LogCaptureFixture,
    ) -> None:
        words = ["epochs=1", "data.validation=held-out", "data.held_out=0.3"]
        train(tiny(*words), dataset, tmp_path / "first")
        train(tiny(*words, f"initial={tmp_path / 'first'}"), dataset, tmp_path / "same")
        assert "may have learnt" not in mien_log.text
        train(tiny(*words, f"initial={tmp_path / 'first'}", "seed=1"), dataset, tmp_path / "other")
        assert "first may have learnt faces that are held out here" in mien_log.text

    def test_a_finished_start_is_not_needed_again(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None
    ) -> None:
        train(tiny("epochs=1"), dataset, tmp_path / "first")
        recipe = tiny("epochs=2", f"initial={tmp_path / 'first'}")
        train(recipe, dataset, tmp_path / "second")
        (tmp_path / "first").rename(tmp_path / "moved")
        train(recipe, dataset, tmp_path / "second", resume=True)

    def test_another_teacher_of_that_name_is_refused(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None
    ) -> None:
        teacher = tmp_path / "teacher.onnx"
        teacher.write_bytes(tiny_bundle.content())
        recipe = tiny("epochs=1", f"teacher.bundles=['{teacher}']")
        train(recipe, dataset, tmp_path / "run")
        teacher.write_bytes(tiny_bundle.content(scale=2))
        with pytest.raises(RecipeError, match="was started with other teachers"):
            train(recipe, dataset, tmp_path / "run", resume=True)
