"""From network to bundle: the file agrees with the network, or is not written; what it says of itself is complete."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional as F

import mien
from mien.bundle import Bundle, softmax
from mien.datasets import FaceDataset, plurality, vote_shares
from mien.errors import ExportError
from mien.evaluation import metrics
from mien.evaluation.calibration import HIGHEST, LOWEST, ClassScaling, fit_temperature
from mien.labels import FER2013, FERPLUS
from mien.preprocess import InputSpec, to_input
from mien.training import export
from mien.training.export import compare, export_bundle, network_logits, to_onnx
from mien.training.models import Network, build
from mien.training.recipe import Recipe

pytestmark = pytest.mark.slow

MakeRecipe = Callable[..., Recipe]
BOTH = {"fer2013": 7, "ferplus": 8}


def network_of(recipe: Recipe, seed: int = 0, heads: dict[str, int] = BOTH) -> Network:
    """A network whose norms are not as they were made, so that a graph that leaves them out differs."""
    torch.manual_seed(seed)
    network = build(recipe.network.name, recipe.network.options, heads, recipe.input.size)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.weight.data.uniform_(0.5, 1.5)
            layer.running_mean.uniform_(-0.5, 0.5)  # type: ignore[union-attr]
    return network


def taught(network: Network, dataset: FaceDataset, spec: InputSpec) -> Network:
    """A few steps of training, so that a temperature has something to fit."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    inputs, labels = torch.from_numpy(to_input(dataset.faces, spec)), torch.from_numpy(dataset.labels)
    shares = torch.from_numpy(vote_shares(dataset.votes))  # type: ignore[arg-type]
    for _ in range(40):
        logits = network(inputs)
        loss = F.cross_entropy(logits["fer2013"], labels) + F.cross_entropy(logits["ferplus"], shares)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def mislabelled(dataset: FaceDataset) -> FaceDataset:
    """Every fifth face called and voted something else, so that no model is always right."""
    assert dataset.votes is not None
    labels, votes = dataset.labels.copy(), dataset.votes.copy()
    labels[::5] = (labels[::5] + 3) % 7
    votes[::5, :8] = np.roll(votes[::5, :8], 3, axis=1)
    return replace(dataset, labels=labels, votes=votes)


@dataclass
class Exported:
    network: Network
    recipe: Recipe
    validation: FaceDataset
    path: Path
    judged: list[dict[str, float]]

    @property
    def bundle(self) -> Bundle:
        return Bundle.load(self.path)


@pytest.fixture(scope="module")
def kept() -> list[Exported]:
    return []


@pytest.fixture
def exported(
    kept: list[Exported], tiny: MakeRecipe, dataset: FaceDataset, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    """One export for all tests that only look at it."""
    if not kept:
        recipe, validation = tiny("network.dropout=0"), mislabelled(dataset.split("PublicTest"))
        network = taught(network_of(recipe), dataset.split("Training"), recipe.input.spec())
        path = tmp_path_factory.mktemp("exported") / "out" / "tiny.onnx"
        judged: list[dict[str, float]] = []

        def judge(bundle: Bundle) -> dict[str, Any]:
            judged.append({head.name: head.temperature for head in bundle.metadata.heads})
            return {"accuracy": 0.5}

        export_bundle(network, recipe, validation, path, {"recipe": {"seed": 3}}, judge)
        kept.append(Exported(network, recipe, validation, path, judged))
    return kept[0]


@pytest.mark.parametrize("n", [1, 7, 64])
def test_the_file_agrees_with_the_network_in_batches_of_any_size(n: int, exported: Exported) -> None:
    crops = np.random.default_rng(n).integers(0, 256, (n, 48, 48), np.uint8)
    expected = network_logits(copy.deepcopy(exported.network).eval(), crops, exported.recipe.input.spec())
    logits = exported.bundle.logits(crops, batch_size=n)
    assert {head: values.shape for head, values in logits.items()} == {"fer2013": (n, 7), "ferplus": (n, 8)}
    for head, values in logits.items():
        assert np.abs(values - expected[head]).max() < 1e-3
        assert np.ptp(values) > 0.1


def test_the_temperatures_are_those_of_calibration_on_the_split(exported: Exported) -> None:
    validation = exported.validation
    assert validation.votes is not None
    logits = exported.bundle.logits(validation.faces)
    label_head, vote_head = exported.bundle.metadata.heads
    rows, labels = plurality(validation.votes)
    temperatures = [label_head.temperature, vote_head.temperature, vote_head.share_temperature]
    assert temperatures == pytest.approx(
        [
            fit_temperature(logits["fer2013"], validation.labels),
            fit_temperature(logits["ferplus"][rows], labels),
            fit_temperature(logits["ferplus"], vote_shares(validation.votes)),
        ]
    )
    assert label_head.share_temperature is None
    assert len({round(value or 0, 2) for value in [*temperatures, 1.0, LOWEST, HIGHEST]}) == 6  # not by chance


def test_the_metadata_say_what_it_is(exported: Exported) -> None:
    metadata = exported.bundle.metadata
    assert metadata.name == exported.recipe.name
    assert metadata.input == exported.recipe.input.spec()
    assert [head.labels for head in metadata.heads] == [FER2013, FERPLUS]
    assert set(metadata.card.pop("calibration")["fer2013"]) >= {"labels_changed", "accuracy_before", "ece_after"}
    assert metadata.card == {"recipe": {"seed": 3}, "metrics": {"accuracy": 0.5}}


def test_what_is_judged_is_the_calibrated_bundle(exported: Exported) -> None:
    assert exported.judged == [{head.name: head.temperature for head in exported.bundle.metadata.heads}]


def test_class_scaling_that_helps_becomes_a_part_of_the_network(
    tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path
) -> None:
    """Labels drawn from the network's own answers, scaled: the file finds the scaling again, and ends with it."""
    recipe = tiny("network.dropout=0")
    network = taught(network_of(recipe), dataset.split("Training"), recipe.input.spec()).eval()
    crops = np.random.default_rng(0).integers(0, 256, (600, 48, 48), np.uint8)
    raw = network_logits(network, crops, recipe.input.spec())
    offsets = np.array([3.0, 0, 0, -3.0, 0, 0, 0])
    chances = softmax(raw["fer2013"] / raw["fer2013"].std() + offsets)
    draws = np.random.default_rng(1).random((600, 1))
    labels = (chances.cumsum(axis=1) < draws).sum(axis=1).clip(0, 6)
    faces = dataset.split("PublicTest").take(np.zeros(600, np.int64))
    validation = replace(faces, faces=crops, labels=labels)
    bundle = Bundle.load(export_bundle(network, recipe, validation, tmp_path / "scaled.onnx", {}))
    said = bundle.metadata.card["class_scaling"]["fer2013"]
    assert said["offsets"][0] - said["offsets"][3] > 1
    expected = ClassScaling(np.array(said["factors"]), np.array(said["offsets"])).apply(raw["fer2013"])
    np.testing.assert_allclose(bundle.logits(crops)["fer2013"], expected, atol=1e-3)
    temperature = fit_temperature(raw["fer2013"], labels)
    without = metrics.nll(softmax(raw["fer2013"], temperature), labels)
    assert metrics.nll(bundle.probabilities(crops)["fer2013"], labels) < without - 0.2


def test_the_file_names_no_place_on_this_machine(exported: Exported) -> None:
    content = exported.path.read_bytes()
    places = [Path(mien.__file__).parents[2], Path.home(), Path(torch.__file__).parents[1], exported.path.parent]
    assert [place for place in (*map(str, places), str(Path.home()), ".py") if place.encode() in content] == []


def test_the_file_is_a_sound_graph_from_faces_to_heads(exported: Exported) -> None:
    model = onnx.load(exported.path)
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == ["faces"]
    assert [value.name for value in model.graph.output] == ["fer2013", "ferplus"]


def test_nothing_but_the_file_is_written(exported: Exported) -> None:
    assert list(exported.path.parent.iterdir()) == [exported.path]


def test_the_network_stays_as_it_was(exported: Exported) -> None:
    assert exported.network.training
    assert all(parameter.requires_grad for parameter in exported.network.parameters())


def test_without_votes_there_is_one_head(tiny: MakeRecipe, without_votes: FaceDataset, tmp_path: Path) -> None:
    recipe = tiny()
    network = network_of(recipe, heads={"fer2013": 7})
    bundle = Bundle.load(export_bundle(network, recipe, without_votes.split("PublicTest"), tmp_path / "one.onnx", {}))
    assert bundle.heads == ("fer2013",)
    assert bundle.vote_head is None
    assert set(bundle.metadata.card) == {"calibration"}


@pytest.mark.parametrize(
    ("factor", "off", "difference"),
    [
        (1, 0.01, r"0\.01 "),  # slightly off
        (0, 0, r"\d"),  # answers nothing, which could not even be calibrated
    ],
)
def test_a_file_of_another_network_is_not_written(
    factor: float,
    off: float,
    difference: str,
    tiny: MakeRecipe,
    dataset: FaceDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = tiny()
    network = network_of(recipe)
    tampered = copy.deepcopy(network).eval()
    with torch.no_grad():
        for parameter in tampered.heads["ferplus"].parameters():  # type: ignore[index, operator]
            parameter *= factor
        tampered.heads["ferplus"].bias[3] += off  # type: ignore[index, operator]
    monkeypatch.setattr(export, "to_onnx", lambda _, spec: to_onnx(tampered, spec))
    with pytest.raises(
        ExportError, match=rf"'ferplus'.* within 0\.001.*difference is {difference}.*Nothing was written"
    ):
        export_bundle(network, recipe, dataset.split("PublicTest"), tmp_path / "out" / "bad.onnx", {})
    assert not (tmp_path / "out").exists()


def test_an_export_that_fails_leaves_the_file_that_was_there(
    tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny()
    path = tmp_path / "kept.onnx"
    path.write_bytes(b"kept")
    model = to_onnx(network_of(recipe, seed=1).eval(), recipe.input.spec())
    monkeypatch.setattr(export, "to_onnx", lambda *_: model)
    with pytest.raises(ExportError):
        export_bundle(network_of(recipe), recipe, dataset.split("PublicTest"), path, {})
    assert path.read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("got", "differs"),
    [
        ([[0.0, 1.0], [2.0, 0.0]], False),
        ([[0.0009, 1.0], [2.0, 0.0]], False),  # within the limit
        ([[0.0, 1.002], [2.0, 0.0]], True),  # beyond it
        ([[0.0, np.nan], [2.0, 0.0]], True),
    ],
)
def test_logits_must_agree(got: list[list[float]], differs: bool) -> None:
    expected = {"one": np.array([[0.0, 1.0], [2.0, 0.0]], np.float32)}
    actual = {"one": np.array(got, np.float32)}
    if differs:
        with pytest.raises(ExportError, match="head 'one'"):
            compare(expected, actual)
    else:
        compare(expected, actual)


def test_labels_must_agree_even_where_logits_nearly_tie() -> None:
    with pytest.raises(ExportError, match="1 of 1 labels differ"):
        compare(
            {"one": np.array([[0.0, 0.0001]], np.float32)},
            {"one": np.array([[0.0001, 0.0]], np.float32)},
        )


def test_the_exporter_says_nothing(
    tiny: MakeRecipe, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    recipe = tiny()
    to_onnx(network_of(recipe).eval(), recipe.input.spec())
    assert capfd.readouterr() == ("", "")
    assert [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == []
