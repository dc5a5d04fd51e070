"""Limits of videos as jobs: places, seconds, bytes, pixels, memory; cancelling; and processes that break."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from starlette.testclient import TestClient

from helpers.service_client import READY, problem, serving
from helpers.video_clips import levels, write_clip
from helpers.video_jobs import MP4, ended, left
from mien.serve.jobs import Jobs


class Gate:
    """Videos stop before their second frame until `set` is called."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def set(self) -> None:
        self._path.touch()

    def of(self, client: TestClient) -> None:
        """Let a service's videos be read by the process that stops."""
        client.app.state.jobs.worker = "helpers.held_video_worker"  # type: ignore[attr-defined]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    path = tmp_path_factory.mktemp("gate") / "open"
    monkeypatch.setenv("HELD", str(path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    gate = Gate(path)
    yield gate
    gate.set()


def test_videos_that_wait(bundle_file: str, clip: Path, held: Gate) -> None:
    with serving(model=bundle_file, max_jobs=2) as client:
        held.of(client)
        places = [client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).headers["location"] for _ in "ab"]
        response = client.post("/v1/videos", content=clip.read_bytes(), headers=MP4)
        assert "2 are waiting or read, 2 may" in problem(response, 503)["detail"]
        assert int(response.headers["retry-after"]) >= 1
        for name in ("summary", "timeline"):
            assert problem(client.get(f"{places[0]}/{name}"), 409)["type"] == "urn:mien:not-done"
        assert client.get(f"{places[1]}/rows").json()["rows"] == []
        held.set()
        assert [ended(client, where)["status"] for where in places] == ["done", "done"]
        end = time.monotonic() + READY
        while client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).status_code == 503:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_one_client_does_not_take_all_places(bundle_file: str, clip: Path, held: Gate) -> None:
    with serving(model=bundle_file, max_client_jobs=1) as client:
        held.of(client)
        place = client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).headers["location"]
        response = client.post("/v1/videos", content=clip.read_bytes(), headers=MP4)
        assert "at most 1 of one client" in problem(response, 429)["detail"]
        held.set()
        assert ended(client, place)["status"] == "done"
        end = time.monotonic() + READY
        while client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).status_code == 429:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_cancelling(bundle_file: str, clip: Path, held: Gate) -> None:
    with serving(model=bundle_file) as client:
        held.of(client)
        running, queued = (
            client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).headers["location"] for _ in "ab"
        )
        end = time.monotonic() + READY
        while client.get(running).json()["rows"] < 1:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert client.get(f"{running}/rows").json()["next"] == 1
        for where in (running, queued):
            assert client.delete(where).status_code == 204
            assert client.get(where).status_code == 404
            assert client.delete(where).status_code == 404
        assert left(client) == set()
        held.set()
        third = client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).headers["location"]
        assert ended(client, third)["status"] == "done"
        assert left(client) == {third.rsplit("/", 1)[1]}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("error", "RuntimeError"), ("crash", "the process that read it has ended"), ("memory", "bytes of memory")],
)
def test_a_video_that_breaks_while_it_is_read(
    bundle_file: str, clip: Path, held: Gate, kind: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAK", kind)
    with serving(model=bundle_file) as client:
        held.of(client)
        where = client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).headers["location"]
        values = ended(client, where)
        assert (values["status"], values["error"]["status"]) == ("failed", 500)
        assert reason in values["error"]["detail"]
        assert "secret" not in json.dumps(values)
        problem(client.get(f"{where}/summary"), 409)


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"analysis_seconds": 0.5}, "longer than the 0.5 s of --analysis-seconds"),
        ({"analysis_memory": 20_000_000}, "more than the 20,000,000 bytes of memory of --analysis-memory"),
    ],
)
def test_limits_of_an_analysis(bundle_file: str, clip: Path, held: Gate, limit: Any, reason: str) -> None:
    with serving(model=bundle_file) as client:
        held.of(client)
        jobs: Jobs = client.app.state.jobs  # type: ignore[attr-defined]
        settings, jobs.settings = jobs.settings, replace(jobs.settings, **limit)
        checked, jobs._checked = jobs._checked, lambda *_: 0.48  # type: ignore[method-assign,assignment]
        where = client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).headers["location"]
        values = ended(client, where)
        assert values["status"] == "failed"
        assert reason in values["error"]["detail"]
        jobs.settings, jobs._checked = settings, checked  # type: ignore[method-assign]
        held.set()
        where = client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).headers["location"]
        assert ended(client, where)["status"] == "done"


def test_the_server_loads_neither_ffmpeg_nor_matplotlib(bundle_file: str, clip: Path) -> None:
    """A video's timeline is drawn, and its frames decoded, in a process of its own."""
    code = (
        "import sys, time; from helpers.service_client import serving\n"
        "with serving(model=sys.argv[1]) as client:\n"
        "    content = open(sys.argv[2], 'rb').read()\n"
        "    place = client.post('/v1/videos', content=content, headers={'Content-Type': 'video/mp4'})\n"
        "    while client.get(place.headers['location']).json()['status'] in ('queued', 'running'): time.sleep(0.05)\n"
        "    assert client.get(place.headers['location']).json()['status'] == 'done'\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", code, bundle_file, str(clip)]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout.split()
    assert "fastapi" in loaded
    assert not {"matplotlib", "av"} & set(loaded)


def test_nothing_is_left_at_the_end(bundle_file: str, clip: Path, held: Gate, tmp_path: Path) -> None:
    with serving(model=bundle_file, folder=str(tmp_path)) as client:
        held.of(client)
        client.post("/v1/videos", content=clip.read_bytes(), headers=MP4)
        client.post("/v1/videos", content=clip.read_bytes(), headers=MP4)
        assert len(os.listdir(tmp_path)) == 1
        held.set()
    assert os.listdir(tmp_path) == []


def test_bytes_of_a_video(bundle_file: str, clip: Path) -> None:
    content = clip.read_bytes()
    with serving(model=bundle_file, max_video=len(content)) as client:
        response = client.post("/v1/videos", content=content, headers=MP4)
        assert response.status_code == 202
        ended(client, response.headers["location"])
        before = left(client)
        problem(client.post("/v1/videos", content=content + b"\0", headers=MP4), 413)
        problem(client.post("/v1/videos", content=iter([content, b"\0"]), headers=MP4), 413)
        assert left(client) == before


def test_seconds_of_a_video(bundle_file: str, clip: Path, tmp_path: Path) -> None:
    longer = write_clip(tmp_path / "longer.mp4", [k / 25 for k in range(13)], levels(13))
    with serving(model=bundle_file) as client:
        jobs: Jobs = client.app.state.jobs  # type: ignore[attr-defined]
        exactly = jobs._checked(clip, "a")
        assert exactly is not None
        jobs.settings = replace(jobs.settings, max_video_seconds=exactly)
        assert client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).status_code == 202
        values = problem(client.post("/v1/videos", content=longer.read_bytes(), headers=MP4), 422)
        assert values["type"] == "urn:mien:too-long"


def test_a_video_that_does_not_say_how_long_it_is_is_cut(bundle_file: str, clip: Path) -> None:
    """Matroska that is written while it is sent."""
    content = io.BytesIO()
    with av.open(str(clip)) as source, av.open(content, "w", "matroska", options={"live": "1"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with serving(model=bundle_file, max_video_seconds=0.2) as client:
        response = client.post("/v1/videos", content=content.getvalue(), headers=MP4)
        assert (response.json()["duration"], response.json()["progress"]) == (None, None)
        values = ended(client, response.headers["location"])
        assert (values["status"], values["frames"]) == ("done", 5)
        assert "is longer than 0.2 s" in values["notes"][0]


def test_pixels_of_a_video(bundle_file: str, clip: Path) -> None:
    with serving(model=bundle_file, max_pixels=64 * 48) as client:
        response = client.post("/v1/videos", content=clip.read_bytes(), headers=MP4)
        assert ended(client, response.headers["location"])["status"] == "done"
    with serving(model=bundle_file, max_pixels=64 * 48 - 1) as client:
        values = problem(client.post("/v1/videos", content=clip.read_bytes(), headers=MP4), 422)
        assert "at most 3,071 pixels, got 64 x 48" in values["detail"]
