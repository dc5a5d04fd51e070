"""docs/service.md and the container's files: every route, option and number is described, and the steps hold."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from helpers.paths import ROOT
from helpers.service_client import serving
from helpers.video_clips import levels, write_clip
from mien.cli.main import make_parser
from mien.cli.serve import settings_of
from mien.serve.settings import ServiceSettings

PAGE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_every_option_is_documented() -> None:
    rows = re.findall(r"^\| `--([a-z-]+)` \| (.*?) \| (.*?) \|$", PAGE, re.M)
    expected = []
    for each in fields(ServiceSettings):
        default = "" if each.default in ("", (), False, None) else f"`{each.default}`"
        expected.append(({"keys": "key"}.get(each.name, each.name).replace("_", "-"), default, each.metadata["help"]))
    assert rows == expected


def test_every_route_is_documented(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        assert path in PAGE, path
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] != "id":
                    assert re.search(rf"`{parameter['name']}[`=]|`format=", PAGE), (path, parameter["name"])
            for status in operation["responses"]:
                assert int(status) < 400 or re.search(rf"^\| [\d, ]*{status}", PAGE, re.M), status


def test_every_number_of_prometheus_is_documented(client: TestClient) -> None:
    text = client.get("/metrics").text
    names = set(re.findall(r"^# TYPE (mien_\w+) ", text, re.M)) - set(
        re.findall(r"^# TYPE (mien_\w+_created) ", text, re.M)
    )
    assert names
    assert {name for name in names if name not in PAGE} == set()


def test_the_requests_of_the_page_are_answered(bundle_file: str, tmp_path: Path) -> None:
    """Every curl of the page, by its words."""
    clip = write_clip(tmp_path / "talk.mp4", [k / 25 for k in range(3)], levels(3))
    asked = [line for block in re.findall(r"^```bash\n(.*?)^```", PAGE, re.M | re.S) for line in block.splitlines()]
    assert len(asked) >= 3
    with serving(model=bundle_file) as client:
        for line in asked:
            program, *words = shlex.split(line)
            assert program == "curl"
            response = client.post(**request_of(words, {"talk.mp4": clip}))
            assert response.status_code in (200, 202), (line, response.text)


def request_of(words: list[str], files: dict[str, Path]) -> dict[str, Any]:
    """What curl would ask."""
    found: dict[str, Any] = {"headers": {}}
    parts = []
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            found["headers"][name] = value
        elif word == "--data-binary":
            name = words.pop(0).removeprefix("@")
            found["content"] = files.get(name, ROOT / name).read_bytes()
        elif word == "-F":
            field, _, name = words.pop(0).partition("=@")
            parts.append((field, (name, files.get(name, ROOT / name).read_bytes())))
        else:
            found["url"] = word.removeprefix("http://127.0.0.1:8000")
    return {**found, "files": parts} if parts else found


def test_the_stream_of_the_page_is_json() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.M | re.S)
    assert set(json.loads(example)) == {"schema", "frame", "dropped", "time", "milliseconds", "image"}


def steps(name: str) -> list[str]:
    """What the Dockerfile says after a word, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.M))
    return [line.split(" ", 1)[1] for line in joined.splitlines() if line.startswith(f"{name} ")]


def environment() -> dict[str, str]:
    return dict(word.split("=", 1) for step in steps("ENV") for word in shlex.split(step))


def test_what_the_image_copies_is_there() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for step in steps("COPY"):
        *sources, _ = [word for word in step.split() if not word.startswith("--")]
        if "--from=build" not in step:
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source.removeprefix("./") in kept, f"{source} is ignored"


def test_what_the_image_installs_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (line,) = [step for step in steps("RUN") if "pip install" in step]
    (extras,) = re.findall(r"'\.\[(.*?)\]'", line)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert "serve" in extras
    assert "-c constraints.txt" in line
    assert all("python:3.12" in step for step in steps("FROM"))


def test_the_image_starts_as_nobody_with_words_that_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps("USER") == ["10001"]
    command = json.loads(steps("ENTRYPOINT")[0]) + json.loads(steps("CMD")[0])
    assert command[:2] == ["mien", "serve"]
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    settings = settings_of(make_parser().parse_args([*command[1:], "--no-keys"]))
    assert (settings.host, settings.port) == ("0.0.0.0", int(steps("EXPOSE")[0]))
    monkeypatch.setenv("MIEN_SERVE_NO_KEYS", COMPOSE["services"]["mien"]["environment"]["MIEN_SERVE_NO_KEYS"])
    assert settings_of(make_parser().parse_args(command[1:])).no_keys


def test_the_image_writes_to_the_temporary_folder_only() -> None:
    values = environment()
    assert all(values[name].startswith("/tmp/") for name in ("MIEN_CACHE", "MPLCONFIGDIR"))
    service = COMPOSE["services"]["mien"]
    assert service["read_only"] is True
    assert service["tmpfs"][0].startswith("/tmp:")
    assert service["cap_drop"] == ["ALL"]


def test_the_health_check_is_of_a_route(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of the check are run, with the route asked of the application."""
    import urllib.request

    step = steps("HEALTHCHECK")[0]
    program, option, code = json.loads(step[step.index("[") :])
    assert (program, option) == ("python", "-c")
    asked = []

    def opened(address: str, timeout: float) -> None:
        asked.append(client.get(address.removeprefix("http://127.0.0.1:8000")).status_code)

    monkeypatch.setattr(urllib.request, "urlopen", opened)
    monkeypatch.setenv("MIEN_SERVE_PORT", environment()["MIEN_SERVE_PORT"])
    exec(code)
    assert asked == [200]


def test_only_this_machine_reaches_the_composed_service() -> None:
    service = COMPOSE["services"]["mien"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert service["build"] == "."
