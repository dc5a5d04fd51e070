from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from helpers import tiny_bundle
from mien.bundle import Bundle
from mien.cli.export import FORMATS as OFFERED
from mien.cli.main import main
from mien.datasets import load_fer2013
from mien.errors import ExportError, InputError, MissingExtraError
from mien.export import FORMATS, export, formats
from mien.export.compare import ExportComparison, HeadComparison, Tolerance, compare, sample_crops
from mien.export.from_onnx import OnnxNetwork
from mien.export.onnx_files import _with_pools
from mien.runtimes.base import ModelFile
from mien.runtimes.litert import append_metadata, read_metadata
from mien.runtimes.onnx import make_session
from mien.training.export import to_onnx
from mien.training.models import build
from mien.training.recipe import load_recipe, shipped_recipes

pytestmark = pytest.mark.slow

LITERT = "litert"
HERE = sorted(set(FORMATS) - {LITERT})


@pytest.fixture(scope="module")
def original() -> Bundle:
    return Bundle(tiny_bundle.content(), "tiny", threads=1)


@pytest.mark.parametrize("name", HERE)
def test_each_format_is_written_and_read(
    original: Bundle, name: str, fer2013_csv: tuple[Path, Path], tmp_path: Path
) -> None:
    dataset = load_fer2013(*fer2013_csv)
    path = tmp_path / f"out{FORMATS[name].suffix}"
    stages: list[str] = []
    done = export(
        original, name, path, dataset=dataset, split="PublicTest", progress=lambda stage, share: stages.append(stage)
    )
    assert done.path == path
    bundle = Bundle.load(path, threads=1)
    assert done.size == bundle.size
    assert bundle.name == f"tiny{FORMATS[name].ending}"
    assert bundle.metadata.heads == original.metadata.heads
    card = bundle.metadata.card
    assert card["export"]["format"] == name
    assert card["export"]["from"]["name"] == "tiny"
    assert card["metrics"]["split"] == "PublicTest"  # judged anew
    (compared, *_) = done.comparison.heads
    assert (compared.head, compared.faces) == ("fer2013", 21)
    assert compared.accuracy_after is not None
    assert {"converting", "comparing", "judging"} <= set(stages)


def test_without_data_it_is_compared_on_the_sample_and_has_no_metrics(original: Bundle, tmp_path: Path) -> None:
    done = export(original, "onnx", tmp_path / "a.onnx")
    assert done.comparison.heads[0].faces == len(sample_crops()) == 12
    card = Bundle.load(done.path, threads=1).metadata.card
    assert "metrics" not in card
    assert done.comparison.heads[0].accuracy_after is None


def test_int8_is_not_fitted_to_the_faces_that_it_is_judged_on(
    original: Bundle, fer2013_csv: tuple[Path, Path], tmp_path: Path
) -> None:
    judged = load_fer2013(*fer2013_csv).split("PublicTest")
    with pytest.raises(InputError, match="expected faces beside those of PublicTest"):
        export(original, "onnx-int8", tmp_path / "a.onnx", dataset=judged, split="PublicTest")


def test_int8_needs_faces(original: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"real faces.*--data"):
        export(original, "onnx-int8", tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("axes", "kept", "operator"),
    [
        ([2, 3], 1, "GlobalAveragePool"),
        ([-1, -2], 1, "GlobalAveragePool"),
        ([2, 3], 0, "ReduceMean"),
        ([1], 1, "ReduceMean"),
    ],
)
def test_means_over_the_picture_are_pooled_in_8_bits(axes: list[int], kept: int, operator: str) -> None:
    node = onnx.helper.make_node("ReduceMean", ["faces", "axes"], ["mean"], keepdims=kept)
    given = onnx.helper.make_tensor_value_info("faces", onnx.TensorProto.FLOAT, [2, 3, 4, 5])
    mean = onnx.helper.make_tensor_value_info("mean", onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph(
        [node], "mean", [given], [mean], [onnx.numpy_helper.from_array(np.array(axes), "axes")]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    faces = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    before, after = (
        make_session(each.SerializeToString()).run(None, {"faces": faces})[0] for each in (model, _with_pools(model))
    )
    assert model.graph.node[0].op_type == operator
    assert len(model.graph.initializer) == (operator == "ReduceMean")
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_what_was_exported_is_not_exported_again(original: Bundle, tmp_path: Path) -> None:
    once = Bundle.load(export(original, "onnx-fp16", tmp_path / "a.onnx").path)
    with pytest.raises(InputError, match="exported from it"):
        export(once, "torch", tmp_path / "a.pt2")


def test_an_unknown_format(original: Bundle) -> None:
    with pytest.raises(InputError, match=r"expected one of onnx, .*, got 'tflite'"):
        export(original, "tflite")


@pytest.mark.parametrize("name", ["model", "model.v2", "model.onnx"])
def test_a_name_that_would_be_read_as_another_format(original: Bundle, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"expected a name that ends in \.pt2"):
        export(original, "torch", tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_a_file_that_disagrees_is_not_written(
    original: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = formats.Format(
        "other weights",
        ".onnx",
        formats.EXACT,
        lambda bundle, crops: None,
        lambda network, metadata: ModelFile(tiny_bundle.content(metadata, scale=1.01)),
    )
    monkeypatch.setitem(FORMATS, "worse", worse)
    with pytest.raises(ExportError, match=r"should agree with the original within 0.005.*Nothing was written"):
        export(original, "worse", tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def comparison(**values: float) -> ExportComparison:
    fine = {"difference": 0.0, "agreement": 1.0, "accuracy_before": 0.7, "accuracy_after": 0.7}
    return ExportComparison((HeadComparison("fer2013", 100, **(fine | values)),))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ""),
        ({"difference": 0.1}, ""),
        ({"difference": 0.11}, "within 0.1"),
        ({"difference": float("nan")}, "within 0.1"),
        ({"agreement": 0.95}, ""),
        ({"agreement": 0.94}, "same emotion for 95.0%"),
        ({"accuracy_after": 0.69}, ""),
        ({"accuracy_after": 0.68}, "lose 1.0% of accuracy at most, not 2.0%"),
        ({"accuracy_after": 0.9}, ""),
    ],
)
def test_bounds(values: dict[str, float], words: str) -> None:
    said = comparison(**values).excess(Tolerance(difference=0.1, agreement=0.95, accuracy=0.0100001))
    assert (words in said) if words else said == ""


def test_what_is_compared(original: Bundle) -> None:
    other = Bundle(tiny_bundle.content(scale=-1.0), "other", threads=1)
    faces = np.stack([np.full((48, 48), value, np.uint8) for value in (0, 120, 255)])
    labels = original.logits(faces)["fer2013"].argmax(axis=1)
    head = compare(original, other, faces, ("fer2013", labels)).heads[0]
    answers = original.logits(faces)["fer2013"], other.logits(faces)["fer2013"]
    assert head.difference == pytest.approx(np.abs(answers[0] - answers[1]).max())
    assert head.agreement == pytest.approx((answers[0].argmax(1) == answers[1].argmax(1)).mean())
    assert head.accuracy_before == 1.0
    assert head.accuracy_after == head.agreement


@pytest.mark.parametrize("recipe", sorted(set(shipped_recipes()) - {"transfer"}))
def test_every_recipe_s_network_is_translated(recipe: str) -> None:
    chosen = load_recipe(recipe)
    size = chosen.input.size
    network = build(chosen.network.name, chosen.network.options, {"fer2013": 7, "ferplus": 8}, size).eval()
    faces = torch.randn(3, 1, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        answers = OnnxNetwork(to_onnx(network, chosen.input.spec()))(faces)
        for answer, expected in zip(answers, network(faces).values(), strict=True):
            torch.testing.assert_close(answer, expected, atol=1e-4, rtol=1e-4)


def test_an_operator_that_is_not_translated(tmp_path: Path) -> None:
    model = onnx.load_from_string(tiny_bundle.content())
    model.graph.node[0].op_type = "GlobalMaxPool"
    with pytest.raises(ExportError, match="GlobalMaxPool, which mien does not translate"):
        export(Bundle(model.SerializeToString(), "odd"), "torch", tmp_path / "a.pt2")


def test_litert_without_its_converter(original: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "litert_torch", None)
    with pytest.raises(MissingExtraError, match="export-litert"):
        export(original, "litert", tmp_path / "a.tflite")


def test_litert(original: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch", reason="needs mien[export-litert], in an environment of its own")
    done = export(original, "litert", tmp_path / "a.tflite")
    assert done.comparison.heads[0].agreement == 1.0


def test_metadata_behind_a_network() -> None:
    assert read_metadata(b"a network") is None
    assert read_metadata(append_metadata(b"a network", "Zürich")) == "Zürich"
    assert append_metadata(b"a network", "{}").startswith(b"a network")


def test_the_command(
    original: Bundle, fer2013_csv: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, out = original.save(tmp_path / "tiny.onnx"), tmp_path / "small.onnx"
    words = ["export", str(bundle), "--format", "onnx-int8", "--data", str(fer2013_csv[0]), "--out", str(out)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "fer2013: 21 faces, same emotion for" in said
    assert f"wrote {out}" in said
    assert main(["info", str(out)]) == 0
    said = capsys.readouterr().out
    assert "onnx-int8" in said
    assert "ONNX Runtime" in said
    assert main(["export", str(bundle), "--format", "onnx-int8"]) == 2
    assert "--data" in capsys.readouterr().err


def test_the_command_offers_every_format() -> None:
    assert set(OFFERED) == set(FORMATS)
