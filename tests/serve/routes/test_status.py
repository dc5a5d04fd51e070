"""What the service tells of itself: models, probes, numbers, headers, its description, its log."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from helpers.service_client import JPEG, await_ready, png, problem, serving
from mien import __version__
from mien.labels import FERPLUS, color
from mien.serve import openapi
from mien.serve.app import create_app
from mien.serve.engine import Engine
from mien.serve.middleware.headers import SECURITY
from mien.serve.middleware.metrics import ServiceMetrics
from mien.serve.routes.page import STATIC
from mien.serve.schemas import FacesDocument, JobDocument, ModelsDocument, ProblemDocument
from mien.serve.settings import ServiceSettings


def test_models(client: TestClient) -> None:
    values = client.get("/v1/models").json()
    ModelsDocument.model_validate(values)
    assert (values["schema"], values["mien"], values["default"]) == (2, __version__, "tiny")
    (model,) = values["models"]
    assert [head["name"] for head in model["heads"]] == ["fer2013", "ferplus"]
    assert model["labels"] == "ferplus"
    assert values["detectors"] == ["whole", "mien-face"]
    assert set(values["emotions"]) == set(FERPLUS.names)
    assert values["emotions"]["happy"] == "#{:02x}{:02x}{:02x}".format(*color("happy")) == "#f0e442"
    assert values["limits"]["body_bytes"] == 20_000_000


def test_probes(client: TestClient) -> None:
    assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}


@pytest.mark.parametrize(("workers", "first"), [(1, 503), (2, 200)])
def test_one_of_several_takes_nothing_before_it_can_read(
    bundle_file: str, workers: int, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_engine(*words: Any) -> Engine:
        time.sleep(0.5)
        return Engine(*words)

    monkeypatch.setattr("mien.serve.app.Engine", slow_engine)
    with TestClient(
        create_app(ServiceSettings(model=bundle_file, detector="whole", workers=workers)), "http://localhost"
    ) as client:
        assert client.get("/readyz").status_code == first


def test_a_service_that_cannot_load_says_why(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"words")
    with TestClient(create_app(ServiceSettings(model=str(tmp_path / "bad.onnx"))), "http://localhost") as client:
        await_ready(lambda: "refuses" in client.get("/readyz").text)
        response = client.get("/readyz")
        assert "not ready" in problem(response, 503)["detail"]
        assert response.headers["retry-after"] == "1"
        problem(client.post("/v1/faces", content=png(8, 8), headers=JPEG), 503)
        assert client.get("/healthz").status_code == 200
    assert "cannot start" in caplog.text


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in found}


def test_metrics(bundle_file: str) -> None:
    with serving(model=bundle_file) as client:
        client.post("/v1/faces", files=[("images", ("a.png", png(8, 8)))] * 3 + [("images", ("b", b"words"))])
        client.get("/nothing/like/this")
        client.request("PROPFIND", "/v1/faces")
        response = client.get("/metrics")
        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = samples(response.text)

    def of(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert of("mien_requests_total", method="POST", route="/v1/faces", status="200") == 1
    assert of("mien_requests_total", method="GET", route="none", status="404") == 1
    assert of("mien_requests_total", method="other", route="/v1/faces", status="405") == 1
    assert of("mien_request_seconds_count", method="POST", route="/v1/faces") == 1
    assert (of("mien_pictures_total"), of("mien_faces_total"), of("mien_pictures_unread_total")) == (3, 3, 1)
    assert (of("mien_queue"), of("mien_requests_open")) == (0, 1)
    assert of("mien_batch_pictures_sum") == 3
    assert not any("nothing" in str(key) for key in found)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v1/models"), ("GET", "/nothing"), ("PUT", "/v1/faces"), ("GET", "/metrics"),
     ("POST", "/v1/faces"), ("GET", "/static/nothing"), ("GET", "/openapi.json")],
)  # fmt: skip
def test_every_answer_has_the_headers(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    for name, value in SECURITY.items():
        assert response.headers[name] == value
    assert "cache-control" in response.headers
    assert "server" not in response.headers


def test_the_policy_is_strict() -> None:
    policy = SECURITY["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")  # which lets WebAssembly run, no text become code
    assert "*" not in policy


def test_the_page_and_its_files(client: TestClient) -> None:
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.content == (STATIC / "index.html").read_bytes()
    again = client.get("/", headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert files
    for path in files:
        answer = client.get(f"/static/{path.relative_to(STATIC).as_posix()}")
        assert answer.content == path.read_bytes()
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["etag"]
        if path.suffix in kinds:
            assert answer.headers["content-type"].startswith(kinds[path.suffix])


@pytest.mark.parametrize(
    "path", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "/etc/passwd", "%2fetc%2fpasswd", "..\\app.py", "js%00.js"]
)
def test_no_other_file_is_told(client: TestClient, path: str) -> None:
    response = client.get(f"/static/{path}")
    assert response.status_code == 404
    assert "create_app" not in response.text


def test_the_description(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/faces", "/v1/models", "/v1/videos", "/v1/videos/{id}", "/v1/videos/{id}/rows",
        "/v1/videos/{id}/summary", "/v1/videos/{id}/timeline", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    assert "HTTPValidationError" not in document["components"]["schemas"]
    body = document["paths"]["/v1/faces"]["post"]["requestBody"]["content"]
    assert set(body) == {"image/*", "application/octet-stream", "multipart/form-data"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (path, method)
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert set(response["content"]) == {"application/problem+json"}, (path, method, status)
    schema = {"$ref": "#/components/schemas/FacesDocument", "components": document["components"]}
    answer = client.post("/v1/faces", files={"images": ("a.png", png(8, 8))}).json()
    jsonschema.validate(answer, schema)


def test_the_examples_are_of_their_schemas() -> None:
    FacesDocument.model_validate(openapi.FACES_EXAMPLE)
    JobDocument.model_validate(openapi.JOB_EXAMPLE)
    ProblemDocument.model_validate(openapi.PROBLEM_EXAMPLE)


def test_the_page_of_the_api_loads_nothing_from_elsewhere(client: TestClient) -> None:
    text = client.get("/docs").text
    files = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert "static/js/docs.js" in files
    assert [file for file in files if "//" in file] == []
    assert {client.get(f"/{file.removeprefix('./')}").status_code for file in files} == {200}
    problem(client.get("/redoc"), 404)


def test_the_log_tells_nothing_of_a_picture(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client.post("/v1/faces?labels=fer2013", files={"images": ("my secret.png", png(8, 8))})
    client.post("/v1/faces", files={"images": ("my secret.png", b"words")})
    client.get("/v1/my-secret?secret=1", headers={"X-Secret": "secret"})
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("mien")]
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        "POST /v1/faces 200", "POST /v1/faces 422", "GET none 404",
    ]  # fmt: skip
    assert "secret" not in "".join(record.getMessage() for record in caplog.records if record.name != "httpx2")


def test_a_failure_of_the_service_is_a_problem_without_words(
    client: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret words of a picture")

    monkeypatch.setattr(client.app.state.engine, "predict", fail)  # type: ignore[attr-defined]
    values = problem(client.post("/v1/faces", content=png(8, 8), headers=JPEG), 500)
    assert "secret" not in str(values)
    assert "RuntimeError at" in caplog.text
    assert "test_status.py" in caplog.text
    assert "secret" not in caplog.text


def test_several_processes_add_their_numbers_up(tmp_path: Any) -> None:
    """In processes of their own, because the library looks for the folder when it is imported."""
    import os
    import subprocess
    import sys

    code = (
        "from mien.serve.middleware.metrics import ServiceMetrics; m = ServiceMetrics(); m.faces.inc(3);"
        "print(m.text().decode())"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    texts = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert samples(texts[0])["mien_faces_total", ()] == 3
    assert samples(texts[1])["mien_faces_total", ()] == 6
    assert samples(ServiceMetrics().text().decode())["mien_faces_total", ()] == 0
