"""`FacePipeline` and the typed face of `EmotionRecognizer`: arguments, copies, one picture or several."""

from __future__ import annotations

import copy
import io
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from helpers import tiny_bundle
from helpers.paths import EILEEN_COLLINS
from mien import EmotionRecognizer, Faces
from mien.bundle import Bundle
from mien.errors import ImageError, InputError, MissingExtraError
from mien.images import load_image


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    path.write_bytes(tiny_bundle.content())
    return path


@pytest.fixture(scope="module")
def recognizer(tiny: Path) -> EmotionRecognizer:
    return EmotionRecognizer(tiny, detector="whole")


def same(one: Faces, other: Faces) -> bool:
    return bool(np.array_equal(one.probabilities, other.probabilities) and np.array_equal(one.boxes, other.boxes))


def test_one_picture_gives_faces_and_several_a_list(recognizer: EmotionRecognizer) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 60, 50, 3), np.uint8)
    alone = [recognizer.predict(picture) for picture in pictures]
    assert all(isinstance(faces, Faces) for faces in alone)
    for several in (pictures, list(pictures), tuple(pictures)):
        found = recognizer.predict(several)
        assert isinstance(found, list)
        assert all(same(a, b) for a, b in zip(found, alone, strict=True))


def test_several_pictures_end_at_the_first_bad_one(recognizer: EmotionRecognizer) -> None:
    with pytest.raises(ImageError, match="no such file"):
        recognizer.predict([EILEEN_COLLINS, "nothing.jpg"])
    assert isinstance(recognizer.predict_batch([EILEEN_COLLINS, "nothing.jpg"])[1], ImageError)


def test_every_form_of_a_picture_is_the_same(recognizer: EmotionRecognizer) -> None:
    class OfPath:
        def __fspath__(self) -> str:
            return str(EILEEN_COLLINS)

    expected = recognizer.predict(EILEEN_COLLINS)
    content = EILEEN_COLLINS.read_bytes()
    bgr = cv2.imread(str(EILEEN_COLLINS))
    with EILEEN_COLLINS.open("rb") as file, Image.open(EILEEN_COLLINS) as image:
        for form in (str(EILEEN_COLLINS), OfPath(), content, bytearray(content), io.BytesIO(content), file, image):
            assert same(recognizer.predict(form), expected), type(form)
    assert recognizer.predict(OfPath()).source == str(EILEEN_COLLINS)
    pixels = load_image(EILEEN_COLLINS)
    np.testing.assert_array_equal(load_image(pixels[..., ::-1], image_format="BGR"), pixels)
    assert same(recognizer.predict(bgr, image_format="BGR"), recognizer.predict(bgr[..., ::-1]))


def test_wrong_file_objects_and_formats_are_input_errors(recognizer: EmotionRecognizer) -> None:
    with pytest.raises(InputError, match="image_format: expected RGB or BGR, got 'bgr'"):
        recognizer.predict(EILEEN_COLLINS, image_format="bgr")
    with pytest.raises(InputError, match="expected a file opened for bytes"):
        recognizer.predict(io.StringIO("text"))
    closed = io.BytesIO(b"x")
    closed.close()
    with pytest.raises(InputError, match="expected an open file"):
        recognizer.predict(closed)


@pytest.mark.parametrize("name", ["min_face", "min_confidence"])
@pytest.mark.parametrize("value", ["20", -1, None, True])
def test_numbers_are_checked(name: str, value: object, tiny: Path) -> None:
    with pytest.raises(InputError, match=f"{name}: expected"):
        EmotionRecognizer(tiny, detector="whole", **{name: value})  # type: ignore[arg-type]


def test_device_is_a_short_word_for_providers(tiny: Path) -> None:
    assert EmotionRecognizer(tiny, detector="whole", device="cpu").bundle.runtime.endswith("cpu")
    with pytest.raises(InputError, match="expected either device or providers"):
        EmotionRecognizer(tiny, detector="whole", device="cpu", providers="cpu")


def test_a_released_model_is_read_when_it_is_needed() -> None:
    recognizer = EmotionRecognizer("mien-nano", detector="whole")
    assert recognizer._bundle is None
    assert recognizer.bundle.name == "mien-nano"
    assert repr(recognizer) == "EmotionRecognizer('mien-nano', labels='ferplus')"


@pytest.mark.parametrize("detector", ["whole", "centerface"])
def test_copies_and_pickles_answer_alike(detector: str, tiny: Path) -> None:
    recognizer = EmotionRecognizer(tiny, detector=detector, size=320, min_confidence=0.2)
    expected = recognizer.predict(EILEEN_COLLINS)
    for other in (pickle.loads(pickle.dumps(recognizer)), copy.deepcopy(recognizer), copy.copy(recognizer)):
        found = other.predict(EILEEN_COLLINS)
        assert same(found, expected)
        assert found.min_confidence == 0.2
    for faces in (pickle.loads(pickle.dumps(expected)), copy.deepcopy(expected)):
        assert same(faces, expected)
        assert faces.labels == expected.labels


def test_a_bundle_can_be_pickled(tiny: Path) -> None:
    bundle = Bundle.load(tiny, threads=1)
    other = pickle.loads(pickle.dumps(bundle))
    crops = np.zeros((2, 48, 48), np.uint8)
    np.testing.assert_array_equal(other.logits(crops)["ferplus"], bundle.logits(crops)["ferplus"])
    assert other.source == bundle.source


def test_a_pool_of_processes_can_predict(recognizer: EmotionRecognizer) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(recognizer.predict, [str(EILEEN_COLLINS)]))
    assert same(found[0], recognizer.predict(EILEEN_COLLINS))


def test_other_labels_share_everything_else(recognizer: EmotionRecognizer) -> None:
    other = recognizer.with_labels("fer2013")
    assert other.bundle is recognizer.bundle
    assert other.detector is recognizer.detector
    assert (other.labels.name, recognizer.labels.name) == ("fer2013", "ferplus")


def test_show_opens_the_picture(recognizer: EmotionRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Image.Image] = []
    monkeypatch.setattr(Image.Image, "show", lambda image: shown.append(image))
    faces = recognizer.predict(EILEEN_COLLINS)
    faces.show()
    np.testing.assert_array_equal(np.asarray(shown[0]), faces.draw(EILEEN_COLLINS))
    with pytest.raises(InputError, match="show: expected the picture"):
        recognizer.predict(load_image(EILEEN_COLLINS)).show()


def test_supervision(recognizer: EmotionRecognizer) -> None:
    supervision = pytest.importorskip("supervision")
    faces = recognizer.predict(EILEEN_COLLINS)
    found = faces.to_supervision()
    assert isinstance(found, supervision.Detections)
    np.testing.assert_array_equal(found.xyxy, faces.boxes)
    assert found.data["class_name"].tolist() == faces.emotions
    np.testing.assert_allclose(found.confidence, faces.confidences)


def test_supervision_is_an_extra(recognizer: EmotionRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "supervision", None)
    with pytest.raises(MissingExtraError, match=r"\.\[supervision\]"):
        recognizer.predict(EILEEN_COLLINS).to_supervision()
