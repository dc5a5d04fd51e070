"""Folders of services, in which uploads and results are kept; those of killed services are removed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

NAME = re.compile(r"mien-serve-(\d+)-")
FIRST = 1
"""Number of a container's only process, which a new container has again."""


def new_folder(parent: str) -> Path:
    """Create a folder (mode 0700) for this service, after removing those of services that were killed.

    Args:
        parent: the folder in which it is made; "": the system's for temporary files.
    """
    place = Path(parent or tempfile.gettempdir())
    for folder in place.glob("mien-serve-*"):
        found = NAME.match(folder.name)
        if found is not None and not _may_be_used(int(found[1])):
            with suppress(OSError):  # another user's
                shutil.rmtree(folder)
    return Path(tempfile.mkdtemp(prefix=f"mien-serve-{os.getpid()}-", dir=place))


def is_alive(process: int) -> bool:
    """Return whether a process of this number runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _may_be_used(process: int) -> bool:
    return is_alive(process) and not process == os.getpid() == FIRST


def age_of(folder: Path) -> float:
    """Return the seconds since a folder changed; 0 if it is gone."""
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def remove_folder(folder: Path) -> None:
    """Remove a folder: rename it first, so that it is gone at once for all processes, then delete its files."""
    gone = folder.with_name(f"removed-{secrets.token_hex(8)}")
    with suppress(OSError):
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
