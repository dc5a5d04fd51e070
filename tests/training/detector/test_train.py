"""A run from start to bundle on drawn faces: it learns, it stops in time, it goes on, it is exported as it is."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.detection.mien_face import FinderMetadata, MienFace
from mien.errors import DataError, ExportError, RecipeError
from mien.evaluation.detection import judge
from mien.training.detector import export
from mien.training.detector.calibrate import fit_line, fit_scores
from mien.training.detector.data import FaceScenes
from mien.training.detector.module import Budget, collate, rate_at
from mien.training.detector.network import FaceNetwork
from mien.training.detector.pictures import Pictures, read
from mien.training.detector.recipe import FinderRecipe, load_finder_recipe
from mien.training.detector.train import load_weights, save_weights, train

SMALL = {
    "batch_size": 4,
    "network": {"stem": (8, 8), "stages": (16, 16, 16), "plain": (1, 0, 0), "separable": (0, 0, 0), "neck": 16},
    "augment": {"size": 128},
}


def small(**changes: object) -> FinderRecipe:
    return FinderRecipe(**{**SMALL, **changes})  # type: ignore[arg-type]


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_learns_drawn_faces_and_the_bundle_finds_them(
    scenes: FaceScenes, pictures: Pictures, tmp_path: Path
) -> None:
    calm = {"size": 128, "dark": 0, "covered": 0, "turned": 0, "mosaic": 0.2}
    recipe = small(batch_size=8, steps=220, learning_rate=8e-3, ema=0.95, augment=calm)
    weights = train(pictures, None, tmp_path / "run", recipe)
    network = FaceNetwork(recipe.network)
    load_weights(network, weights)
    bundle = export.export_finder(network, tmp_path / "f.onnx", FinderMetadata(threshold=0.1), read(scenes.files[0]))
    finder = MienFace(bundle, threads=1)
    found = [finder(read(file)) for file in scenes.files]
    rows = [scenes.boxes[scenes.rows(k)] for k in range(len(scenes))]
    findings = judge([(each.boxes, each.scores) for each in found], rows, [np.zeros((0, 4), np.float32)] * len(rows))
    assert findings.average_precision() > 0.6
    for k, each in enumerate(found[:3]):
        eyes = scenes.landmarks[scenes.rows(k)][0, :2]
        assert np.abs(each.landmarks[:, :2] - eyes).max(axis=(1, 2)).min() < 8


def test_a_run_goes_on_where_it_stopped(pictures: Pictures, tmp_path: Path) -> None:
    train(pictures, None, tmp_path, small(steps=3))
    train(pictures, None, tmp_path, small(steps=5), resume=True)
    assert [row["step"] for row in history(tmp_path)] == ["3", "5"]


def test_a_run_ends_when_its_time_is_over(pictures: Pictures, tmp_path: Path) -> None:
    began = time.monotonic()
    train(pictures, None, tmp_path, small(steps=10**6), seconds=2.0, every_seconds=0.5)
    assert time.monotonic() - began < 30
    rows = history(tmp_path)
    assert len(rows) >= 2
    assert float(rows[-1]["learning_rate"]) < float(rows[0]["learning_rate"])


def test_a_run_starts_from_the_weights_of_another(pictures: Pictures, tmp_path: Path) -> None:
    first = train(pictures, None, tmp_path / "a", small(steps=2))
    second = train(pictures, None, tmp_path / "b", small(steps=1, learning_rate=1e-9), initial=first)
    one, two = (torch.load(path, weights_only=True) for path in (first, second))
    kernels = [name for name in one if name.endswith("weight")]
    assert all(torch.allclose(one[name].float(), two[name].float(), atol=1e-3) for name in kernels)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_weights(FaceNetwork(small().network), tmp_path / "w.pt")
    with pytest.raises(RecipeError, match="expected the weights of the same network"):
        load_weights(FaceNetwork(), tmp_path / "w.pt")


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [rate_at(progress, 0.1, 0.02) for progress in np.linspace(0, 1, 101)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.02)
    assert np.diff(rates[:11]).min() > 0
    assert np.diff(rates[10:]).max() < 0


def test_a_budget_counts_steps_or_time() -> None:
    assert Budget(10).progress(5) == 0.5
    budget = Budget(10, 100.0)
    budget.before = 80.0
    assert budget.progress(1) == pytest.approx(0.8, abs=0.01)
    assert budget.progress(20) == 1


def test_batches_know_whose_label_each_is(pictures: Pictures) -> None:
    from mien.training.detector.augment import CropMaker

    maker = CropMaker(pictures, None, small().augment)
    crops = [maker.make(np.random.default_rng(seed)) for seed in range(5)]
    images, mild, targets = collate(crops)
    assert images.shape == mild.shape == (5, 128, 128, 3)
    assert np.bincount(targets.pictures.numpy(), minlength=5).tolist() == [len(crop.rows) for crop in crops]


def test_the_shipped_recipe_is_the_default() -> None:
    assert load_finder_recipe() == FinderRecipe()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = 0", "steps"),
        ("learning = 1", "learning"),
        ("steps = ", "expected TOML"),
        ("[augment]\nsize = 100", "size"),
    ],
)
def test_bad_recipes_say_why(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError, match=words):
        load_finder_recipe(tmp_path / "r.toml")


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no readable file"):
        load_finder_recipe(tmp_path / "no.toml")


def unlike_new(network: FaceNetwork) -> FaceNetwork:
    """A network whose norms are not as they were made, so that a graph that leaves them out differs."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.weight.data.uniform_(0.5, 1.5)
            layer.running_mean.uniform_(-0.5, 0.5)  # type: ignore[union-attr]
    return network


def test_the_exported_file_agrees_at_other_sizes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = unlike_new(FaceNetwork(small().network)).eval()
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    path = export.export_finder(network, tmp_path / "f.onnx", FinderMetadata(), picture)
    other = np.random.default_rng(1).integers(0, 256, (208, 336, 3), np.uint8)
    got = MienFace(path, threads=1)._session.run(None, {"picture": other[None]})
    with torch.no_grad():
        expected = network(torch.from_numpy(other)[None].permute(0, 3, 1, 2).float())
    for one, two in zip(expected, got, strict=True):
        np.testing.assert_allclose(one.numpy(), two, atol=0.05)


def test_a_file_that_disagrees_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "folded", lambda network: unlike_new(network).eval())
    picture = np.full((96, 128, 3), 200, np.uint8)
    with pytest.raises(ExportError, match="Nothing was written"):
        export.export_finder(FaceNetwork(small().network), tmp_path / "f.onnx", FinderMetadata(), picture)
    assert not (tmp_path / "f.onnx").exists()


def test_the_released_network_fits_the_bundle(tmp_path: Path) -> None:
    picture = np.zeros((96, 128, 3), np.uint8)
    path = export.export_finder(FaceNetwork(), tmp_path / "f.onnx", FinderMetadata(), picture)
    assert path.stat().st_size <= 350_000


def test_a_calibrated_bundle_carries_its_line_and_its_card(
    scenes: FaceScenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "fit_scores", lambda finder, validation: (2.0, -0.5))
    path = export.export_calibrated(FaceNetwork(small().network), tmp_path / "f.onnx", scenes, {"crops": 7})
    metadata = MienFace(path, threads=1).metadata
    assert (metadata.score_scale, metadata.score_shift, metadata.card) == (2.0, -0.5, {"crops": 7})


def test_calibration_finds_the_line() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    right = (rng.random(20_000) < 1 / (1 + np.exp(-(2 * logits - 1)))).astype(float)
    assert fit_line(logits, right) == pytest.approx((2, -1), abs=0.1)


def test_calibration_needs_both_kinds_of_boxes(scenes: FaceScenes) -> None:
    from mien.detection.detections import Detections

    with pytest.raises(DataError, match="at least 50 right and 50 wrong boxes"):
        fit_scores(lambda image: Detections.of_boxes(np.zeros((0, 4))), scenes)
