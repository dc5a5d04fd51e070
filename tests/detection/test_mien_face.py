"""Our own face finder's file and answers; the network's is a toy of three lines here."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from mien.detection.closeups import detect_at_all_sizes
from mien.detection.detections import Detections
from mien.detection.mien_face import RELEASED, FinderMetadata, MienFace, padded
from mien.errors import BundleError, DetectorError
from mien.runtimes.onnx import METADATA_KEY

onnx = pytest.importorskip("onnx")


def toy(metadata: str | None) -> bytes:
    """A network with one map of stride 8: a cell's logit is the brightness of its red, 0 to 255, less 100.

    Every box is the cell's own size (a logarithm of 0), and all landmarks lie in its middle.
    """
    helper, proto = onnx.helper, onnx.TensorProto
    kernel = np.zeros((15, 3, 8, 8), np.float32)
    kernel[0, 0] = 1 / 64
    bias = np.zeros(15, np.float32)
    bias[0] = -100
    nodes = [
        helper.make_node("Cast", ["picture"], ["floats"], to=proto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel", "bias"], ["cells_8"], strides=[8, 8]),
    ]
    weights = [onnx.numpy_helper.from_array(kernel, "kernel"), onnx.numpy_helper.from_array(bias, "bias")]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("picture", proto.UINT8, [1, "h", "w", 3])],
        [helper.make_tensor_value_info("cells_8", proto.FLOAT, [1, 15, "a", "b"])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if metadata is not None:
        helper.set_model_props(model, {METADATA_KEY: metadata})
    return bytes(model.SerializeToString())


TOY = FinderMetadata(strides=(8,), score_scale=0.05, score_shift=0.0)


def with_cell(height: int, width: int, column: int, row: int, red: int = 200) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[8 * row : 8 * row + 8, 8 * column : 8 * column + 8, 0] = red
    return image


def count_looks(finder: MienFace) -> list[tuple[int, float]]:
    """Size and margin of every search from now on."""
    looks: list[tuple[int, float]] = []
    original = finder._look

    def counted(image: np.ndarray, size: int, margin: float) -> Detections:
        looks.append((size, margin))
        return original(image, size, margin)

    finder._look = counted  # type: ignore[method-assign]
    return looks


def test_a_bright_cell_is_a_face() -> None:
    found = MienFace(toy(TOY.to_json()), threads=1)(with_cell(64, 80, 3, 2))
    assert found.boxes.tolist() == [[24, 16, 32, 24]]
    assert found.landmarks[0].tolist() == [[28, 20]] * 5
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-4)


def test_nothing_is_found_in_the_dark_or_below_the_threshold() -> None:
    assert len(MienFace(toy(TOY.to_json()), threads=1)(np.zeros((33, 50, 3), np.uint8))) == 0
    assert len(MienFace(toy(TOY.to_json()), threshold=0.999, threads=1)(with_cell(64, 80, 3, 2))) == 0


def test_large_pictures_are_searched_smaller_and_answered_in_their_own_pixels() -> None:
    image = np.kron(with_cell(64, 96, 3, 2), np.ones((4, 4, 1), np.uint8))
    found = MienFace(toy(TOY.to_json()), size=96, threads=1, fine_look="never")(image)
    np.testing.assert_allclose(found.boxes, [[96, 64, 128, 96]])


@pytest.mark.parametrize(
    ("option", "bright", "sizes"),
    [
        ("needed", True, [96, 192]),
        ("needed", False, [96]),  # nothing small was found
        ("always", False, [96, 192]),
        ("never", True, [96]),
    ],
)
def test_small_faces_in_large_pictures_are_looked_at_closer(option: str, bright: bool, sizes: list[int]) -> None:
    image = np.kron(with_cell(64, 96, 3, 2, 200 if bright else 0), np.ones((4, 4, 1), np.uint8))
    finder = MienFace(toy(TOY.to_json()), size=96, threads=1, second_look="never", fine_look=option)
    looks = count_looks(finder)
    finder(image)
    assert [size for size, _ in looks] == sizes


def test_a_picture_without_more_pixels_is_looked_at_once() -> None:
    finder = MienFace(toy(TOY.to_json()), size=96, threads=1, second_look="never", fine_look="always")
    looks = count_looks(finder)
    finder(with_cell(64, 112, 3, 2))
    assert looks == [(96, 0.0)]


def test_of_a_face_that_both_searches_find_one_stays() -> None:
    finder = MienFace(toy(TOY.to_json()), size=96, threads=1)
    first = Detections.of_boxes(np.array([[10, 10, 40, 40, 0.6], [100, 10, 300, 250, 0.8]]))
    fine = Detections.of_boxes(np.array([[11, 10, 40, 41, 0.9], [60, 60, 70, 72, 0.7], [100, 10, 290, 250, 0.9]]))
    joined = finder._with_small(first, fine, 192)
    assert joined.boxes.tolist() == [[11, 10, 40, 41], [100, 10, 300, 250], [60, 60, 70, 72]]


def test_neighbouring_cells_are_one_face_where_they_overlap() -> None:
    metadata = FinderMetadata(strides=(16,), score_scale=0.05)
    image = with_cell(64, 80, 3, 2)
    assert len(MienFace(toy(metadata.to_json()), threads=1)(image)) == 1
    assert len(MienFace(toy(TOY.to_json()), threads=1)(with_cell(64, 80, 3, 2) + with_cell(64, 80, 5, 2))) == 2


def test_a_second_look_follows_where_the_first_finds_nothing() -> None:
    finder = MienFace(toy(TOY.to_json()), threads=1)
    looks = count_looks(finder)
    assert len(finder(np.zeros((480, 640, 3), np.uint8))) == 0
    assert looks == [(640, 0.0), (192, 0.12)]
    looks.clear()
    assert len(finder(with_cell(64, 80, 3, 2))) == 1
    assert looks == [(640, 0.0)]


def test_what_lies_in_a_large_face_is_a_part_of_it() -> None:
    finder = MienFace(toy(TOY.to_json()), threads=1, second_look="always")
    first = Detections.of_boxes(np.array([[100, 100, 140, 140, 0.9], [500, 20, 520, 40, 0.8]]))
    second = Detections.of_boxes(np.array([[50, 50, 400, 450, 0.7], [500, 20, 521, 40, 0.9]]))
    joined = finder._joined(first, second, 640)
    assert joined.boxes.tolist() == [[500, 20, 520, 40], [50, 50, 400, 450]]


def test_a_doubtful_large_face_takes_nothing_away() -> None:
    finder = MienFace(toy(TOY.to_json()), threads=1, second_look="always")
    first = Detections.of_boxes(np.array([[100, 100, 140, 140, 0.9]]))
    second = Detections.of_boxes(np.array([[50, 50, 400, 450, 0.3]]))
    assert len(finder._joined(first, second, 640)) == 2


def test_a_copy_finds_the_same() -> None:
    finder = pickle.loads(pickle.dumps(MienFace(toy(TOY.to_json()), threshold=0.3, threads=1)))
    assert finder.threshold == 0.3
    assert finder(with_cell(64, 80, 3, 2)).boxes.tolist() == [[24, 16, 32, 24]]


@pytest.mark.parametrize("option", ["second_look", "fine_look"])
def test_looks_have_names(option: str) -> None:
    with pytest.raises(DetectorError, match=option):
        MienFace(toy(TOY.to_json()), threads=1, **{option: "often"})  # type: ignore[arg-type]


def test_pictures_are_padded_below_and_to_the_right() -> None:
    image = np.full((33, 50, 3), 7, np.uint8)
    seen = padded(image, 16)
    assert seen.shape == (48, 64, 3)
    assert (seen[:33, :50] == 7).all()
    assert (seen[33:] == 0).all()
    assert padded(seen, 16).shape == seen.shape


def test_metadata_comes_back() -> None:
    metadata = FinderMetadata(score_scale=2.5, threshold=0.4, card={"data": ["a"]})
    assert FinderMetadata.from_json(metadata.to_json(), "x") == metadata


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "something damaged"),
        ('{"format_version": 1, "kind": "emotions"}', "one of another kind"),
        (TOY.to_json().replace('"format_version": 1', '"format_version": 9'), "reads up to 1"),
        (TOY.to_json().replace("score_scale", "score_size"), "something damaged"),
    ],
)
def test_foreign_or_damaged_metadata(text: str, words: str) -> None:
    with pytest.raises(BundleError, match=words):
        MienFace(toy(text), threads=1)


def test_a_network_without_metadata_and_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no metadata"):
        MienFace(toy(None), threads=1)
    with pytest.raises(BundleError, match="no readable file"):
        MienFace(tmp_path / "no.onnx")


def test_the_released_bundle_is_small_and_finds_nothing_in_the_dark() -> None:
    finder = MienFace(threads=1)
    assert RELEASED.stat().st_size <= 350_000
    assert finder.metadata.card["teachers"]
    assert len(finder(np.zeros((480, 640, 3), np.uint8))) == 0


def test_emotions_and_faces_are_released_apart() -> None:
    from mien.bundle import released

    assert RELEASED.stem not in released()


def test_close_ups_are_not_searched_again() -> None:
    finder = MienFace(toy(TOY.to_json()), threads=1)
    looks = count_looks(finder)
    detect_at_all_sizes(finder, with_cell(480, 640, 3, 2))
    assert looks == [(640, 0.0)]
