"""The browser package's tests compare it with what Python computes; the files that say so are this Python's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers import browser_fixtures
from mien.labels import FER2013, FERPLUS

REWRITE = "write it anew: python tests/helpers/browser_fixtures.py"


def check_same(found: Any, wanted: Any, path: str = "") -> None:
    """The same keys and values; floats within a hundred-thousandth, for other processors."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), f"{path}: {REWRITE}"
        for key, value in wanted.items():
            check_same(found[key], value, f"{path}.{key}")
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted), f"{path}: {REWRITE}"
        for number, value in enumerate(wanted):
            check_same(found[number], value, f"{path}[{number}]")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=1e-5), f"{path}: {REWRITE}"
    else:
        assert found == wanted, f"{path}: {REWRITE}"


def test_the_fixtures_are_what_python_computes() -> None:
    check_same(json.loads(browser_fixtures.FIXTURES.read_text()), browser_fixtures.fixtures())


def test_the_example_is_read_as_the_fixture_says() -> None:
    written = json.loads(browser_fixtures.COLLINS.read_text())
    for name, wanted in json.loads(json.dumps(browser_fixtures.collins())).items():
        (face,), (other,) = written[name]["faces"], wanted["faces"]
        assert face["emotion"] == other["emotion"], REWRITE
        assert face["box"] == pytest.approx(other["box"], abs=0.2), REWRITE
        assert face["probabilities"] == pytest.approx(other["probabilities"], abs=1e-3), REWRITE


def test_the_browser_has_mien_s_version_colours_and_folds() -> None:
    assert json.loads(browser_fixtures.SHARED.read_text()) == browser_fixtures.shared(), REWRITE
    assert {*FER2013.names, *FERPLUS.names} <= set(browser_fixtures.shared()["colors"])


def test_the_package_has_mien_s_version() -> None:
    package = json.loads((browser_fixtures.WEB / "package.json").read_text())
    assert package["version"] == browser_fixtures.shared()["version"]
