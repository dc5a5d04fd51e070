"""Large pictures are read in a process of their own, which may break, hang or be busy: others do not notice."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, WebPImagePlugin
from starlette.testclient import TestClient

from helpers import tiny_bundle
from helpers.service_client import JPEG, READY, await_ready, png, problem, serving
from mien.bundle import Bundle
from mien.detection.detections import Detections
from mien.images import size_of
from mien.pipeline import FacePipeline
from mien.recognizer import EmotionRecognizer
from mien.serve.picture_worker import find_in_large, pack, unpack


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HELD", str(tmp_path / "open"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return tmp_path / "open"


@pytest.fixture
def service(bundle_file: str, gate: Path) -> Iterator[TestClient]:
    """A service whose large pictures are read by the odd process."""
    with serving(model=bundle_file, request_seconds=READY) as client:
        client.app.state.engine.large.worker = "helpers.odd_picture_worker"  # type: ignore[attr-defined]
        yield client
        gate.touch()


def ask(client: TestClient, *pictures: bytes) -> Any:
    return client.post("/v1/faces", files=[("images", (f"{k}.png", one)) for k, one in enumerate(pictures)])


def test_the_answer_is_that_of_a_direct_call(client: TestClient, picture: bytes) -> None:
    content = io.BytesIO()
    Image.open(io.BytesIO(picture)).resize((900, 1000)).save(content, "PNG")
    response = client.post("/v1/faces", content=content.getvalue(), headers=JPEG)
    direct = EmotionRecognizer(Bundle(tiny_bundle.content(), "tiny"), detector="whole").predict(content.getvalue())
    (image,) = response.json()["images"]
    assert (image["width"], image["height"]) == (900, 1000)
    assert image["faces"] == direct.to_dict()["faces"]


def test_a_form_of_large_and_small_ones_keeps_its_order(client: TestClient) -> None:
    sizes = [(1000, 600), (8, 8), (600, 1000), (9, 9)]
    images = ask(client, *(png(*size) for size in sizes)).json()["images"]
    assert [(image["width"], image["height"]) for image in images] == sizes


def test_a_small_picture_does_not_wait_for_a_form_of_large_ones(service: TestClient, gate: Path) -> None:
    """All of one address, as on one machine; the form is not done before the gate is open."""
    answers: list[Any] = []
    form = threading.Thread(target=lambda: answers.append(ask(service, *[png(1003, 600)] * 4)))
    form.start()
    engine = service.app.state.engine  # type: ignore[attr-defined]
    await_ready(lambda: engine.admitted == 4)
    assert service.post("/v1/faces", content=png(8, 8), headers=JPEG).status_code == 200
    with service.websocket_connect("/v1/stream") as socket:
        socket.send_bytes(png(8, 8))
        assert "image" in socket.receive_json()
    assert answers == []
    gate.touch()
    form.join()
    assert len(answers[0].json()["images"]) == 4


def test_a_picture_that_ends_its_process_is_unread(service: TestClient) -> None:
    values = ask(service, png(1001, 600), png(1000, 600), png(8, 8)).json()
    assert [image["source"] for image in values["images"]] == ["1.png", "2.png"]
    (error,) = values["errors"]
    assert error["source"] == "0.png"
    assert "the process that did so ended" in error["reason"]
    assert ask(service, png(1000, 600)).status_code == 200


def test_a_request_that_takes_too_long_is_ended(bundle_file: str, gate: Path) -> None:
    with serving(model=bundle_file, request_seconds=2.0) as client:
        client.app.state.engine.large.worker = "helpers.odd_picture_worker"  # type: ignore[attr-defined]
        response = ask(client, png(1002, 600), png(8, 8))
        values = problem(response, 504)
        assert values["type"] == "urn:mien:time"
        assert "expected 2 to be read within 2 s" in values["detail"]
        assert int(response.headers["retry-after"]) >= 1
        assert client.app.state.engine.admitted == 0  # type: ignore[attr-defined]
        client.app.state.engine.settings = client.app.state.settings  # type: ignore[attr-defined]
        assert ask(client, png(8, 8)).status_code == 200


def test_an_idle_process_ends(bundle_file: str, gate: Path) -> None:
    from mien.serve.pictures import LargePictures

    with serving(model=bundle_file) as client:
        engine = client.app.state.engine  # type: ignore[attr-defined]
        engine.large.close()
        engine.large = LargePictures(1, 1, 800_000_000, 40_000_000, idle_seconds=0.3)
        before = children()
        assert ask(client, png(1000, 600)).status_code == 200
        end = time.monotonic() + READY
        while children() - before:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert ask(client, png(1000, 600)).status_code == 200


def children() -> set[int]:
    import psutil

    return {process.pid for process in psutil.Process().children()}


def test_one_client_does_not_fill_the_queue(bundle_file: str) -> None:
    with serving(model=bundle_file, queue=8, max_images=8) as client:
        engine = client.app.state.engine  # type: ignore[attr-defined]
        engine._admit("other", 8)
        problem(ask(client, png(8, 8)), 503)
    with serving(model=bundle_file, queue=8, max_images=2) as client:
        engine = client.app.state.engine  # type: ignore[attr-defined]
        engine._admit("other", 6)
        with pytest.raises(Exception, match="6 of one client"):
            engine._admit("other", 1)
        assert ask(client, png(8, 8), png(8, 8)).status_code == 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_size_of_a_rotated_picture_is_the_upright_one(client: TestClient, kind: str) -> None:
    content, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1000, 600)).save(content, kind, exif=exif)
    (image,) = client.post("/v1/faces", content=content.getvalue(), headers=JPEG).json()["images"]
    assert (image["width"], image["height"]) == (600, 1000)
    assert image["faces"][0]["box"] == [0, 0, 600, 1000]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_a_header_is_read_without_decoding(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    Image.new("RGB", (1000, 600)).save(content, kind)

    def decoded(*_: object) -> None:
        raise AssertionError("it was decoded")

    for name in (ImageFile.ImageFile, WebPImagePlugin.WebPImageFile):
        monkeypatch.setattr(name, "load", decoded)
    assert size_of(content.getvalue()) == (1000, 600)


class Corner:
    """A detector of one face at a place of its own in whatever it is shown."""

    size = 100

    def __init__(self, width: int) -> None:
        self.shown: list[tuple[int, ...]] = []
        self.width = width

    def __call__(self, image: np.ndarray[Any, np.dtype[np.uint8]]) -> Detections:
        self.shown.append(image.shape)
        boxes = np.array([[10, 20, 10 + self.width, 90]], np.float32)
        return Detections(boxes, np.ones(1, np.float32), np.full((1, 5, 2), 30, np.float32), are_frames=True)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_boxes_of_a_shrunk_picture_are_those_of_the_original(kind: str) -> None:
    content = io.BytesIO()
    Image.new("RGB", (1600, 800), (200, 100, 50)).save(content, kind)
    pipeline = FacePipeline(detector="whole")
    pipeline.detector = corner = Corner(60)
    found = find_in_large(content.getvalue(), pipeline, 0, 10**7)
    assert corner.shown == [(200, 400, 3)]  # a fourth: not less than 3 times the searched 100
    assert found.size == (1600, 800)
    np.testing.assert_array_equal(found.detections.boxes, [[40, 80, 280, 360]])
    np.testing.assert_array_equal(found.detections.landmarks, np.full((1, 5, 2), 120))
    assert not len(find_in_large(content.getvalue(), pipeline, 241, 10**7).detections)  # in original pixels
    again = unpack(*pack(found), "a")
    np.testing.assert_array_equal(again.crops, found.crops)
    np.testing.assert_array_equal(again.detections.boxes, found.detections.boxes)
    assert (again.size, again.source, again.detections.are_frames) == (found.size, "a", True)


@pytest.mark.parametrize(("width", "full"), [(64, False), (63, True)])
def test_small_faces_are_cropped_from_the_picture_in_full(width: int, full: bool) -> None:
    """A picture of stripes, which are gray where it is shrunk."""
    content = io.BytesIO()
    stripes = np.zeros((800, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(content, "PNG")
    pipeline = FacePipeline(detector="whole")
    pipeline.detector = Corner(width)
    found = find_in_large(content.getvalue(), pipeline, 0, 10**7)
    expected = pipeline.crop(stripes, found.detections)
    assert np.array_equal(found.crops, expected) == full
