"""Host, prefix and HEAD are settled before a request is routed; unknown words in a query are named."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from helpers.service_client import JPEG, png, problem, running, serving
from mien.errors import InputError
from mien.serve.middleware.paths import host_of
from mien.serve.settings import ServiceSettings


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8000", "testserver", ""]
)
def test_names_of_this_machine_are_accepted(host: str) -> None:
    with serving() as client:
        assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "192.168.1.5", "a[b"])
def test_other_names_are_refused_on_loopback(host: str) -> None:
    with serving() as client:
        said = problem(client.get("/v1/models", headers={"Host": host}), 421)
        assert said["type"] == "urn:mien:host"
        assert "--allowed-host" in said["detail"]
        assert problem(client.post("/v1/faces", content=png(8, 8), headers={**JPEG, "Host": host}), 421)
    with serving(allowed_host=("faces.example", "testserver")) as client:
        assert client.get("/healthz", headers={"Host": "faces.example:443"}).status_code == 200
    with serving(host="0.0.0.0", no_keys=True, allowed_host=()) as client:  # other machines may have any name for it
        assert client.get("/healthz", headers={"Host": host.replace("[", "")}).status_code == 200


def test_hosts() -> None:
    assert host_of("A.example:80") == "a.example"
    assert host_of("[::1]:80") == "::1"


@pytest.mark.parametrize("path", ["/v1/models", "/mien/v1/models"])
def test_a_prefix_may_be_left_or_taken_away(path: str) -> None:
    with serving(root_path="/mien") as client:
        assert client.get(path).status_code == 200
        answer = client.get("/mien", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (308, "/mien/")
        assert "<title>" in client.get("/mien/").text
        assert client.get("/mien/openapi.json").json()["servers"] == [{"url": "/mien"}]


@pytest.mark.parametrize("wrong", ["mien", "/mien/", "/a b", "//"])
def test_a_prefix_that_is_none(wrong: str) -> None:
    with pytest.raises(InputError, match="root_path: expected a path like /mien"):
        ServiceSettings(root_path=wrong)


@pytest.mark.parametrize(
    "path", ["/", "/v1/models", "/healthz", "/metrics", "/openapi.json", "/docs", "/static/page.css"]
)
def test_head_answers_where_get_does(path: str) -> None:
    with serving() as client:
        head, get = client.head(path), client.get(path)
        assert head.status_code == get.status_code == 200
        assert head.content == b""
        assert head.headers["content-type"] == get.headers["content-type"]
    with serving() as client:
        assert client.head("/v1/faces").status_code == 405


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/faces?lables=ferplus", "no parameter 'lables'; did you mean 'labels'"),
        ("/v1/faces?x=1", "no parameter 'x'"),
    ],
)
def test_unknown_words_in_a_query_are_refused(path: str, words: str) -> None:
    with serving() as client:
        assert words in problem(client.post(path, content=png(8, 8), headers=JPEG), 422)["detail"]
        assert problem(client.get("/v1/models?verbose=1"), 422)["detail"].endswith("it has none")


def test_wrong_keys_are_limited() -> None:
    known = "right"
    with serving(keys=(f"sha256:{hashlib.sha256(known.encode()).hexdigest()}",)) as client:
        answers: list[Any] = [client.get("/v1/models", headers={"X-API-Key": f"no {k}"}) for k in range(40)]
        codes = [answer.status_code for answer in answers]
        assert codes[:30] == [401] * 30
        assert set(codes[30:]) == {429}
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200


def test_what_is_no_http_gets_problem_details() -> None:
    import json
    import socket

    with running() as address, socket.create_connection(("127.0.0.1", address.port), timeout=10) as connection:
        connection.sendall(b"NOT HTTP AT ALL\r\n\r\n")
        said = b""
        while piece := connection.recv(4096):
            said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 400
