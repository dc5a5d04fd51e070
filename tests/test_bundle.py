"""A bundle answers what its metadata promise, and a bad file says how to mend it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import tiny_bundle
from mien.bundle import Bundle, released, softmax
from mien.cli.main import main
from mien.errors import BundleError, InputError
from mien.labels import FER2013, FERPLUS
from mien.metadata import Head, Metadata
from mien.pipeline_options import DEFAULT_MODEL
from mien.preprocess import InputSpec
from mien.recognizer import EmotionRecognizer

WIDTHS = {"fer2013": 7, "ferplus": 8}


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(threads=1)


def crops(count: int, seed: int = 0) -> np.ndarray:
    """Left and right differ, so that mirroring shows."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 150, 48)[None, None, :] * rng.random((count, 1, 1))
    return (ramp + rng.integers(0, 100, (count, 48, 48))).astype(np.uint8)


# --- good ones ---


def test_the_released_bundle_by_name_and_by_path(bundle: Bundle) -> None:
    assert set(WIDTHS) <= set(bundle.heads)
    assert bundle.vote_head is not None
    assert bundle.vote_head.labels == FERPLUS
    assert bundle.head("fer2013").labels == FER2013
    assert bundle.name == bundle.metadata.name
    by_path = Bundle.load(released()[DEFAULT_MODEL], threads=1)
    assert by_path.metadata == bundle.metadata
    assert Bundle.load(str(released()[DEFAULT_MODEL]), threads=1).metadata == bundle.metadata


def test_save_writes_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    copy = bundle.save(tmp_path / "new" / "copy.onnx")
    assert copy.read_bytes() == released()[DEFAULT_MODEL].read_bytes()
    assert copy.stat().st_size == bundle.size
    np.testing.assert_array_equal(
        Bundle.load(copy, threads=1).logits(crops(2))["ferplus"], bundle.logits(crops(2))["ferplus"]
    )


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_shapes(bundle: Bundle, count: int, flip: bool) -> None:
    logits = bundle.logits(crops(count), flip=flip)
    probabilities = bundle.probabilities(crops(count), flip=flip)
    shares = bundle.shares(crops(count), flip=flip)
    assert shares is not None
    arrays = {"shares": (shares, 8)}
    for head, width in WIDTHS.items():
        arrays |= {f"logits {head}": (logits[head], width), f"probabilities {head}": (probabilities[head], width)}
    for name, (array, width) in arrays.items():
        assert array.shape == (count, width), name
        assert array.dtype == np.float32, name


def test_a_face_is_read_the_same_in_any_company(bundle: Bundle) -> None:
    faces = crops(70)
    together, alone = bundle.logits(faces, batch_size=64), bundle.logits(faces, batch_size=1)
    for head in WIDTHS:
        assert np.ptp(together[head], axis=0).max() > 1e-2  # otherwise the next line would say nothing
        np.testing.assert_allclose(together[head], alone[head], atol=1e-3)


def test_flip_is_the_mean_with_the_mirror_image(bundle: Bundle) -> None:
    faces = crops(4)
    mirrored = np.ascontiguousarray(faces[:, :, ::-1])
    plain, other, flipped = bundle.logits(faces), bundle.logits(mirrored), bundle.logits(faces, flip=True)
    for head in WIDTHS:
        assert abs(plain[head] - other[head]).max() > 1e-3
        np.testing.assert_allclose(flipped[head], (plain[head] + other[head]) / 2, atol=1e-4)
        np.testing.assert_allclose(bundle.logits(mirrored, flip=True)[head], flipped[head], atol=1e-4)


def test_temperatures() -> None:
    bundle = Bundle(tiny_bundle.content(), "tiny", threads=1)
    faces = crops(3)
    logits, probabilities, shares = bundle.logits(faces), bundle.probabilities(faces), bundle.shares(faces)
    for head in WIDTHS:
        np.testing.assert_allclose(probabilities[head], softmax(logits[head], 2.0), rtol=1e-6)
        np.testing.assert_allclose(probabilities[head].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(shares, softmax(logits["ferplus"], 0.5), rtol=1e-6)
    assert bundle.vote_head == Head(FERPLUS, 2.0, 0.5)


def test_the_network_sees_the_pixels_as_the_input_spec_says() -> None:
    bundle = Bundle(tiny_bundle.content(), "tiny", threads=1)
    face = np.full((1, 48, 48), 255, np.uint8)
    face[:, 16:32, 16:32] = 192  # the window of 16: (192 - 128) / 64 = 1
    np.testing.assert_allclose(
        bundle.logits(face)["fer2013"][0], np.linspace(-1, 1, 7) + np.linspace(0, 1, 7), atol=1e-6
    )


def test_a_bundle_without_votes_has_no_shares() -> None:
    heads = [{**head, "share_temperature": None} for head in tiny_bundle.metadata()["heads"]]
    bundle = Bundle(tiny_bundle.content(json.dumps(tiny_bundle.metadata(heads=heads))), "tiny", threads=1)
    assert bundle.vote_head is None
    assert bundle.shares(crops(1)) is None


def test_metadata_round_trip() -> None:
    metadata = Metadata("x", (Head(FERPLUS, 1.5, 0.7), Head(FER2013, 0.5)), InputSpec(40, 1.0, 2.0), {"seed": [1]})
    assert Metadata.from_json(metadata.to_json(), "x") == metadata


# --- wrong arguments ---


@pytest.mark.parametrize(
    ("faces", "got"),
    [
        (np.zeros((2, 48, 48), np.float32), "float32"),
        (np.zeros((2, 44, 44), np.uint8), r"\(2, 44, 44\)"),
        (np.zeros((48, 48), np.uint8), r"\(48, 48\)"),
        (np.zeros((2, 48, 48, 3), np.uint8), r"\(2, 48, 48, 3\)"),
        (np.zeros((0, 48, 48), np.float64), "float64"),  # also where there is nothing to do
        ([], "list"),
        (None, "NoneType"),
    ],
)
@pytest.mark.parametrize("method", ["logits", "probabilities", "shares"])
def test_wrong_crops(method: str, faces: Any, got: str) -> None:
    bundle = Bundle(tiny_bundle.content(), "tiny", threads=1)
    with pytest.raises(InputError, match=got):
        getattr(bundle, method)(faces)


def test_unknown_head_and_batch_size() -> None:
    bundle = Bundle(tiny_bundle.content(), "tiny", threads=1)
    with pytest.raises(InputError, match="did you mean 'ferplus'"):
        bundle.head("ferplsu")
    with pytest.raises(InputError, match="at least 1, got 0"):
        bundle.logits(crops(1), batch_size=0)


# --- bad files ---


def bad_files(folder: Path) -> dict[str, Any]:
    whole = tiny_bundle.content()
    contents = {
        "empty": b"",
        "text": b"not a model at all",
        "truncated": whole[: len(whole) // 2],
        "zeros": bytes(2000),
        "foreign": tiny_bundle.content(text=""),
        "newer": tiny_bundle.content(json.dumps(tiny_bundle.metadata(format_version=2))),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents} | {
        "missing": folder / "missing.onnx",
        "unknown name": "mein",
        "folder": folder,
        "long": "x" * 5000,
        "null byte": "a\0b",
    }


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "neither a file nor a released bundle.*mien"),
        ("unknown name", "neither a file nor a released bundle.*mien"),
        ("long", "neither a file nor a released bundle"),
        ("null byte", "neither a file nor a released bundle"),
        ("folder", r"is a folder; expected a bundle file \(.onnx,"),
        ("empty", "is empty.*Download or export it again"),
        ("text", "refuses. Download or export it again"),
        ("zeros", "Download or export it again|not one of mien's"),
        ("truncated", "refuses. Download or export it again"),
        ("foreign", "not one of mien's.*Export it with `mien train`"),
        ("newer", "format version 2.*pip install --upgrade mien"),
    ],
)
def test_bad_files(kind: str, words: str, tmp_path: Path) -> None:
    source = bad_files(tmp_path)[kind]
    with pytest.raises(BundleError, match=words) as caught:
        Bundle.load(source)
    assert str(source)[:50].replace("\0", "\\x00") in str(caught.value)


def changed_head(**changes: Any) -> dict[str, Any]:
    first, *others = tiny_bundle.metadata()["heads"]
    return tiny_bundle.metadata(heads=[first | changes, *others])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("{", "Download or export the bundle again"),
        ("[1, 2]", "Download or export the bundle again"),
        ("null", "Download or export the bundle again"),
        ("[" * 100_000, "Download or export the bundle again"),
        (tiny_bundle.metadata(format_version=None), "format_version"),
        (tiny_bundle.metadata(format_version="1"), "format_version '1'"),
        (tiny_bundle.metadata(format_version=0), "format_version 0"),
        (tiny_bundle.metadata(name=None), "name"),
        (tiny_bundle.metadata(heads=None), "heads"),
        (tiny_bundle.metadata(heads=[]), "heads"),
        (tiny_bundle.metadata(heads=[1]), "Download or export"),
        (tiny_bundle.metadata(heads=tiny_bundle.metadata()["heads"][:1] * 2), "heads .*fer2013.*fer2013"),
        (tiny_bundle.metadata(card=None), "card"),
        (tiny_bundle.metadata(card=[1]), "Download or export"),
        (tiny_bundle.metadata(input=None), "input"),
        (tiny_bundle.metadata(input={"size": 16, "mean": 0.0, "std": 0.0}), "positive std"),
        (tiny_bundle.metadata(input={"size": 16, "mean": float("nan"), "std": 1.0}), "finite mean"),
        (tiny_bundle.metadata(input={"size": 17, "mean": 0.0, "std": 1.0}), "even number"),
        (tiny_bundle.metadata(input={"size": "16", "mean": 0.0, "std": 1.0}), "TypeError"),
        (tiny_bundle.metadata(input={"size": 16, "mean": 0.0, "std": 1.0, "gamma": 2}), "gamma"),
        (
            tiny_bundle.metadata(input={"size": 20, "mean": 0.0, "std": 1.0}),
            "does not fit its metadata.*Export it again",
        ),
        (changed_head(temperature=-1.0), "temperature -1.0"),
        (changed_head(temperature=0), "temperature 0"),
        (changed_head(temperature="warm"), "warm"),
        (changed_head(temperature=None), "Download or export"),
        (changed_head(temperature=10**400), "Download or export"),
        (changed_head(share_temperature=float("inf")), "temperature inf"),
        (changed_head(labels=["happy", "happy"]), "distinct names"),
        (changed_head(labels=[]), "distinct names"),
        (changed_head(labels=["happy", "sad"]), r"head 'fer2013' with the labels \('happy', 'sad'\)"),
        (changed_head(labels=list(FER2013.names[::-1])), r"head 'fer2013' with the labels \('neutral'"),
        (changed_head(name="mood"), "does not fit its metadata.*mood.*Export it again"),
    ],
)
def test_damaged_metadata(values: Any, words: str) -> None:
    text = values if isinstance(values, str) else json.dumps(values)
    with pytest.raises(BundleError, match=words) as caught:
        Bundle(tiny_bundle.content(text), "party.onnx", threads=1)
    assert "party.onnx" in str(caught.value)


def test_a_network_for_one_face_at_a_time_is_refused() -> None:
    with pytest.raises(BundleError, match="does not fit its metadata"):
        Bundle(tiny_bundle.content(faces=1), "single.onnx", threads=1)


def test_a_network_that_answers_nan_is_refused() -> None:
    with pytest.raises(BundleError, match=r"NaN or infinity.*Download or export"):
        Bundle(tiny_bundle.content(scale=float("nan")), "nan.onnx", threads=1)


TINY = tiny_bundle.content()


@settings(max_examples=150, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(TINY) - 1), st.integers(0, 255)), max_size=6),
    length=st.integers(0, 2 * len(TINY)),
)
def test_mutated_bundles_answer_or_are_refused(changes: list[tuple[int, int]], length: int) -> None:
    mutated = bytearray(TINY)
    for place, value in changes:
        mutated[place] = value
    del mutated[length:]
    try:
        bundle = Bundle(bytes(mutated), "mutated", threads=1)
    except BundleError:
        return
    probabilities = bundle.probabilities(crops(3))
    assert list(probabilities) == list(bundle.heads)
    for head in bundle.metadata.heads:
        assert probabilities[head.name].shape == (3, len(head.labels))
        assert probabilities[head.name].dtype == np.float32


def test_a_provider_that_is_not_installed_is_named() -> None:
    with pytest.raises(InputError, match=r"coreml is not in the installed ONNX Runtime, which has .*cpu"):
        Bundle(tiny_bundle.content(), "tiny", providers=("CoreMLExecutionProvider", "cpu"))


@pytest.mark.parametrize("name", ["a.h5", "a.keras", "A.H5", "a.pkl"])
def test_a_name_of_another_format_is_refused(name: str, bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.onnx, the format inside, got"):
        bundle.save(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_runs_folder_is_its_bundle(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('name = "mine"')
    with pytest.raises(BundleError, match=r"a run without a finished bundle \(mine\.onnx\)"):
        Bundle.load(tmp_path)
    bundle.save(tmp_path / "mine.onnx")
    assert Bundle.load(tmp_path).name == bundle.name
    assert EmotionRecognizer(tmp_path).bundle.name == bundle.name
    assert main(["info", str(tmp_path)]) == 0
    (tmp_path / "recipe.toml").write_text("name = ")
    with pytest.raises(BundleError, match=r"recipe\.toml cannot be read"):
        Bundle.load(tmp_path)
