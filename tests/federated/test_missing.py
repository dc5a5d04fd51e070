"""Without Flower the command says what to install; this runs in every environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mien.cli.main import main


def test_without_flower_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.startswith("mien.federated")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flwr", None)
    assert main(["federated", "simulate", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "pip install -c constraints-federated.txt '.[federated]'" in capsys.readouterr().err
