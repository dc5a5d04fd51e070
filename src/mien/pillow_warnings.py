"""Silence Pillow's warnings while pictures are decoded, in any number of threads."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_filters: list[warnings.catch_warnings[None]] = []
_threads = 0


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence Pillow's warnings about unusual files and about sizes, which are checked here.

    Warning filters are shared by all threads, and two threads that restore them in the wrong order would silence Pillow
    permanently. So the first thread that enters sets the filter, and the last one that leaves restores it.
    """
    global _threads
    with _lock:
        if _threads == 0:
            _filters.append(warnings.catch_warnings())
            _filters[0].__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _threads += 1
    try:
        yield
    finally:
        with _lock:
            _threads -= 1
            if _threads == 0:
                _filters.pop().__exit__(None, None, None)
