"""The live stream: an answer per frame, persons with numbers, settings on the way, the newest frame first."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from helpers.service_client import READY, await_ready, png, serving
from helpers.video_clips import portraits
from mien.serve.schemas import FacesDocument, ProblemDocument


def jpeg(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG")
    return content.getvalue()


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """An answer whose image has the shape of those of /v1/faces."""
    head = {"schema": 2, "mien": "", "model": "", "labels": {"name": "", "emotions": []}, "errors": []}
    FacesDocument.model_validate({**head, "images": [values["image"]]})
    assert set(values) == {"schema", "frame", "dropped", "time", "milliseconds", "image"}
    return values


def test_every_frame_is_answered(client: TestClient) -> None:
    with client.websocket_connect("/v1/stream") as socket:
        times = []
        for number in range(3):
            socket.send_bytes(png(16, 12))
            values = checked(socket.receive_json())
            assert (values["frame"], values["dropped"]) == (number, 0)
            assert (values["image"]["width"], values["image"]["height"]) == (16, 12)
            assert values["milliseconds"] > 0
            times.append(values["time"])
        assert times[0] == 0
        assert times == sorted(times)


def test_a_person_keeps_the_number(bundle_file: str) -> None:
    with (
        serving(model=bundle_file, detector="mien-face", size=320) as client,
        client.websocket_connect("/v1/stream") as socket,
    ):
        for _, image in portraits(4):
            socket.send_bytes(jpeg(image))
            assert [face["track"] for face in socket.receive_json()["image"]["faces"]] == [1]


def test_settings_on_the_way(client: TestClient) -> None:
    with client.websocket_connect("/v1/stream?labels=fer2013&min_face=1&smoothing=0&flip=true") as socket:

        def answer() -> dict[str, Any]:
            socket.send_bytes(png(16, 12))
            return checked(socket.receive_json())["image"]

        assert answer()["labels"] == "fer2013"
        socket.send_text('{"labels": "ferplus", "smoothing": 0.5}')
        assert answer()["labels"] == "ferplus"
        socket.send_text('{"min_face": 13}')
        assert answer()["faces"] == []
        socket.send_text('{"min_face": 0, "flip": false, "detector": "whole"}')
        assert len(answer()["faces"]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"label": "fer2013"}', "did you mean 'labels'?"),
        ('{"labels": "x"}', "no such head"),
        ('{"labels": 3}', "labels cannot be 3"),
        ('{"flip": 1}', "flip cannot be 1"),
        ('{"smoothing": true}', "smoothing cannot be true"),
        ('{"smoothing": -1}', "smoothing: expected seconds from 0"),
        ('{"min_face": -1}', "min_face: expected pixels from 0 to 100,000"),
        ('{"detector": "yunet"}', "not one of this service's"),
        ("[]", "expected a JSON object"),
        ("words", "expected JSON"),
        ("", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ('{"smoothing": NaN}', "smoothing: expected seconds from 0"),
    ],
)
def test_wrong_settings_are_told_and_change_nothing(client: TestClient, text: str, words: str) -> None:
    with client.websocket_connect("/v1/stream?labels=fer2013") as socket:
        socket.send_text(text)
        values = socket.receive_json()
        ProblemDocument.model_validate(values["error"])
        assert words in values["error"]["detail"]
        socket.send_bytes(png(16, 12))
        assert checked(socket.receive_json())["image"]["labels"] == "fer2013"


@pytest.mark.parametrize("query", ["labels=x", "detector=x", "smoothing=x", "smoothing=-1", "min_face=nan"])
def test_wrong_settings_at_the_start(client: TestClient, query: str) -> None:
    with client.websocket_connect(f"/v1/stream?{query}") as socket:
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
        assert caught.value.code == 1008


def test_a_bad_frame_is_told_and_the_stream_stays(client: TestClient) -> None:
    with client.websocket_connect("/v1/stream") as socket:
        for content in (b"words", b"", png(16, 12)[:40]):
            socket.send_bytes(content)
            values = socket.receive_json()
            assert set(values) == {"schema", "frame", "error"}
            assert ProblemDocument.model_validate(values["error"]).status == 422
        socket.send_bytes(png(16, 12))
        assert checked(socket.receive_json())["frame"] == 3


def test_pixels_of_a_frame(bundle_file: str) -> None:
    with serving(model=bundle_file, max_pixels=200) as client, client.websocket_connect("/v1/stream") as socket:
        socket.send_bytes(png(20, 10))
        assert "image" in socket.receive_json()
        socket.send_bytes(png(67, 3))
        assert "at most 200 pixels" in socket.receive_json()["error"]["detail"]


def test_of_frames_that_come_too_fast_the_newest_counts(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    import mien.serve.routes.stream as stream

    go, first = threading.Event(), threading.Event()
    load = stream.load_image

    def slow(*arguments: Any) -> Any:
        first.set()
        go.wait(READY)
        return load(*arguments)

    monkeypatch.setattr(stream, "load_image", slow)
    with client.websocket_connect("/v1/stream") as socket:
        socket.send_bytes(png(16, 12))
        assert first.wait(READY)
        for width in range(20, 30):
            socket.send_bytes(png(width, 12))
        socket.send_text('{"label": 1}')  # answered when all that came before it has been taken
        assert "error" in socket.receive_json()
        go.set()
        assert checked(socket.receive_json())["frame"] == 0
        values = checked(socket.receive_json())
        assert (values["frame"], values["dropped"], values["image"]["width"]) == (10, 9, 29)


def test_another_size_of_frames_begins_anew(client: TestClient) -> None:
    with client.websocket_connect("/v1/stream") as socket:
        tracks = []
        for size in ((16, 12), (16, 12), (20, 30)):
            socket.send_bytes(png(*size))
            (face,) = checked(socket.receive_json())["image"]["faces"]
            tracks.append(face["track"])
        assert tracks == [1, 1, 2]


def test_so_many_streams(bundle_file: str) -> None:
    with serving(model=bundle_file, max_streams=2) as client:
        with client.websocket_connect("/v1/stream"), client.websocket_connect("/v1/stream"):
            with client.websocket_connect("/v1/stream") as socket, pytest.raises(WebSocketDisconnect) as caught:
                socket.receive_json()
            assert caught.value.code == 1013
        await_ready(lambda: client.app.state.engine.streams == 0)  # type: ignore[attr-defined]
        with client.websocket_connect("/v1/stream") as socket:
            socket.send_bytes(png(16, 12))
            assert "image" in socket.receive_json()


def test_a_stream_that_says_nothing_is_closed(bundle_file: str) -> None:
    with serving(model=bundle_file, stream_seconds=0.1) as client, client.websocket_connect("/v1/stream") as socket:
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
        assert caught.value.code == 1001


def test_a_service_that_is_not_ready(bundle_file: str) -> None:
    with serving(model=bundle_file) as client:
        engine, client.app.state.engine = client.app.state.engine, None  # type: ignore[attr-defined]
        with client.websocket_connect("/v1/stream") as socket, pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
        assert caught.value.code == 1013
        client.app.state.engine = engine  # type: ignore[attr-defined]


def test_the_answers_are_json_without_nan(client: TestClient) -> None:
    with client.websocket_connect("/v1/stream") as socket:
        socket.send_bytes(png(16, 12))
        json.loads(socket.receive_text(), parse_constant=lambda name: pytest.fail(name))
