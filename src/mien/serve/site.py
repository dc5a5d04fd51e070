"""Write the page as a folder of static files, for any host: faces are read in the visitor's browser."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib import resources
from pathlib import Path

from mien.errors import InputError
from mien.version import __version__

PACKAGE = Path(str(resources.files("mien")))
STATIC, BUNDLES = PACKAGE / "serve" / "static", PACKAGE / "bundles"
SERVER_ONLY = ("docs.html", "docs.css", "index.html", "service-worker.js", "manifest.json")
"""Names in `static/` that the folder does not need, or has elsewhere or in another form."""

MODELS = ("mien-nano.onnx", "mien.onnx", "finders/mien-face.onnx")
LATER = ("static/web/models/mien.onnx",)
"""Files that are kept for use without a network only once they are used."""

MARK = '<html lang="en"'


def write_site(folder: str | Path) -> list[Path]:
    """Write the page, the browser package and the models into a new or empty folder.

    The folder needs no server of mien's, no headers and no certain address: every path in it is relative. After the
    first visit the page works without a network, and it can be installed.

    Args:
        folder: where to write.

    Returns:
        The files, relative to the folder, sorted.

    Raises:
        InputError: the folder is a file, or holds something.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target}: expected a new or empty folder, got one that holds something. Name another")
    static = target / "static"
    shutil.copytree(STATIC, static, ignore=_left_out)
    for name in MODELS:
        place = static / "web" / "models" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(BUNDLES / name, place)
    page = (STATIC / "index.html").read_text("utf-8")
    head = '  <link rel="manifest" href="manifest.webmanifest">\n</head>'
    (target / "index.html").write_text(page.replace(MARK, f"{MARK} data-site", 1).replace("</head>", head, 1), "utf-8")
    (target / "manifest.webmanifest").write_text(json.dumps(_manifest(), indent=2) + "\n", "utf-8")
    (target / "service-worker.js").write_text(_service_worker(target), "utf-8")
    return sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file())


def _left_out(folder: str, names: list[str]) -> list[str]:
    """Return the names of `static/` that are not copied as they are; `web/` is copied whole but for its manifest."""
    inside_web = Path(folder).name == "web"
    return [name for name in names if name in SERVER_ONLY and (not inside_web or name == "manifest.json")]


def _manifest() -> dict[str, object]:
    """Return what a browser needs to install the page as an application."""
    return {
        "name": "mien",
        "short_name": "mien",
        "description": "Reads facial expressions on your own device.",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#f7f6f3",
        "theme_color": "#17181c",
        "icons": [{"src": "static/icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }


def _service_worker(target: Path) -> str:
    """Return the script that keeps the folder's files, under a name that changes with them."""
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for name in files:
        digest.update(name.encode() + b"\0" + (target / name).read_bytes())
    kept = ["./", *(name for name in files if name not in LATER)]
    text = (STATIC / "service-worker.js").read_text("utf-8")
    return text.replace("__NAME__", f"mien-{__version__}-{digest.hexdigest()[:12]}").replace(
        "__FILES__", json.dumps(kept)
    )
