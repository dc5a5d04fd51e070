"""What can be chosen: on the command line and by the environment, read in one way and checked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from helpers.service_client import await_ready, is_ready
from mien.cli.main import main, make_parser
from mien.cli.serve import settings_of
from mien.errors import InputError
from mien.serve.middleware.keys import make_key
from mien.serve.settings import ServiceSettings, number_of_bytes

_, HASH = make_key()
_, OTHER = make_key()


def parsed(*words: str) -> ServiceSettings:
    return settings_of(make_parser().parse_args(["serve", *words]))


def test_without_words_the_defaults_hold() -> None:
    assert parsed() == ServiceSettings()
    assert ServiceSettings.from_environment(ServiceSettings().to_environment()) == ServiceSettings()


def test_every_option_has_a_word_and_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    examples: dict[str, Any] = {
        "host": "::1", "port": 1, "workers": 2, "model": "m", "labels": "fer2013", "detector": "whole", "size": 320,
        "min_face": 1.5, "min_confidence": 0.5, "provider": "cuda", "threads": 3, "keys": (HASH, OTHER),
        "key_file": __file__, "no_keys": True,
        "cors": ("https://a.com", "http://b.com:8000"), "proxy": ("127.0.0.1", "10.0.0.0/8"), "folder": "/tmp",
        "allowed_host": ("faces.example", "other.example"), "root_path": "/mien",
        "prior": "happy=3,sad=0.5", "set_coverage": 0.8, "set_kind": "all",
    }  # fmt: skip
    wanted = {each.name: examples.get(each.name, each.type_of_number(7)) for each in map(Kind, fields(ServiceSettings))}
    settings = ServiceSettings(**wanted)
    words = []
    for name, value in wanted.items():
        flag = {"keys": "--key"}.get(name, "--" + name.replace("_", "-"))
        if isinstance(value, tuple):
            words += [word for each in value for word in (flag, each)]
        else:
            words += [flag] if value is True else [flag, str(value)]
    assert parsed(*words) == settings
    assert ServiceSettings.from_environment(settings.to_environment()) == settings
    for name, text in settings.to_environment().items():
        monkeypatch.setenv(name, text)
    assert parsed() == settings
    assert parsed("--port", "9").port == 9  # the command line comes before the environment


class Kind:
    """A field whose example is a number of its type."""

    def __init__(self, field: Any) -> None:
        self.name = field.name
        self.type_of_number = type(field.default) if isinstance(field.default, int | float) else str


@pytest.mark.parametrize(
    ("text", "number"), [("20MB", 20_000_000), ("20m", 20_000_000), ("1.5 GB", 1_500_000_000), ("7", 7), ("2k", 2000)]
)
def test_bytes(text: str, number: int) -> None:
    assert number_of_bytes(text) == number


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "x"], "port: expected a whole number, got x"),
        (["--port", "65536"], "port: expected a number up to 65535"),
        (["--port", "-1"], "port: expected a number from 0"),
        (["--max-body", "20 apples"], "max_body: expected bytes like 20MB, got 20 apples"),
        (["--max-body", "0"], "max_body: expected a number from 1"),
        (["--body-seconds", "0"], "body_seconds: expected a number from 0.001"),
        (["--body-seconds", "nan"], "body_seconds: expected a number"),
        (["--body-seconds", "inf"], "body_seconds: expected a number"),
        (["--queue", "0"], "queue: expected a number from 1"),
        (["--workers", "0"], "workers: expected a number from 1"),
        (["--key", "secret"], "keys: expected hashes like sha256:"),
        (["--key-file", "/no/such"], "key_file: expected a file"),
        (["--cors", "*"], "cors: expected an origin"),
        (["--cors", "https://a.com/path"], "cors: expected an origin"),
        (["--host", "0.0.0.0"], "can be reached from other machines"),
    ],
)
def test_wrong_words(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_wrong_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MIEN_SERVE_PORTS", "1")
    assert main(["serve"]) == 2
    assert "no option ports; did you mean 'port'?" in capsys.readouterr().err
    with pytest.raises(InputError, match="expected true or false"):
        ServiceSettings.from_environment({"MIEN_SERVE_NO_KEYS": "perhaps"})


@pytest.mark.parametrize("words", [["--model", "no such"], ["--labels", "x"], ["--detector", "x"]])
def test_what_is_not_there_ends_it_at_once(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "0", *words]) == 2
    assert "mien: " in capsys.readouterr().err


def test_a_port_that_is_taken(bundle_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--model", bundle_file, "--detector", "whole", "--port", str(port)]) == 2
    assert f"127.0.0.1:{port}: cannot be listened on" in capsys.readouterr().err


def test_help_tells_of_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["serve", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for each in fields(ServiceSettings):
        assert each.metadata["help"][:30].split(";")[0] in text


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "mien.serve.server", None)
    assert main(["serve"]) == 2
    assert "pip install -c constraints.txt '.[serve]'" in capsys.readouterr().err


def test_the_command_line_loads_nothing_of_the_service() -> None:
    code = (
        "import mien.cli.main, sys; mien.cli.main.make_parser();"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client", "numpy"} & set(loaded)


def test_the_address_is_told(bundle_file: str) -> None:
    words = ["serve", "--port", "0", "--model", bundle_file, "--detector", "whole"]
    command = [sys.executable, "-m", "mien", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        url = first.split()[-1]
        await_ready(lambda: is_ready(url), 60)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert first.startswith("mien serves on http://127.0.0.1:")
    assert second.startswith("Pictures stay on this machine: ")
    assert process.returncode == 0
    assert {line.split(" ", 2)[2].rsplit(" ", 2)[0] for line in errors.splitlines()} <= {
        "GET /readyz 200",
        "GET /readyz 503",
    }
