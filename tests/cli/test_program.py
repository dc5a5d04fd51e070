"""The command line as a program: help, exit codes, terminals and pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mien
from helpers.command_line import Output, usage_error, write_picture
from helpers.paths import EXAMPLES
from mien.cli.main import main
from mien.cli.predict import FEW


def test_no_command_prints_the_help(capsys: Output) -> None:
    assert main([]) == 2
    out = capsys.readouterr().out
    assert all(command in out for command in ("predict", "models", "info", "train", "evaluate"))


def test_version_and_help(capsys: Output) -> None:
    assert usage_error("--version") == 0
    assert capsys.readouterr().out == f"mien {mien.__version__}\n"
    for command in ("predict", "models", "info", "train", "evaluate"):
        assert usage_error(command, "--help") == 0
        assert f"usage: mien {command}" in capsys.readouterr().out


# --- as a program of its own ---


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mien", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, **options)


@pytest.mark.parametrize("terminal", [False, True])
def test_the_program(terminal: bool, album: Path, fast: list[str]) -> None:
    """With enough pictures for a progress bar, which comes on terminals only and not near standard output."""
    for number in range(FEW + 1):
        write_picture(album / f"more{number}.png")
    (album / "bad.jpg").write_text("not a picture")
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TTY_COMPATIBLE")}
    if terminal:
        environment["FORCE_COLOR"] = "1"  # rich then takes standard error for one
    done = run("predict", str(album), *fast, "--json", "-", env=environment)
    assert done.returncode == 1
    assert len(json.loads(done.stdout)["images"]) == FEW + 3
    assert f"mien: {album / 'bad.jpg'}: " in done.stderr
    assert ("reading" in done.stderr) == terminal
    assert terminal or len(done.stderr.splitlines()) == 1


def test_the_program_knows_wrong_usage() -> None:
    done = run("predict", "x.jpg", "--detector", "nobody")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mien: no detector 'nobody'")


def test_a_terminal_that_knows_only_ascii(tmp_path: Path, fast: list[str]) -> None:
    picture = write_picture(tmp_path / "größe.png")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = run("predict", str(picture), *fast, env=environment)
    assert done.returncode == 0, done.stderr
    assert "gr\\xf6\\xdfe.png" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="pipes break otherwise here")
@pytest.mark.parametrize("arguments", [["models"], ["predict", "{picture}"], ["predict", "{picture}", "--json", "-"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_early(arguments: list[str], unbuffered: str, album: Path, fast: list[str]) -> None:
    """As in `mien models | head -0`."""
    words = [argument.format(picture=album / "a.png") for argument in arguments]
    options = fast if words[0] == "predict" else []
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "mien", *words, *options]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120, env=environment)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 0


def test_a_failed_download_is_no_wrong_usage(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("MIEN_YUNET_URL", "http://127.0.0.1:9/nobody-listens.onnx")
    assert main(["predict", str(EXAMPLES), "--detector", "yunet"]) == 1
    assert "put the file there by hand" in capsys.readouterr().err
