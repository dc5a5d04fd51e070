"""Pictures in, labelled faces out: the same answer however a picture comes, and in any company."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import mien
from helpers import tiny_bundle
from helpers.paths import EXAMPLES
from helpers.pictures import gray_picture, scaled
from mien.bundle import Bundle
from mien.detection.detections import Detections
from mien.errors import BundleError, DetectorError, ImageError, InputError
from mien.images import load_image
from mien.labels import FER2013, FERPLUS
from mien.pipeline import pick_vote_shares
from mien.preprocess import crop_faces
from mien.recognizer import PICTURES_AT_ONCE, EmotionRecognizer
from mien.results import Faces

COLLINS = EXAMPLES / "eileen_collins.jpg"
FACE = np.array([182, 58, 270, 178], np.float32)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(threads=1)


@pytest.fixture(scope="module")
def recognizer(bundle: Bundle) -> EmotionRecognizer:
    return EmotionRecognizer(bundle, threads=1)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return load_image(COLLINS)


@pytest.fixture(scope="module")
def whole() -> EmotionRecognizer:
    """The tiny model on whole pictures: fast, and every picture has one face."""
    return EmotionRecognizer(Bundle(tiny_bundle.content(), "tiny", threads=1), detector="whole")


def assert_same(left: Faces, right: Faces, atol: float = 1e-3) -> None:
    assert left.emotions == right.emotions
    np.testing.assert_allclose(left.boxes, right.boxes, atol=0.01)
    np.testing.assert_allclose(left.probabilities, right.probabilities, atol=atol)
    np.testing.assert_allclose(left.vote_shares, right.vote_shares, atol=atol)


# --- one picture ---


@pytest.mark.parametrize("labels", ["ferplus", "fer2013"])
def test_eileen_collins_is_happy(labels: str, bundle: Bundle) -> None:
    faces = EmotionRecognizer(bundle, labels=labels, threads=1).predict(COLLINS)
    assert faces.emotions == ["happy"]
    assert faces.labels.name == labels
    assert faces.size == (512, 512)
    assert faces.source == str(COLLINS)
    assert abs(faces.boxes[0] - FACE).max() < 12
    assert faces[0].confidence > 0.5
    assert faces[0].landmarks is not None
    assert faces[0].vote_share is not None
    assert faces[0].vote_share > 0.5


def test_path_bytes_pil_and_array_give_the_same(recognizer: EmotionRecognizer, portrait: np.ndarray) -> None:
    sources: dict[str, Any] = {
        str(COLLINS): str(COLLINS),
        "bytes": COLLINS.read_bytes(),
        "image": Image.open(COLLINS),
        "array": portrait,
    }
    first = recognizer.predict(COLLINS)
    for name, source in sources.items():
        faces = recognizer.predict(source)
        assert_same(faces, first, atol=1e-6)
        assert faces.source == name


def test_grayscale(recognizer: EmotionRecognizer, portrait: np.ndarray) -> None:
    flat = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)
    assert recognizer.predict(flat).emotions == ["happy"]
    assert recognizer.predict(Image.fromarray(flat)).emotions == ["happy"]


def test_boxes_are_those_of_the_upright_picture(recognizer: EmotionRecognizer, portrait: np.ndarray) -> None:
    wide = portrait[:400]  # not square, so that sides cannot be taken for one another
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the picture is stored turned to the left
    stored = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(wide))).save(stored, "PNG", exif=exif)
    faces = recognizer.predict(stored.getvalue())
    assert faces.size == (512, 400)
    assert_same(faces, recognizer.predict(wide))


def test_largest_first(recognizer: EmotionRecognizer) -> None:
    faces = recognizer.predict(EXAMPLES / "contact_sheet.jpg")
    areas = (faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(axis=1)
    assert len(faces) == 9
    assert (np.diff(areas) <= 0).all()
    assert faces.emotions[:7] == ["happy"] * 7
    small = faces[-1]
    assert small.box[2] - small.box[0] < 25


def test_faces_of_20_pixels_in_a_small_picture(recognizer: EmotionRecognizer, portrait: np.ndarray) -> None:
    faces = recognizer.predict(scaled(portrait, 0.22))
    assert len(faces) == 1
    assert faces.boxes[0, 2] - faces.boxes[0, 0] < 24


def test_24_megapixels(recognizer: EmotionRecognizer, portrait: np.ndarray) -> None:
    canvas = np.full((4000, 6000, 3), 128, np.uint8)
    canvas[1000:3048, 2000:4048] = cv2.resize(portrait, (2048, 2048), interpolation=cv2.INTER_CUBIC)
    faces = recognizer.predict(canvas)
    assert faces.emotions == ["happy"]
    assert faces.size == (6000, 4000)
    assert abs(faces.boxes[0] - (FACE * 4 + [2000, 1000, 2000, 1000])).max() < 60


@pytest.mark.parametrize("shape", [(200, 300, 3), (1, 1, 3), (480, 3, 3)])
def test_no_face(shape: tuple[int, ...], recognizer: EmotionRecognizer) -> None:
    faces = recognizer.predict(np.full(shape, 128, np.uint8))
    assert len(faces) == 0
    assert faces.size == (shape[1], shape[0])


def test_flip_averages_with_the_mirror_image(bundle: Bundle, portrait: np.ndarray) -> None:
    box = Detections.of_boxes(FACE[None])
    plain = EmotionRecognizer(bundle, detector=lambda image: box).predict(portrait)
    flipped = EmotionRecognizer(bundle, detector=lambda image: box, flip=True).predict(portrait)
    crop = crop_faces(portrait, box.boxes, box.landmarks)
    np.testing.assert_allclose(plain.probabilities, bundle.probabilities(crop)["ferplus"], atol=1e-5)
    np.testing.assert_allclose(flipped.probabilities, bundle.probabilities(crop, flip=True)["ferplus"], atol=1e-5)
    assert (plain.probabilities != flipped.probabilities).any()


@pytest.mark.parametrize("labels", ["ferplus", "fer2013"])
def test_vote_share_is_the_vote_heads_share_of_the_emotion(labels: str, bundle: Bundle, portrait: np.ndarray) -> None:
    crops = np.stack(
        [scaled(portrait[58:178, 166:286, 0], 0.4), *np.random.default_rng(1).integers(0, 256, (5, 48, 48))]
    )
    crops = crops.astype(np.uint8)
    reader = EmotionRecognizer(bundle, detector="whole", labels=labels)
    shares = bundle.shares(crops)
    assert shares is not None
    for face, share in zip(reader.predict_crops(crops), shares, strict=True):
        wanted = share[FERPLUS.index(face.emotion)]
        if labels == "fer2013" and face.emotion == "disgust":
            wanted += share[FERPLUS.index("contempt")]
        assert face.vote_share == pytest.approx(wanted, abs=1e-5)


def test_a_contemptuous_share_counts_as_disgust_among_seven() -> None:
    """The tiny model finds bright faces contemptuous, its last label; with fer2013's seven it needs the fold."""
    bundle = Bundle(tiny_bundle.content(), "tiny", threads=1)
    crops = np.full((1, 48, 48), 250, np.uint8)
    whole, folded = bundle.shares(crops), EmotionRecognizer(bundle, labels="fer2013").classify(crops)[1]
    assert whole is not None
    assert folded is not None
    expected = whole[0, FERPLUS.index("disgust")] + whole[0, FERPLUS.index("contempt")]
    column = np.array([FER2013.index("disgust")])
    assert pick_vote_shares(column, folded).tolist() == [pytest.approx(expected)]


def test_vote_share_is_unknown_without_votes() -> None:
    import json

    heads = [{**head, "share_temperature": None} for head in tiny_bundle.metadata()["heads"]]
    bundle = Bundle(tiny_bundle.content(json.dumps(tiny_bundle.metadata(heads=heads))), "tiny", threads=1)
    reader = EmotionRecognizer(bundle, detector="whole")
    assert reader.labels == FER2013  # the first head
    assert reader.predict(gray_picture(9))[0].vote_share is None


def test_predict_crops(bundle: Bundle, recognizer: EmotionRecognizer) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    faces = recognizer.predict_crops(crops, source="frames")
    np.testing.assert_allclose(faces.probabilities, bundle.probabilities(crops)["ferplus"], atol=1e-6)
    assert faces.boxes.tolist() == [[0, 0, 48, 48]] * 3
    assert (faces.size, faces.source) == ((48, 48), "frames")
    assert len(recognizer.predict_crops(crops[:0])) == 0
    with pytest.raises(InputError, match="float32"):
        recognizer.predict_crops(crops.astype(np.float32))


def test_a_whole_picture_is_the_frame_and_nothing_is_moved(bundle: Bundle) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (48, 48), np.uint8)
    reader = EmotionRecognizer(bundle, detector="whole")
    expected = reader.predict_crops(frame[None]).probabilities
    np.testing.assert_allclose(reader.predict(frame).probabilities, expected, atol=1e-6)
    doubled = frame.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(reader.predict(doubled).probabilities, expected, atol=1e-6)


# --- many pictures ---


def test_a_batch_answers_in_order_and_as_one_by_one(recognizer: EmotionRecognizer, portrait: np.ndarray) -> None:
    pictures = [scaled(portrait, 0.5), np.full((64, 64, 3), 128, np.uint8), scaled(portrait, 0.4)[:, ::-1], COLLINS]
    batch = recognizer.predict_batch(pictures)
    assert [len(faces) for faces in batch if isinstance(faces, Faces)] == [1, 0, 1, 1]
    for together, picture in zip(batch, pictures, strict=True):
        assert isinstance(together, Faces)
        assert_same(together, recognizer.predict(picture))
    assert recognizer.predict_batch([]) == []


def test_more_pictures_than_fit_one_chunk(whole: EmotionRecognizer) -> None:
    values = np.linspace(0, 250, 2 * PICTURES_AT_ONCE + 3).astype(int)
    batch = whole.predict_batch(gray_picture(value) for value in values)
    assert len(batch) == len(values)
    for faces, value in zip(batch, values, strict=True):
        assert isinstance(faces, Faces)
        np.testing.assert_allclose(faces.probabilities, whole.predict(gray_picture(value)).probabilities, atol=1e-6)


def test_bad_pictures_stand_in_their_place(whole: EmotionRecognizer, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    bad: dict[Any, str] = {
        tmp_path / "text.jpg": "something else",
        tmp_path / "missing.jpg": "no such file",
        b"": "empty file",
        None: "NoneType",
        7: "int",
    }
    wrong_array = np.zeros((4, 4, 3), np.float32)
    pictures = [gray_picture(1), *bad, wrong_array, gray_picture(200)]
    results = whole.predict_batch(pictures)
    assert [type(result) for result in results] == [Faces, *[ImageError] * 6, Faces]
    for result, words in zip(results[1:7], [*bad.values(), "float32"], strict=True):
        assert isinstance(result, ImageError)
        assert words in result.reason
    assert [result.source for result in results[1:3] if isinstance(result, ImageError)] == list(map(str, bad))[:2]
    assert all(isinstance(result, ImageError) for result in whole.predict_batch([b""]))


@pytest.mark.parametrize(
    ("picture", "error"),
    [(b"", ImageError), ("missing.jpg", ImageError), (None, InputError), (np.zeros((4, 4, 3)), InputError)],
)
def test_a_single_bad_picture_raises(picture: Any, error: type[Exception], whole: EmotionRecognizer) -> None:
    with pytest.raises(error):
        whole.predict(picture)


ONE_PICTURE = [
    "photo.jpg",
    Path("photo.jpg"),
    b"content",
    bytearray(b"content"),
    np.zeros((5, 4, 3), np.uint8),
    np.zeros((5, 4), np.uint8),
    Image.new("L", (4, 5)),
]


def test_nothing_to_iterate_over_is_an_input_error(whole: EmotionRecognizer) -> None:
    with pytest.raises(InputError, match="expected several pictures, got NoneType"):
        whole.predict_batch(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("one", ONE_PICTURE, ids=lambda one: type(one).__name__)
def test_one_picture_is_not_taken_for_many(one: Any, whole: EmotionRecognizer) -> None:
    with pytest.raises(InputError, match="Use predict"):
        whole.predict_batch(one)


def test_predict_each_is_lazy(whole: EmotionRecognizer) -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield gray_picture(taken % 256)

    answers = whole.predict_each(endless())
    assert taken == 0
    next(answers)
    assert 1 <= taken <= PICTURES_AT_ONCE
    for _ in range(PICTURES_AT_ONCE):
        next(answers)
    assert taken <= 2 * PICTURES_AT_ONCE


# --- detectors ---


@pytest.mark.parametrize(
    ("answer", "scores"),
    [
        ([[5, 5, 30, 40], [0, 0, 50, 60]], [1, 1]),
        (np.array([[5, 5, 30, 40, 0.5], [0, 0, 50, 60, 0.25]]), [0.25, 0.5]),
        (Detections.of_boxes(np.array([[5, 5, 30, 40, 0.5], [-9, -9, 99, 99, 0.25]])), [0.25, 0.5]),
        ([], []),
        (np.zeros((0, 4)), []),
    ],
)
def test_any_callable_detects(answer: Any, scores: list[float]) -> None:
    reader = EmotionRecognizer(Bundle(tiny_bundle.content(), "tiny", threads=1), detector=lambda image: answer)
    faces = reader.predict(gray_picture(100))
    assert faces.scores.tolist() == scores
    assert faces.boxes.tolist() == [[0, 0, 50, 60], [5, 5, 30, 40]][: len(scores)]
    assert all(face.landmarks is None for face in faces)


def test_the_detector_sees_rgb(whole: EmotionRecognizer) -> None:
    seen: list[np.ndarray] = []

    def detector(image: np.ndarray) -> list[list[float]]:
        seen.append(image)
        return [[0, 0, 8, 8]]

    red = Image.new("RGB", (10, 8), (255, 0, 0))
    EmotionRecognizer(whole.bundle, detector=detector).predict(red)
    np.testing.assert_array_equal(seen[0], np.full((8, 10, 3), (255, 0, 0)))


def test_what_a_detector_raises_comes_through(whole: EmotionRecognizer) -> None:
    """It is no fault of the picture's, so that it must not look like one."""

    def broken(image: np.ndarray) -> None:
        raise ZeroDivisionError("my own bug")

    reader = EmotionRecognizer(whole.bundle, detector=broken)
    with pytest.raises(ZeroDivisionError, match="my own bug"):
        reader.predict(gray_picture(0))
    with pytest.raises(ZeroDivisionError):
        reader.predict_batch([gray_picture(0)])
    with pytest.raises(DetectorError, match="boxes"):
        EmotionRecognizer(whole.bundle, detector=lambda image: "nonsense").predict(gray_picture(0))


def test_whole(whole: EmotionRecognizer) -> None:
    faces = whole.predict(gray_picture(100))
    assert faces.boxes.tolist() == [[0, 0, 50, 60]]
    assert faces.scores.tolist() == [1]


@pytest.mark.parametrize(("min_face", "count"), [(0, 2), (25, 2), (26, 1), (50, 1), (51, 0)])
def test_min_face_is_the_shorter_side(min_face: float, count: int, whole: EmotionRecognizer) -> None:
    boxes = [[0, 0, 50, 60], [5, 5, 30, 60]]
    reader = EmotionRecognizer(whole.bundle, detector=lambda image: boxes, min_face=min_face)
    assert len(reader.predict(gray_picture(0))) == count


# --- made, kept and loaded ---


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"labels": "ferplsu"}, InputError, "did you mean 'ferplus'"),
        ({"labels": "affectnet"}, InputError, "no such head"),
        ({"detector": "centreface"}, DetectorError, "did you mean 'centerface'"),
        ({"detector": 7}, DetectorError, "callable, got int"),
        ({"size": 8}, DetectorError, "at least 32"),
        ({"min_face": -1}, InputError, "min_face"),
        ({"min_face": float("nan")}, InputError, "min_face"),
        ({"model": "mein"}, BundleError, "released bundle"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], words: str, bundle: Bundle) -> None:
    with pytest.raises(error, match=words):
        EmotionRecognizer(**({"model": bundle} | options))


def test_labels_default_to_what_people_see(bundle: Bundle, recognizer: EmotionRecognizer) -> None:
    assert recognizer.labels == FERPLUS
    assert EmotionRecognizer(bundle, labels="fer2013", detector="whole").labels == FER2013


def test_save_and_load(recognizer: EmotionRecognizer, tmp_path: Path) -> None:
    path = recognizer.save(tmp_path / "mine.onnx")
    again = EmotionRecognizer.load(path, labels="fer2013", threads=1)
    assert again.labels == FER2013
    assert again.bundle.source == str(path)
    assert_same(EmotionRecognizer.load(path, threads=1).predict(COLLINS), recognizer.predict(COLLINS), atol=1e-6)


def test_the_public_names() -> None:
    assert mien.EmotionRecognizer is EmotionRecognizer
    assert mien.Faces is Faces
