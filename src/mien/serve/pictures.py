"""Send large pictures to processes of their own (`picture_worker`), each of which reads one picture at a time."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from mien.errors import ImageError
from mien.pipeline import FaceCrops
from mien.serve.children import Limits, start_child
from mien.serve.fairness import FairThreads, Turn
from mien.serve.messages import receive, send
from mien.serve.picture_worker import unpack

WORKER = "mien.serve.picture_worker"
IDLE_SECONDS = 30.0
"""Seconds without a large picture after which a process ends and gives its memory back."""

log = logging.getLogger("mien.serve")


@dataclass(frozen=True)
class LargePicture:
    """A large picture, and how its faces are found.

    Attributes:
        content: the file's bytes.
        name: the picture's name in the result.
        detector: name of the detector.
        size: longer side, in pixels, of the picture in which faces are detected; None: the detector's default.
        min_face: leave out smaller faces, in pixels.
    """

    content: bytes | bytearray = field(repr=False)
    name: str
    detector: str
    size: int | None
    min_face: float


class LargePictures:
    """Find faces in large pictures, in processes that start when they are needed and end when they are idle.

    Args:
        count: number of processes.
        threads: processor threads of each.
        memory: most bytes of memory of each.
        max_pixels: most pixels of a picture.
        worker: the module that a process runs.
        idle_seconds: seconds without a large picture after which a process ends.
    """

    def __init__(
        self,
        count: int,
        threads: int,
        memory: int,
        max_pixels: int,
        worker: str = WORKER,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._options = {"threads": threads, "max_pixels": max_pixels}
        self._memory, self.worker = memory, worker
        self._own = threading.local()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._threads = FairThreads(count, "mien-large", idle_seconds, self._end)

    async def find(self, picture: LargePicture, turn: Turn, seconds_left: Callable[[], float]) -> FaceCrops:
        """Detect and crop the faces of a picture.

        Args:
            picture: the picture.
            turn: whose it is.
            seconds_left: returns the seconds after which its process is ended, when the picture's turn comes.

        Raises:
            ImageError: it cannot be read, or its process ended over it.
        """
        return await self._threads.run(partial(self._find, picture, seconds_left), turn)

    def close(self) -> None:
        """End the processes, also those at work, and the threads."""
        for process in list(self._running):
            process.kill()
        self._threads.close()

    def _find(self, picture: LargePicture, seconds_left: Callable[[], float]) -> FaceCrops:
        process = self._process()
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"detector": picture.detector, "size": picture.size, "min_face": picture.min_face, **self._options}
        limits = Limits(process, seconds_left(), self._memory)
        try:
            with limits:
                send(process.stdin, request, picture.content)
                head, content = receive(process.stdout)
        except (EOFError, OSError, ValueError) as error:
            process.kill()
            code = process.wait()
            self._end()
            log.warning("a process for large pictures ended with code %d%s", code, f" ({limits.exceeded})")
            reason = (
                f"needs more than the {self._memory:,} bytes of memory of --picture-memory to be decoded"
                if limits.exceeded == "memory"
                else f"could not be decoded: the process that did so ended (code {code})"
            )
            raise ImageError(f"{reason}. Scale it down first", picture.name) from error
        if "unread" in head:
            raise ImageError(head["unread"], picture.name)
        if "failed" in head:
            raise RuntimeError(head["failed"])
        return unpack(head, content, picture.name)

    def _process(self) -> subprocess.Popen[bytes]:
        """Return this thread's process, which is started if it does not run."""
        process: subprocess.Popen[bytes] | None = getattr(self._own, "process", None)
        if process is None or process.poll() is not None:
            process = self._own.process = start_child(self.worker, str(self._memory), output=True)
            self._running.add(process)
        return process

    def _end(self) -> None:
        """End this thread's process, whose input ends."""
        process: subprocess.Popen[bytes] | None = getattr(self._own, "process", None)
        if process is not None:
            self._own.process = None
            self._running.discard(process)
            with suppress(OSError), process:  # closes its pipes and waits
                pass
