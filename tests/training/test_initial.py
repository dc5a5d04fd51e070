"""Runs that start with the best weights of another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import tiny_bundle
from helpers.paths import EXAMPLES
from mien.bundle import Bundle
from mien.datasets import FaceDataset
from mien.errors import RecipeError
from mien.images import load_image
from mien.preprocess import to_input
from mien.training import fit
from mien.training.export import network_logits
from mien.training.fit import Run, train
from mien.training.initial import start_from
from mien.training.models import build
from mien.training.recipe import Recipe, load_recipe, make_recipe

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


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Crops with something in them: the portraits of the examples, moved about."""
    sheet = load_image(EXAMPLES / "contact_sheet.jpg").mean(axis=2).astype(np.uint8)
    rng = np.random.default_rng(0)
    places = zip(rng.integers(0, sheet.shape[0] - 96, 64), rng.integers(0, sheet.shape[1] - 96, 64), strict=True)
    return np.stack([sheet[y : y + 96 : 2, x : x + 96 : 2] for y, x in places])


class TestStartingFromABundle:
    @pytest.mark.parametrize(("name", "error"), [("mien", 1e-3), ("mien-nano", 1.5)])
    def test_the_network_computes_what_the_bundle_does(self, name: str, error: float, faces: np.ndarray) -> None:
        """A bundle in 8 bits rounds its activations too, which the network does not."""
        bundle = Bundle.load(name, threads=1)
        card = bundle.metadata.card
        recipe = make_recipe(card["recipe"] | {"initial": name, "teacher": {}})
        network = build(recipe.network.name, recipe.network.options, {"fer2013": 7, "ferplus": 8}, recipe.input.size)
        start_from(recipe.initial, network, faces)
        expected, found = bundle.logits(faces), network_logits(network.eval(), faces, bundle.metadata.input)
        for head, values in found.items():
            scaling = card["class_scaling"][head]
            assert np.abs(values * scaling["factors"] + scaling["offsets"] - expected[head]).max() < error
        network.train()
        with torch.no_grad():
            trained = network(torch.from_numpy(to_input(faces, bundle.metadata.input)))
        assert (
            np.abs(trained["ferplus"].numpy() - found["ferplus"]).mean() < 2
        )  # batch norms have the faces' statistics

    def test_another_network_and_another_file_are_refused(self, tiny: MakeRecipe, faces: np.ndarray) -> None:
        recipe = tiny()
        network = build(recipe.network.name, recipe.network.options, {"fer2013": 7}, recipe.input.size)
        with pytest.raises(RecipeError, match="expected a bundle of the same network"):
            start_from("mien", network, faces)
        with pytest.raises(RecipeError, match=r"a released bundle \(mien, mien-nano\) or a bundle's file, got mine"):
            start_from("mine", network, faces)

    def test_heads_of_other_labels_start_anew(self, faces: np.ndarray) -> None:
        recipe = load_recipe("finetune")
        network = build(recipe.network.name, recipe.network.options, {"affectnet": 8, "fer2013": 7}, recipe.input.size)
        fresh = network.state_dict()["heads.affectnet.weight"].clone()
        start_from(recipe.initial, network, faces)
        assert torch.equal(network.state_dict()["heads.affectnet.weight"], fresh)
