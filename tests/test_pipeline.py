"""`FacePipeline` and the typed face of `EmotionRecognizer`: arguments, copies, one picture or several."""

from __future__ import annotations

import copy
import io
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from helpers import tiny_bundle
from helpers.paths import EILEEN_COLLINS
from helpers.video_clips import write_clip
from mien import EmotionRecognizer, Faces
from mien.bundle import Bundle
from mien.errors import ImageError, InputError, MissingExtraError
from mien.face import VOTE_NUMBERS
from mien.images import load_image
from mien.labels import FERPLUS


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


# --- Priors, sets and the numbers that are made of votes ---


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with frequencies, thresholds and intervals."""
    values = tiny_bundle.metadata()
    for head, count in zip(values["heads"], (7, 8), strict=True):
        interval = {"at": [-1.0, 1.0], "low": [-1.1, 0.9], "high": [-0.9, 1.1]}
        head["uncertainty"] = {
            "prior": [1 / count] * count,
            "coverages": [0.5, 0.9, 0.99],
            "by_emotion": [[0.3] * count, [0.14] * count, [0.0] * count],
            "by_all": [0.3, 0.2, 0.0],
            "intervals": dict.fromkeys(VOTE_NUMBERS, interval),
        }
    path = tmp_path_factory.mktemp("knowing") / "knowing.onnx"
    path.write_bytes(tiny_bundle.content(json.dumps(values)))
    return path


CROPS = np.random.default_rng(0).integers(0, 256, (60, 48, 48), np.uint8)


def test_a_prior_shifts_the_probabilities_and_not_the_votes(knowing: Path) -> None:
    plain = EmotionRecognizer(knowing, detector="whole").predict_crops(CROPS)
    chosen = EmotionRecognizer(knowing, detector="whole", prior={"happy": 50}).predict_crops(CROPS)
    expected = plain.probabilities * np.where(np.array(FERPLUS.names) == "happy", 50, 1)
    assert chosen.probabilities == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)
    assert set(chosen.emotions) == {"happy"}
    assert np.array_equal(plain.expressiveness, chosen.expressiveness)
    assert np.array_equal(plain.sets | (np.array(FERPLUS.names) == "happy"), chosen.sets)


def test_the_set_holds_the_reported_emotion_and_what_is_above_its_threshold(knowing: Path) -> None:
    faces = EmotionRecognizer(knowing, detector="whole", set_coverage=0.9).predict_crops(CROPS)
    for face in faces:
        assert face.emotion_set is not None
        assert face.emotion_set[0] == face.emotion
        assert set(face.emotion_set) == {name for name, p in face.probabilities.items() if p >= 0.14} | {face.emotion}
        values = [face.probabilities[name] for name in face.emotion_set]
        assert values == sorted(values, reverse=True)
    everything = EmotionRecognizer(knowing, detector="whole", set_coverage=0.99, set_kind="all").predict_crops(CROPS)
    assert everything.sets is not None
    assert everything.sets.all()


def test_expressiveness_is_what_is_not_neutral(knowing: Path) -> None:
    recognizer = EmotionRecognizer(knowing, detector="whole")
    shares = recognizer.bundle.shares(CROPS)
    assert shares is not None
    for face, share in zip(recognizer.predict_crops(CROPS), shares, strict=True):
        assert face.expressiveness is not None
        value, low, high = face.expressiveness
        assert value == pytest.approx(1 - share[FERPLUS.names.index("neutral")], abs=1e-5)
        assert (low, high) == pytest.approx((value - 0.1, value + 0.1), abs=1e-4)
    of_seven = EmotionRecognizer(knowing, detector="whole", labels="fer2013").predict_crops(CROPS)
    assert of_seven.valence == pytest.approx(recognizer.predict_crops(CROPS).valence, abs=1e-5)


def test_frequencies_are_estimated_from_all_pictures_of_a_call(knowing: Path) -> None:
    recognizer = EmotionRecognizer(knowing, detector="whole", prior="estimate")
    pictures = [np.repeat(crop[..., None], 3, axis=2) for crop in CROPS]
    several = recognizer.predict([*pictures])
    found = recognizer.estimate_prior(np.concatenate([recognizer.detect_and_crop(p, "").crops for p in pictures]))
    assert sum(found.values()) == pytest.approx(1)
    fixed = EmotionRecognizer(knowing, detector="whole", prior=found).predict(pictures)
    assert all(same(one, other) for one, other in zip(several, fixed, strict=True))
    with pytest.raises(InputError, match="at least 50 faces, got 1"):
        recognizer.predict(pictures[0])


def test_a_film_is_looked_at_before_its_prior_is_used(knowing: Path, tmp_path: Path) -> None:
    frames = [np.repeat(crop[..., None], 3, axis=2) for crop in CROPS]
    film = write_clip(tmp_path / "film.mp4", [k / 10 for k in range(60)], [cv2.resize(f, (64, 64)) for f in frames])
    recognizer = EmotionRecognizer(knowing, detector="whole", prior="estimate")
    with recognizer.track(film, smoothing=0, detect_every=1) as moments:
        found = [moment.faces.probabilities for moment in moments]
        prior = moments.analyzer.pipeline.prior
    assert isinstance(prior, dict)
    fixed = EmotionRecognizer(knowing, detector="whole", prior=prior)
    with fixed.track(film, smoothing=0, detect_every=1) as moments:
        again = [moment.faces.probabilities for moment in moments]
    assert np.array_equal(np.concatenate(found), np.concatenate(again))
    with pytest.raises(InputError, match="a film in a file"):
        recognizer.track([(0.0, frames[0])])
    with pytest.raises(InputError, match="at least 50 faces"):
        recognizer.track(film, end=1.0)


def test_a_model_that_knows_nothing_of_its_errors(recognizer: EmotionRecognizer, tiny: Path) -> None:
    face = recognizer.predict_crops(CROPS[:1])[0]
    assert (face.emotion_set, face.expressiveness, face.valence, face.arousal) == (None, None, None, None)
    assert "emotion_set" not in face.to_dict()
    with pytest.raises(InputError, match="does not say how frequent"):
        EmotionRecognizer(tiny, detector="whole", prior="uniform")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prior": "uniforn"}, "uniform"),
        ({"set_coverage": 0.3}, "0.5 to 0.99"),
        ({"set_kind": "al"}, "did you mean 'all'"),
    ],
)
def test_wrong_priors_and_sets(knowing: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        EmotionRecognizer(knowing, **options)


def test_documents_and_tables_have_the_sets_and_the_numbers(knowing: Path) -> None:
    faces = EmotionRecognizer(knowing, detector="whole").predict_crops(CROPS[:3])
    for face, row in zip(faces, faces.to_rows(), strict=True):
        values = face.to_dict()
        assert row["emotion_set"] == "|".join(values["emotion_set"])
        for name in VOTE_NUMBERS:
            assert [row[name], row[f"{name}_low"], row[f"{name}_high"]] == list(values[name].values())
    picked = faces[np.array([2, 0])]
    assert picked.sets is not None
    assert np.array_equal(picked.sets, faces.sets[[2, 0]])  # type: ignore[index]
    assert picked[0].valence == faces[2].valence
