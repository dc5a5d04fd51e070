"""Who may ask: keys, pages of other sites, and where no key is asked for."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from helpers.service_client import JPEG, png, problem, serving
from mien.cli.main import main
from mien.errors import InputError
from mien.serve.middleware.keys import hash_of, make_key
from mien.serve.settings import ServiceSettings

KEY, HASH = make_key()
OTHER, OTHER_HASH = make_key()


@pytest.fixture(scope="module")
def guarded(bundle_file: str) -> Iterator[TestClient]:
    with serving(model=bundle_file, keys=(HASH, OTHER_HASH)) as client:
        yield client


@pytest.mark.parametrize("key", [KEY, OTHER], ids=["first", "second"])
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_lets_in(guarded: TestClient, key: str, header: str) -> None:
    value = f"Bearer {key}" if header == "Authorization" else key
    assert guarded.get("/v1/models", headers={header: value}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {HASH}"},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": "ÿ"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/nothing", "/metrics", "/openapi.json", "/v1/videos/x"])
def test_without_a_key_nothing_is_told(guarded: TestClient, headers: dict[str, str], path: str) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    response = guarded.get(path, headers=encoded)
    assert problem(response, 401)["type"] == "urn:mien:key"
    assert response.headers["www-authenticate"] == "Bearer"
    assert KEY not in response.text


def test_a_body_is_not_read_without_a_key(guarded: TestClient) -> None:
    problem(guarded.post("/v1/faces", content=png(8, 8), headers=JPEG), 401)


@pytest.mark.parametrize("path", ["/", "/static/index.html", "/healthz", "/readyz"])
def test_the_page_and_the_probes_need_no_key(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code != 401


@pytest.mark.parametrize(
    "path", ["/static/../v1/models", "//v1/models", "/healthz/../v1/models", "/static/%2e%2e/metrics"]
)
def test_no_path_leads_around_the_keys(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code in (401, 404)


def test_a_browser_brings_the_key_as_a_subprotocol(guarded: TestClient) -> None:
    def offered(key: str) -> list[str]:
        return ["mien.v1", "key." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")]

    with guarded.websocket_connect("/v1/stream", subprotocols=offered(KEY)) as socket:
        assert socket.accepted_subprotocol == "mien.v1"
    with guarded.websocket_connect("/v1/stream", headers={"X-API-Key": KEY}) as socket:
        assert socket.accepted_subprotocol is None
    for subprotocols in (offered("x"), ["mien.v1"], ["mien.v1", "key.%%%"], ["mien.v1", "key.a"]):
        assert denied(guarded, subprotocols=subprotocols) == 401


def denied(client: TestClient, **options: Any) -> int:
    """The status with which an upgrade is refused."""
    with pytest.raises(WebSocketDenialResponse) as caught, client.websocket_connect("/v1/stream", **options):
        pass
    return caught.value.status_code


def test_keys_are_compared_in_constant_time(guarded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """All hashes are looked at, with the function made for that, whichever fits."""
    import hmac

    compared: list[tuple[str, str]] = []

    def noted(left: str, right: str) -> bool:
        compared.append((left, right))
        return compare(left, right)

    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", noted)
    guarded.get("/v1/models", headers={"X-API-Key": KEY})
    guarded.get("/v1/models", headers={"X-API-Key": "x"})
    assert [right for _, right in compared] == [HASH, OTHER_HASH] * 2


def test_a_new_key_and_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--new-key"]) == 0
    text = capsys.readouterr().out
    (key,), (digest,) = re.findall(r"^key +(\S+)", text, re.M), re.findall(r"^hash +(\S+)", text, re.M)
    assert digest == "sha256:" + hashlib.sha256(key.encode()).hexdigest() == hash_of(key)
    assert len(base64.urlsafe_b64decode(key.removeprefix("mien_") + "=")) == 32
    assert make_key() != make_key()


def test_a_file_of_keys(bundle_file: str, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# ours\n{HASH}  # the page\n\n{OTHER_HASH}\n")
    with serving(model=bundle_file, key_file=str(path)) as client:
        assert client.get("/v1/models", headers={"X-API-Key": OTHER}).status_code == 200
        assert client.get("/v1/models").status_code == 401
    path.write_text(f"{HASH}\n{KEY}\n")
    with (
        pytest.raises(InputError, match="line 2: expected a hash") as caught,
        serving(model=bundle_file, key_file=str(path)),
    ):
        pass
    assert KEY not in str(caught.value)


def test_a_key_in_the_place_of_a_hash_is_not_repeated() -> None:
    with pytest.raises(InputError, match="expected hashes like sha256:") as caught:
        ServiceSettings(keys=(KEY,))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_beyond_this_machine_keys_are_required(host: str) -> None:
    with pytest.raises(InputError, match="--no-keys"):
        ServiceSettings(host=host)
    ServiceSettings(host=host, keys=(HASH,))
    ServiceSettings(host=host, no_keys=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9"])
def test_on_this_machine_they_are_not(host: str) -> None:
    assert ServiceSettings(host=host).is_local


def test_a_page_of_another_site_is_refused(client: TestClient) -> None:
    def post(origin: str) -> Any:
        return client.post("/v1/faces", content=png(8, 8), headers={**JPEG, "Origin": origin})

    assert post("http://testserver").status_code == 200
    for origin in ("http://example.com", "null", "http://testserver.example.com", "http://testserver:8000"):
        assert problem(post(origin), 403)["type"] == "urn:mien:origin"
    assert denied(client, headers={"Origin": "http://example.com"}) == 403
    with client.websocket_connect("/v1/stream", headers={"Origin": "http://testserver"}):
        pass


def test_no_other_site_may_read_unless_named(client: TestClient, bundle_file: str) -> None:
    asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in client.options("/v1/faces", headers=asked).headers
    assert "access-control-allow-origin" not in client.get("/v1/models", headers=asked).headers
    with serving(model=bundle_file, cors=("https://example.com",), keys=(HASH,)) as named:
        allowed = named.options("/v1/faces", headers=asked)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://example.com"
        headers = {**JPEG, "Origin": "https://example.com", "X-API-Key": KEY}
        answer = named.post("/v1/faces", content=png(8, 8), headers=headers)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://example.com")
        other = {"Origin": "https://a.com"}
        assert named.post("/v1/faces", content=png(8, 8), headers={**headers, **other}).status_code == 403
        assert "access-control-allow-origin" not in named.options("/v1/faces", headers={**asked, **other}).headers
