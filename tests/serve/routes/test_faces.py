"""Pictures over HTTP: the same answers as in Python, whatever way they come, and problems for what is none."""

from __future__ import annotations

import io
import json
import tempfile
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from helpers.service_client import JPEG, png, problem, serving
from mien import EmotionRecognizer
from mien.documents import results_document
from mien.serve.schemas import FacesDocument


@pytest.mark.parametrize("kind", ["image/jpeg", "image/x-anything", "application/octet-stream", "Image/JPEG; a=b"])
def test_a_picture_as_the_body(client: TestClient, picture: bytes, kind: str, bundle_file: str) -> None:
    response = client.post("/v1/faces", content=picture, headers={"Content-Type": kind})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    FacesDocument.model_validate(response.json())
    recognizer = EmotionRecognizer(bundle_file, detector="whole")
    expected = json.loads(
        json.dumps(results_document(recognizer.bundle.name, recognizer.labels, [recognizer.predict(picture)]))
    )
    expected["images"][0]["source"] = "image"
    assert response.json() == expected


def test_several_pictures_as_a_form(client: TestClient, picture: bytes) -> None:
    files = [("images", ("a.jpg", picture)), ("images", ("b.png", png(20, 10))), ("images", ("c.txt", b"words"))]
    values = client.post("/v1/faces", files=files, data={"other": "ignored"}).json()
    FacesDocument.model_validate(values)
    assert [(each["source"], each["width"], each["height"]) for each in values["images"]] == [
        ("a.jpg", 512, 512),
        ("b.png", 20, 10),
    ]
    assert [each["source"] for each in values["errors"]] == ["c.txt"]
    assert "expected a picture" in values["errors"][0]["reason"]


def test_the_answer_is_that_of_the_command_line(picture: bytes, bundle_file: str, tmp_path: Any) -> None:
    """With the real detector, field by field as `mien predict --json` writes it."""
    from mien.cli.main import main

    (tmp_path / "a.jpg").write_bytes(picture)
    words = ["predict", str(tmp_path / "a.jpg"), "--model", bundle_file, "--json", str(tmp_path / "a.json")]
    assert main(words) == 0
    expected = json.loads((tmp_path / "a.json").read_text())
    expected["images"][0]["source"] = "a.jpg"
    with serving(model=bundle_file, detector="mien-face") as client:
        values = client.post("/v1/faces", files={"images": ("a.jpg", picture)}).json()
    assert len(values["images"][0]["faces"]) == 1
    assert values == expected


def test_what_a_request_may_choose(client: TestClient, picture: bytes) -> None:
    def ask(**parameters: Any) -> dict[str, Any]:
        response = client.post("/v1/faces", content=picture, headers=JPEG, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    assert ask()["labels"]["name"] == "ferplus"
    assert ask(labels="fer2013")["labels"]["name"] == "fer2013"
    assert len(ask(labels="fer2013")["images"][0]["faces"][0]["probabilities"]) == 7
    assert ask(detector="mien-face")["images"][0]["faces"][0]["landmarks"]
    assert ask(min_face=512)["images"][0]["faces"]
    assert [face["emotion"] for face in ask(min_confidence=1)["images"][0]["faces"]] == ["uncertain"]
    assert not ask(min_face=513)["images"][0]["faces"]
    assert ask(flip="true")["images"][0]["faces"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"labels": "fer"}, "labels 'fer': this bundle has no such head; did you mean 'ferplus'?"),
        ({"detector": "yunet"}, "detector 'yunet': not one of this service's; known: mien-face, whole"),
        ({"min_confidence": "1.1"}, "min_confidence: Input should be less than or equal to 1"),
        ({"min_face": "-1"}, "min_face: Input should be greater than or equal to 0"),
        ({"min_face": "nan"}, "min_face: Input should be"),
        ({"flip": "perhaps"}, "flip: Input should be a valid boolean"),
    ],
)
def test_what_a_request_may_not_choose(
    client: TestClient, picture: bytes, parameters: dict[str, str], words: str
) -> None:
    values = problem(client.post("/v1/faces", content=picture, headers=JPEG, params=parameters), 422)
    assert words in values["detail"]


def test_a_picture_that_cannot_be_read_is_a_problem(client: TestClient) -> None:
    values = problem(client.post("/v1/faces", content=b"words", headers=JPEG), 422)
    assert values["type"] == "urn:mien:unreadable"
    assert values["errors"] == [{"source": "image", "reason": values["errors"][0]["reason"]}]
    problem(client.post("/v1/faces", content=b"", headers=JPEG), 422)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json", "", "nonsense"]
)
def test_other_content_types_are_refused(client: TestClient, picture: bytes, kind: str) -> None:
    values = problem(client.post("/v1/faces", content=picture, headers={"Content-Type": kind}), 415)
    assert "multipart/form-data" in values["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("multipart/form-data", b"", "names no boundary"),
        ("multipart/form-data; boundary=x", b"", "ends before its last boundary"),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n", "damaged"),
        ("multipart/form-data; boundary=" + "x" * 300, b"", "oundary"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", "got none"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="images"\r\n\r\nhttp://example.com/a.jpg\r\n--x--\r\n',
            "expected a file in a part called 'images', got none",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\nhalf a pic',
            "ends before its last boundary",
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"a" * 100_000, "damaged"),
    ],
)
def test_damaged_forms_are_refused(client: TestClient, kind: str, body: bytes, words: str) -> None:
    assert words in problem(client.post("/v1/faces", content=body, headers={"Content-Type": kind}), 422)["detail"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("a\x00\x1b[31mb.jpg", "a[31mb.jpg"),
        ("..", ".."),
        ("", "image"),
        ("名前.jpg", "名前.jpg"),
        ("a" * 500, "a" * 200),
    ],
)
def test_file_names_are_labels(name: str, label: str) -> None:
    from mien.serve.uploads import printable_name

    assert (printable_name(name) or "image") == label


def test_pictures_never_touch_the_disk(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starlette's own forms would write what is larger than a megabyte."""
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).save(content, "PNG")
    assert len(content.getvalue()) > 2_000_000

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was asked for")

    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, name, refuse)

    def only_reading(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        assert not set("wax+") & set(mode), path
        return read(path, mode, *arguments, **options)

    read = open
    monkeypatch.setattr("builtins.open", only_reading)
    assert client.post("/v1/faces", files={"images": ("a.png", content.getvalue())}).status_code == 200
    assert client.post("/v1/faces", content=content.getvalue(), headers=JPEG).status_code == 200


def test_addresses_are_not_fetched(client: TestClient) -> None:
    problem(client.post("/v1/faces", json={"url": "http://127.0.0.1/a.jpg"}), 415)
    problem(client.post("/v1/faces", content=b"http://127.0.0.1/a.jpg", headers=JPEG), 422)


def test_a_request_may_choose_its_prior_and_sets(picture: bytes) -> None:
    with serving(detector="whole") as client:

        def ask(**parameters: str) -> dict[str, Any]:
            answer = client.post("/v1/faces", content=picture, headers=JPEG, params=parameters)
            assert answer.status_code == 200, answer.text
            (face,) = answer.json()["images"][0]["faces"]
            return face

        plain, shifted = ask(), ask(prior="contempt=1e9")
        assert (plain["emotion"], shifted["emotion"]) == ("happy", "contempt")
        assert shifted["expressiveness"] == plain["expressiveness"]
        assert set(plain["emotion_set"]) <= set(ask(set_coverage="0.99")["emotion_set"])
        for parameters, words in {
            "prior=estimate": "too few faces",
            "prior=hapy=2": "is no emotion",
            "prior=often": "expected training, uniform",
            "set_coverage=0.2": "0.5 to 0.99",
            "set_kind=both": "Input should be 'emotion' or 'all'",
        }.items():
            answer = client.post(f"/v1/faces?{parameters}", content=picture, headers=JPEG)
            assert answer.status_code == 422
            assert words in answer.text
