"""Videos as jobs: the rows of `mien video`, progress, cancelling, limits, and what is left on the disk: nothing."""

from __future__ import annotations

import csv
import io
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from helpers.service_client import READY, problem, serving
from helpers.video_jobs import MP4, ended, folder_of, left
from mien.cli.main import main
from mien.serve import jobs as jobs_module
from mien.serve.job_files import Job, rows_after, write_job
from mien.serve.jobs import Jobs
from mien.serve.schemas import JobDocument, RowsDocument
from mien.video.rows import columns


@pytest.fixture(scope="module")
def done(client: TestClient, clip: Path) -> str:
    """Where a video is that has been read."""
    response = client.post("/v1/videos?name=talk.mp4", content=clip.read_bytes(), headers=MP4)
    assert response.status_code == 202
    assert response.headers["location"] == f"/v1/videos/{response.json()['id']}"
    JobDocument.model_validate(response.json())
    assert ended(client, response.headers["location"])["status"] == "done"
    return response.headers["location"]


def test_a_video_that_is_read(client: TestClient, done: str) -> None:
    values = client.get(done).json()
    assert (values["name"], values["status"], values["progress"], values["error"]) == ("talk.mp4", "done", 1.0, None)
    assert (values["frames"], values["rows"], values["faces"]) == (12, 12, 1)
    assert values["seconds"] == pytest.approx(0.44, abs=0.002)
    assert values["duration"] == pytest.approx(0.48, abs=0.05)
    assert values["created"] < values["expires"]


def test_the_rows_are_those_of_the_command_line(
    client: TestClient, done: str, clip: Path, bundle_file: str, tmp_path: Path
) -> None:
    words = ["video", str(clip), "--model", bundle_file, "--detector", "whole"]
    assert main([*words, "--out", str(tmp_path / "r.jsonl"), "--summary-json", str(tmp_path / "s.json")]) == 0
    expected = (tmp_path / "r.jsonl").read_text()
    assert client.get(f"{done}/rows?format=jsonl").text == expected
    values = client.get(f"{done}/rows").json()
    RowsDocument.model_validate(values)
    assert values["rows"] == [json.loads(line) for line in expected.splitlines()]
    assert values["next"] == 12
    table = client.get(f"{done}/rows?format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    found = list(csv.DictReader(io.StringIO(table.text)))
    assert list(found[0]) == values["columns"] == columns(client.app.state.engine.default.labels)  # type: ignore[attr-defined]
    assert [float(row["time"]) for row in found] == [row["time"] for row in values["rows"]]
    summary = json.loads((tmp_path / "s.json").read_text())
    assert client.get(f"{done}/summary").json() == {**summary, "source": "talk.mp4"}


def test_rows_bit_by_bit(client: TestClient, done: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.serve.routes.videos.MOST_ROWS", 5)
    frames, after = [], 0
    while True:
        values = client.get(f"{done}/rows", params={"after": after}).json()
        if not values["rows"]:
            break
        assert values["next"] == after + len(values["rows"])
        frames += [row["frame"] for row in values["rows"]]
        after = values["next"]
    assert frames == list(range(12))
    assert client.get(f"{done}/rows?after=1000000").json()["next"] == 1_000_000
    problem(client.get(f"{done}/rows?after=-1"), 422)
    problem(client.get(f"{done}/rows?format=xml"), 422)


def test_a_line_that_is_still_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert list(rows_after(path, 0, 10)) == []
    path.write_text('{"a": 1}\n{"a": 2}\n{"a"')
    assert list(rows_after(path, 0, 10)) == ['{"a": 1}\n', '{"a": 2}\n']
    assert list(rows_after(path, 1, 1)) == ['{"a": 2}\n']


def test_the_timeline(client: TestClient, done: str) -> None:
    page = client.get(f"{done}/timeline")
    assert page.headers["content-type"].startswith("text/html")
    assert "talk.mp4" in page.text
    policy = page.headers["content-security-policy"]
    assert "sandbox allow-scripts" in policy  # without allow-same-origin: it cannot reach this service
    assert "default-src 'none'" in policy
    end = time.monotonic() + READY
    while (picture := client.get(f"{done}/timeline?format=png")).status_code == 409:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


def test_the_upload_is_removed_when_it_is_read(client: TestClient, done: str) -> None:
    folder = folder_of(client) / done.rsplit("/", 1)[1]
    assert {path.name for path in folder.iterdir()} >= {"job.json", "rows.jsonl", "summary.json", "timeline.html"}
    end = time.monotonic() + READY
    while (folder / "video").exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_only_the_owner_may_look_into_the_folders(client: TestClient, done: str) -> None:
    for folder in (folder_of(client), folder_of(client) / done.rsplit("/", 1)[1]):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("send", "name"),
    [
        (lambda clip: {"files": {"video": ("../../etc/b.mp4", clip)}}, "b.mp4"),
        (lambda clip: {"files": {"video": ("b.mp4", clip)}, "params": {"name": "c.mp4"}}, "b.mp4"),
        (lambda clip: {"content": clip, "headers": MP4, "params": {"name": "../../c.mp4"}}, "c.mp4"),
        (lambda clip: {"content": clip, "headers": {**MP4, "Content-Disposition": 'a; filename="/d.mp4"'}}, "d.mp4"),
        (lambda clip: {"content": clip, "headers": {"Content-Type": "application/octet-stream"}}, "video"),
    ],
)
def test_names_are_labels(client: TestClient, clip: Path, send: Any, name: str) -> None:
    before = set(folder_of(client).parent.iterdir())
    response = client.post("/v1/videos", **send(clip.read_bytes()))
    assert response.status_code == 202, response.text
    assert response.json()["name"] == name
    ended(client, response.headers["location"])
    assert client.delete(response.headers["location"]).status_code == 204
    assert {path for path in folder_of(client).parent.iterdir() if path.suffix == ".mp4"} <= before


def test_what_a_request_may_choose(client: TestClient, clip: Path) -> None:
    response = client.post("/v1/videos?labels=fer2013&every=5", content=clip.read_bytes(), headers=MP4)
    where = response.headers["location"]
    ended(client, where)
    values = client.get(f"{where}/rows").json()
    assert values["labels"]["name"] == "fer2013"
    assert [row["frame"] for row in values["rows"]] == [0, 5, 10]
    for parameters in ("labels=x", "detector=x", "every=0", "min_face=-1"):
        problem(client.post(f"/v1/videos?{parameters}", content=clip.read_bytes(), headers=MP4), 422)


def test_what_is_no_video_leaves_nothing(client: TestClient, picture: bytes) -> None:
    before = left(client)
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n"
    concat = b"ffconcat version 1.0\nfile /etc/passwd\n"
    sdp = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    for content in (b"", b"words", playlist, concat, sdp, b"<?xml version='1.0'?><MPD></MPD>"):
        values = problem(client.post("/v1/videos", content=content, headers=MP4), 422)
        assert str(folder_of(client)) not in values["detail"]
    for kind in ("image/jpeg", "text/plain", ""):
        problem(client.post("/v1/videos", content=picture, headers={"Content-Type": kind}), 415)
    problem(client.post("/v1/videos", files={"images": ("a.mp4", b"x")}), 422)
    assert left(client) == before


def test_an_unknown_id(client: TestClient) -> None:
    for id in ("x", "a" * 24, "..", "%2e%2e", "a" * 23 + "/", "." * 24):
        for path in ("", "/rows", "/summary", "/timeline"):
            assert client.get(f"/v1/videos/{id}{path}").status_code == 404
        assert client.delete(f"/v1/videos/{id}").status_code in (404, 405)


def test_rows_expire(bundle_file: str, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(model=bundle_file, kept_seconds=100.0) as client:
        jobs: Jobs = client.app.state.jobs  # type: ignore[attr-defined]
        where = client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).headers["location"]
        ended(client, where)
        abandoned = jobs.new_folder()  # of an upload that broke off in a process that is gone
        jobs.clean()
        assert client.get(where).status_code == 200
        assert abandoned.exists()
        now = time.time()
        monkeypatch.setattr(jobs_module.time, "time", lambda: now + 50)
        jobs.clean()
        assert client.get(where).status_code == 200
        monkeypatch.setattr(jobs_module.time, "time", lambda: now + 1000)
        jobs.clean()
        assert client.get(where).status_code == 404
        assert left(client) == set()


def test_only_so_many_are_kept(bundle_file: str, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "MOST_ENDED", 1)
    with serving(model=bundle_file) as client:
        places = []
        for _ in "ab":
            places.append(client.post("/v1/videos", content=clip.read_bytes(), headers=MP4).headers["location"])
            ended(client, places[-1])
        client.app.state.jobs.clean()  # type: ignore[attr-defined]
        assert [client.get(where).status_code for where in places] == [404, 200]


def test_a_job_whose_process_has_died_has_failed(client: TestClient) -> None:
    jobs: Jobs = client.app.state.jobs  # type: ignore[attr-defined]
    folder = jobs.new_folder()
    nobody = 2**22 + 1  # more than any process number of Linux
    job = Job(folder.name, "a", "ferplus", ["happy"], "2026-01-01T00:00:00.000Z", owner=nobody, status="running")
    write_job(folder, job)
    values = client.get(f"/v1/videos/{folder.name}").json()
    JobDocument.model_validate(values)
    assert values["status"] == "failed"
    assert "process that read it has ended" in values["error"]["detail"]
    client.delete(f"/v1/videos/{folder.name}")
