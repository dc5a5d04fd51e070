"""Backbones of transformers: tiny ones with random weights, saved to a folder as the hub would have them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from helpers.tiny_backbones import CONFIGS, backbone
from mien.bundle import Bundle
from mien.datasets import FaceDataset
from mien.errors import MissingExtraError, RecipeError
from mien.report import write_report
from mien.training.fit import Run, train
from mien.training.models import build, transfer
from mien.training.models.transfer import Transfer
from mien.training.recipe import Recipe, load_recipe

pytestmark = pytest.mark.slow

HEADS = {"fer2013": 7, "ferplus": 8}


@pytest.fixture(scope="module")
def folders() -> dict[str, Path]:
    """Each backbone in a folder of its own."""
    return {name: backbone(name) for name in CONFIGS}


@pytest.fixture
def recipe(folders: dict[str, Path]) -> Callable[..., Recipe]:
    def make(name: str, *overrides: str) -> Recipe:
        short = ("epochs=2", "batch_size=16", "compile=false", "precision=32-true", f"backbone={folders[name]}")
        return load_recipe("transfer", [*short, *overrides])

    return make


def network(folder: Path, **options: object) -> Transfer:
    torch.manual_seed(0)
    made = build("transfer", {"backbone": str(folder)} | options, HEADS, 48)
    assert isinstance(made, Transfer)
    return made


def faces(n: int = 3) -> torch.Tensor:
    return torch.rand(n, 1, 48, 48, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", sorted(CONFIGS))
class TestEveryBackbone:
    def test_answers_the_heads(self, name: str, folders: dict[str, Path]) -> None:
        logits = network(folders[name]).eval()(faces())
        assert {head: tuple(values.shape) for head, values in logits.items()} == {"fer2013": (3, 7), "ferplus": (3, 8)}
        assert all(values.isfinite().all() for values in logits.values())

    def test_keeps_the_weights_that_it_came_with(self, name: str, folders: dict[str, Path]) -> None:
        before = transformers.AutoModelForImageClassification.from_pretrained(folders[name]).state_dict()
        after = network(folders[name]).backbone.state_dict()
        new = [key for key, values in after.items() if not torch.equal(values, before[key])]
        assert 1 <= len(new) <= 2  # the classifier's weight and bias
        assert len(after) == len(before)

    def test_its_layers_are_all_parameters_once_and_end_with_the_classifier(
        self, name: str, folders: dict[str, Path]
    ) -> None:
        made = network(folders[name])
        layers = made.layers()
        assert sorted(id(p) for layer in layers for p in layer) == sorted(id(p) for p in made.parameters())
        assert len(layers) >= 4
        assert [p.shape[0] for p in layers[-1]] == [15] * len(layers[-1])
        first = next(made.parameters())
        assert any(p is first for p in layers[0])

    def test_trains_and_its_bundle_agrees(
        self, name: str, recipe: Callable[..., Recipe], dataset: FaceDataset, tmp_path: Path
    ) -> None:
        path = train(recipe(name), dataset, tmp_path / "run")
        bundle = Bundle.load(path)
        assert bundle.heads == ("fer2013", "ferplus")
        assert bundle.metadata.input.to_dict() == {"size": 48, "mean": 0, "std": 255}
        assert json.loads(Run(tmp_path / "run").facts.read_text())["gflop_per_face"] > 0
        assert "Grad-CAM" in write_report(tmp_path / "run", dataset).read_text(encoding="utf-8")


def test_its_bundle_runs_without_torch(recipe: Callable[..., Recipe], dataset: FaceDataset, tmp_path: Path) -> None:
    path = train(recipe("vit", "epochs=1"), dataset, tmp_path / "run")
    code = (
        "import sys, numpy; from mien.bundle import Bundle; "
        f"answer = Bundle.load({str(path)!r}).probabilities(numpy.zeros((2, 48, 48), numpy.uint8)); "
        "print(answer['fer2013'].shape, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "(2, 7) False False"


def test_faces_reach_the_backbone_as_its_processor_would_hand_them(folders: dict[str, Path]) -> None:
    made, seen = network(folders["vit"]).eval(), []
    made.backbone.register_forward_pre_hook(lambda *given: seen.append(given[2]["pixel_values"]), with_kwargs=True)
    made(torch.full((1, 1, 48, 48), 0.6))
    assert seen[0].shape == (1, 3, 32, 32)
    expected = (0.6 - np.array([0.5, 0.4, 0.3])) / np.array([0.2, 0.3, 0.4])
    np.testing.assert_allclose(seen[0][0].mean((1, 2)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("values", "side"),
    [
        ({"size": 224}, 224),
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}, 224),
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": False}, 256),
        ({"size": {"height": 96, "width": 96}}, 96),
    ],
)
def test_the_side_is_the_processors(values: dict[str, Any], side: int, tmp_path: Path) -> None:
    processor = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3} | values
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    assert transfer.backbone_input(str(tmp_path), None).side == side


def test_without_normalisation_colours_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": 64, "do_normalize": False}))
    assert transfer.backbone_input(str(tmp_path), None) == transfer.BackboneInput(64, (0.0,) * 3, (1.0,) * 3)


def test_a_timm_backbone_says_itself_what_it_reads(tmp_path: Path) -> None:
    config = transformers.PretrainedConfig()
    config.pretrained_cfg = {"input_size": [3, 160, 160], "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}
    assert transfer.backbone_input(str(tmp_path), config) == transfer.BackboneInput(160, (0.5,) * 3, (0.2,) * 3)


def test_a_backbone_without_a_processor_is_told(tmp_path: Path, folders: dict[str, Path]) -> None:
    with pytest.raises(RecipeError, match=r"expected a preprocessor_config\.json"):
        transfer.backbone_input(str(tmp_path), transformers.PretrainedConfig())


@pytest.mark.parametrize("pretrained", [True, False])
def test_a_backbone_that_cannot_be_had_is_told_how_to_get(pretrained: bool, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"hf download .*--set network\.backbone=FOLDER"):
        network(tmp_path / "nothing", pretrained=pretrained)


def test_random_weights_on_request(folders: dict[str, Path]) -> None:
    kept = network(folders["vit"]).backbone.state_dict()
    new = network(folders["vit"], pretrained=False).backbone.state_dict()
    assert sum(not torch.equal(kept[key], new[key]) for key in kept) > 5


def test_without_transformers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install -c constraints.txt '\.\[transfer\]'"):
        transfer.load_backbone(str(tmp_path), 7, pretrained=True)


def test_dropout_acts_before_the_classifier_in_training_only(folders: dict[str, Path]) -> None:
    made = network(folders["resnet"], dropout=0.5)
    for layer in made.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eval()
    assert not torch.equal(made(faces())["fer2013"], made(faces())["fer2013"])
    made.eval()
    assert torch.equal(made(faces())["fer2013"], made(faces())["fer2013"])


def test_another_input_than_the_network_needs_is_refused(recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match=r"transfer needs .*'std': 255"):
        recipe("vit", "input.std=64")


def test_the_heads_learn_first_then_all_with_layer_wise_rates(
    recipe: Callable[..., Recipe], dataset: FaceDataset, tmp_path: Path, folders: dict[str, Path]
) -> None:
    overrides = ("schedule.frozen=0.5", "epochs=2", "ema=0", "schedule.warmup=0", "optimizer.layer_decay=0.5")
    train(recipe("vit", *overrides), dataset, tmp_path / "run")
    start = network(folders["vit"]).state_dict()
    paths = _epochs(recipe("vit", *overrides), dataset, tmp_path)
    states = [torch.load(path, weights_only=False)["state_dict"] for path in paths]
    first, last = ({key.removeprefix("network."): value for key, value in state.items()} for state in states)
    changed = [{key for key in start if key in of and not torch.equal(start[key], of[key])} for of in (first, last)]
    assert {key for key in changed[0] if "classifier" not in key} == set()
    assert any("classifier" in key for key in changed[0])
    assert len(changed[1]) > 20


def _epochs(recipe: Recipe, dataset: FaceDataset, folder: Path) -> list[Path]:
    """The last checkpoints of runs stopped after one epoch of two, and after both."""
    from mien.training import fit

    stopped, steps = folder / "stopped", fit.ExpressionModule.training_step

    def stop(module: fit.ExpressionModule, batch: Any, index: int) -> Any:
        if module.current_epoch == 1:
            raise KeyboardInterrupt
        return steps(module, batch, index)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fit.ExpressionModule, "training_step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, dataset, stopped)
    return [Run(stopped).last, Run(folder / "run").last]
