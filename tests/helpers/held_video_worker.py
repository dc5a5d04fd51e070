"""`video_worker` for tests: it stops before the second frame until a file is there, or does what else a test wants.

`python -m helpers.held_video_worker FOLDER`; the variable HELD names the file, and BREAK what goes wrong.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mien.serve import video_worker

SECONDS = 20.0


class Held:
    """An analysis that waits."""

    def __init__(self, watching: Any) -> None:
        self.watching, self.notes = watching, watching.notes

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        self.watching.close()

    def __iter__(self) -> Iterator[Any]:
        for number, moment in enumerate(self.watching):
            if number == 1:
                wait()
            yield moment


def wait() -> None:
    end = time.monotonic() + SECONDS
    while "HELD" in os.environ and not Path(os.environ["HELD"]).exists() and time.monotonic() < end:
        time.sleep(0.01)


def main() -> None:
    analyze, kind = video_worker.analyze, os.environ.get("BREAK", "")

    def changed(*arguments: Any, **options: Any) -> Any:
        if kind == "error":
            raise RuntimeError("secret")
        if kind == "crash":
            os.abort()
        if kind == "memory":
            raise MemoryError
        return Held(analyze(*arguments, **options))

    video_worker.analyze = changed
    video_worker.main()


if __name__ == "__main__":
    main()
