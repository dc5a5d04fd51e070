from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from helpers import tiny_bundle
from mien.bundle import Bundle
from mien.errors import BundleError, InputError, MissingExtraError
from mien.export import export
from mien.recognizer import EmotionRecognizer
from mien.runtimes.base import PROVIDERS, SUFFIXES, ModelFile, short_names
from mien.runtimes.onnx import make_session

MODULES = {".xml": "openvino", ".tflite": "ai_edge_litert", ".pt2": "torch"}


def crops(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 48), dtype=np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny bundle in every format, by suffix."""
    folder = tmp_path_factory.mktemp("formats")
    original = Bundle(tiny_bundle.content(), "tiny", threads=1)
    made = {".onnx": original.save(folder / "tiny.onnx")}
    for name, suffix in (("openvino", ".xml"), ("torch", ".pt2")):
        pytest.importorskip(MODULES[suffix])
        made[suffix] = export(original, name, folder / f"tiny{suffix}").path
    pytest.importorskip("ai_edge_litert")
    from helpers import tiny_tflite

    made[".tflite"] = folder / "tiny_bundle.tflite"
    made[".tflite"].write_bytes(tiny_tflite.content())
    return made


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("count", [0, 1, 2, 17])
def test_every_format_answers_the_same(files: dict[str, Path], suffix: str, count: int) -> None:
    bundle, original = Bundle.load(files[suffix], threads=1), Bundle.load(files[".onnx"], threads=1)
    assert bundle.metadata.heads == original.metadata.heads
    answers, expected = bundle.logits(crops(count)), original.logits(crops(count))
    assert list(answers) == list(expected)
    for head, logits in expected.items():
        assert answers[head].dtype == np.float32
        np.testing.assert_allclose(answers[head], logits, atol=2e-3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_recognizer_loads_it(files: dict[str, Path], suffix: str) -> None:
    recognizer = EmotionRecognizer.load(files[suffix], detector="whole", threads=1)
    assert len(recognizer.predict(crops(1)[0])) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saved_it_is_the_same(files: dict[str, Path], suffix: str, tmp_path: Path) -> None:
    bundle = Bundle.load(files[suffix], threads=1)
    path = bundle.save(tmp_path / f"again{suffix}")
    assert path.read_bytes() == files[suffix].read_bytes()
    assert Bundle.load(path, threads=1).size == bundle.size
    other = next(each for each in SUFFIXES if each != suffix)
    with pytest.raises(InputError, match=f"expected a name that ends in {suffix}"):
        bundle.save(tmp_path / f"again{other}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_several_threads_may_ask_at_once(files: dict[str, Path], suffix: str) -> None:
    bundle = Bundle.load(files[suffix], threads=1)
    expected = [bundle.logits(crops(3, seed))["fer2013"] for seed in range(8)]
    wrong: list[int] = []

    def ask(seed: int) -> None:
        for _ in range(5):
            if not np.array_equal(bundle.logits(crops(3, seed))["fer2013"], expected[seed]):
                wrong.append(seed)

    askers = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert not wrong


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_computes_is_told(files: dict[str, Path], suffix: str) -> None:
    named = {".onnx": "ONNX Runtime", ".xml": "OpenVINO", ".tflite": "LiteRT", ".pt2": "PyTorch"}
    runtime = Bundle.load(files[suffix], threads=1).runtime
    assert runtime.startswith(named[suffix])
    assert runtime.endswith("on cpu")


@pytest.mark.parametrize("suffix", sorted(MODULES))
def test_a_runtime_that_is_not_installed(files: dict[str, Path], suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULES[suffix], None)
    monkeypatch.setitem(sys.modules, f"{MODULES[suffix]}.interpreter", None)
    with pytest.raises(MissingExtraError, match=r"pip install -c constraints.txt '\.\["):
        Bundle.load(files[suffix])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("damage", ["cut", "noise"])
def test_damaged_files_are_refused(files: dict[str, Path], suffix: str, damage: str, tmp_path: Path) -> None:
    content = files[suffix].read_bytes()
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content[: len(content) // 3] if damage == "cut" else b"noise" * 100)
    if suffix == ".xml":
        path.with_suffix(".bin").write_bytes(files[suffix].with_suffix(".bin").read_bytes())
    with pytest.raises(BundleError, match=f"bad{suffix}"):
        Bundle.load(path, threads=1)


def test_weights_that_are_missing(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "alone.xml"
    path.write_bytes(files[".xml"].read_bytes())
    with pytest.raises(BundleError, match=r"alone.bin: cannot be read"):
        Bundle.load(path)


def test_weights_instead_of_their_network(files: dict[str, Path]) -> None:
    with pytest.raises(BundleError, match=rf"weights of {files['.xml'].name}; name that"):
        Bundle.load(files[".xml"].with_suffix(".bin"))


def test_a_network_without_metadata() -> None:
    pytest.importorskip("ai_edge_litert")
    from helpers import tiny_tflite

    with pytest.raises(BundleError, match="not one of mien's"):
        Bundle(ModelFile(tiny_tflite.content(""), ".tflite"), "foreign.tflite")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("cpu", ("cpu",)),
        (("CUDAExecutionProvider", "cpu"), ("cuda", "cpu")),
        (["OpenVINO"], ("openvino",)),
        (tuple(PROVIDERS.values()), tuple(PROVIDERS)),
    ],
)
def test_names_of_providers(given: str, names: tuple[str, ...]) -> None:
    assert short_names(given) == names


@pytest.mark.parametrize(("given", "words"), [("gpu", "no 'gpu'; .*cpu"), ((), "at least one")])
def test_unknown_providers(given: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Bundle(tiny_bundle.content(), "tiny", providers=given)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_provider_that_a_runtime_lacks(files: dict[str, Path], suffix: str) -> None:
    with pytest.raises(InputError, match=r"coreml.*[Cc]hoose"):
        Bundle.load(files[suffix], providers="coreml")


@pytest.mark.parametrize(("threads", "words"), [(0, {}), (3, {"load_config": '{"CPU": {"INFERENCE_NUM_THREADS": 3}}'})])
def test_openvino_inside_onnx_runtime_is_told_its_threads(
    monkeypatch: pytest.MonkeyPatch, threads: int, words: dict[str, str]
) -> None:
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda content, options, **given: given)
    assert make_session(b"", threads=threads, providers=("openvino", "cpu")) == {
        "providers": ["OpenVINOExecutionProvider", "CPUExecutionProvider"],
        "provider_options": [words, {}],
        "enable_fallback": 0,
    }
