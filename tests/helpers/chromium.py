"""Which browser drives the page's tests: Chromium or Chrome where it is installed, else playwright's own."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "the page's tests were left out: no Chromium or Chrome was found. Install it (Debian: apt-get install chromium), "
    "name it in the variable CHROMIUM, or fetch playwright's own: python -m playwright install chromium"
)


@cache
def executable() -> str | None:
    """The path of the browser, or None where there is none."""
    installed = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if installed is not None:
        return installed
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None
