"""Processes of their own for what may take much memory or time: with limits, low priority, and ended with the server.

Such a process runs `python -m MODULE`, and its standard input is a pipe that the server holds: when the server ends,
however it ends, the pipe ends, and so does the process.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import IO

NICENESS = 5
"""By how much the priority is lower than the server's: small pictures and live streams go first."""

MMAP_THRESHOLD = 1 << 20
"""Bytes from which the C library gives a freed block back to the system at once."""

WATCH_SECONDS = 0.05
"""Seconds between two looks at a process that has limits."""

BACKSTOP = 2
"""The system refuses memory beyond so many times the limit, in case that a process takes it between two looks; what is
reserved without being used counts there too."""

ARENAS = 2
"""Heaps of the C library, which would else make one for each thread."""

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


def start_child(module: str, *arguments: str, output: bool = False) -> subprocess.Popen[bytes]:
    """Start a module as a process; its standard error goes nowhere, since libraries may write names of files there.

    Args:
        module: the module, whose first act is `become_child`.
        *arguments: its arguments.
        output: whether its standard output is a pipe too.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if output else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches the server only, which ends its processes in order
    )


class Limits:
    """Watch a process in a thread, and kill it when it takes too long or too much memory; used by `with`.

    Args:
        process: the process.
        seconds: most seconds.
        memory: most bytes of resident memory, where the system tells them.

    Attributes:
        exceeded: "seconds" or "memory" if the process was killed for it, else "".
    """

    def __init__(self, process: subprocess.Popen[bytes], seconds: float, memory: int) -> None:
        self.exceeded = ""
        self._process, self._end, self._memory = process, time.monotonic() + seconds, memory
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="mien-limits", daemon=True)

    def __enter__(self) -> Limits:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(max(0.0, min(WATCH_SECONDS, self._end - time.monotonic()))):
            if time.monotonic() >= self._end:
                self.exceeded = "seconds"
            elif resident_bytes(self._process.pid) > self._memory:
                self.exceeded = "memory"
            if self.exceeded:
                self._process.kill()
                return


def become_child(memory: int) -> None:
    """Lower this process's priority and limit its memory.

    Args:
        memory: most bytes of resident memory, which the server checks; the system refuses BACKSTOP times as many
            (RLIMIT_DATA).
    """
    with suppress(OSError, AttributeError):  # Windows has no priorities of this kind
        os.nice(NICENESS)
    give_memory_back()
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (BACKSTOP * memory, BACKSTOP * memory))


def end_with(pipe: IO[bytes]) -> None:
    """End this process when a pipe ends, from which nothing else reads."""

    def watch() -> None:
        while pipe.read(1):
            pass
        os._exit(1)

    threading.Thread(target=watch, name="mien-parent", daemon=True).start()


def give_memory_back(block: int = MMAP_THRESHOLD) -> None:
    """Let the C library (glibc) give freed blocks of at least `block` bytes back instead of keeping them for later."""
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, block)
        mallopt(_M_ARENA_MAX, ARENAS)


def trim_memory() -> None:
    """Give back what the C library (glibc) has kept of freed blocks."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def resident_bytes(process: int) -> int:
    """Return the resident memory of a process, in bytes; 0 where the system does not tell (it tells on Linux)."""
    try:
        with open(f"/proc/{process}/statm", encoding="ascii") as text:
            return int(text.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0
