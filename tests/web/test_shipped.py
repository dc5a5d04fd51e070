"""The browser package that ships with the Python package is the one of these sources; no Node is needed to see it."""

from __future__ import annotations

import hashlib
import json
import re

from helpers.browser_fixtures import WEB
from mien.serve.routes.page import STATIC
from mien.version import __version__

SHIPPED = STATIC / "web"
MANIFEST = json.loads((SHIPPED / "manifest.json").read_text())
BUILD = "build it again: cd web && npm install --no-save && npm run release"


def test_it_was_built_from_these_sources() -> None:
    paths = [path for path in (WEB / "src").rglob("*") if path.is_file()]
    paths += [WEB / name for name in ("package.json", "vite.config.ts", "scripts/complete.mjs")]
    digest = hashlib.sha256()
    for name in sorted(path.relative_to(WEB).as_posix() for path in paths):
        digest.update(f"{name}\0".encode() + (WEB / name).read_bytes() + b"\0")
    assert MANIFEST["sources"] == digest.hexdigest(), BUILD
    assert MANIFEST["version"] == __version__, BUILD


def test_its_files_are_those_of_the_manifest() -> None:
    found = {path.name for path in SHIPPED.iterdir()} - {"manifest.json"}
    assert found == set(MANIFEST["files"]), BUILD
    for name, values in MANIFEST["files"].items():
        content = (SHIPPED / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (values["bytes"], values["sha256"]), BUILD


def test_the_runtime_s_licence_lies_beside_it() -> None:
    assert "Microsoft" in (SHIPPED / "onnxruntime-LICENSE.txt").read_text()


def test_it_names_no_other_host() -> None:
    """The library's own code; the runtime's names the addresses of documentation."""
    for name in ("mien.js", "mien-core.js", "mien-element.js"):
        assert not re.search("https?://", (SHIPPED / name).read_text())
