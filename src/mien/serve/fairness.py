"""Share threads among clients by the megapixels of their work. Knows nothing of pictures, HTTP or networks.

Live work comes first. Within live work, and within the rest, it is the turn of the client whose work so far has had
the fewest megapixels, and within a client of the request that has had the fewest: one client's large form holds up
neither other clients nor that client's other requests. Who has been idle is treated as if it had kept pace.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

LIVE_RUN = 4
"""Pieces of live work after which one of the rest is done, so that streams do not stop it for ever."""
KEPT = 1000
"""Clients without work whose megapixels are remembered."""


@dataclass(frozen=True)
class Turn:
    """Whose work it is, and how much.

    Attributes:
        client: the client.
        request: what tells the client's requests apart.
        megapixels: the size of the work.
        live: whether it comes before all that is not.
    """

    client: str
    request: Hashable
    megapixels: float
    live: bool = False


@dataclass(eq=False)
class _Work:
    turn: Turn
    function: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)


class _Shares:
    """Megapixels by client or by request, those who have work, and the share of whose turn it was last."""

    def __init__(self) -> None:
        self.served: dict[Hashable, float] = {}
        self.waiting: dict[Hashable, Any] = {}
        self.now = 0.0

    def enter(self, key: Hashable, what: Callable[[], Any]) -> Any:
        """Return what a key has waiting, made by `what` if it had nothing."""
        if key not in self.waiting:
            self.served[key] = max(self.served.get(key, 0.0), self.now)
            self.waiting[key] = what()
        return self.waiting[key]

    def next(self) -> Hashable:
        """Return the key whose turn it is."""
        key = min(self.waiting, key=self.served.__getitem__)
        self.now = self.served[key]
        return key

    def leave(self, key: Hashable) -> None:
        """Note that a key has nothing waiting any more."""
        del self.waiting[key]
        if len(self.served) > len(self.waiting) + KEPT:
            self.served = {one: share for one, share in self.served.items() if one in self.waiting or share > self.now}

    def add(self, key: Hashable, megapixels: float) -> None:
        """Count work of a key."""
        if key in self.served:
            self.served[key] += megapixels


class FairQueue:
    """Work that waits, in the order of this module. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lanes = {True: _Shares(), False: _Shares()}
        self._run = 0
        self._closed = False

    def put(self, work: _Work) -> None:
        """Add work; raise RuntimeError after `close`."""
        turn = work.turn
        with self._changed:
            if self._closed:
                raise RuntimeError("the queue is closed")
            requests = self._lanes[turn.live].enter(turn.client, _Shares)
            requests.enter(turn.request, deque).append(work)
            self._changed.notify()

    def take(self, seconds: float | None = None) -> _Work | None:
        """Return the work whose turn it is; None after `seconds` without any, or when the queue is closed."""
        end = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            while not any(lane.waiting for lane in self._lanes.values()):
                left = None if end is None else end - time.monotonic()
                if self._closed or (left is not None and left <= 0):
                    return None
                self._changed.wait(left)
            live, rest = self._lanes[True].waiting, self._lanes[False].waiting
            chosen = bool(live) and (not rest or self._run < LIVE_RUN)
            self._run = self._run + 1 if chosen else 0
            lane = self._lanes[chosen]
            client = lane.next()
            requests = lane.waiting[client]
            request = requests.next()
            work: _Work = requests.waiting[request].popleft()
            self._forget_empty(lane, client, request)
            self._count(work.turn, work.turn.megapixels)
            return work

    def discard(self, work: _Work) -> None:
        """Remove work that still waits."""
        lane, turn = self._lanes[work.turn.live], work.turn
        with self._changed:
            requests = lane.waiting.get(turn.client)
            if requests is not None and work in requests.waiting.get(turn.request, ()):
                requests.waiting[turn.request].remove(work)
                self._forget_empty(lane, turn.client, turn.request)

    def charge(self, turn: Turn, megapixels: float) -> None:
        """Add to what a turn has cost."""
        with self._changed:
            self._count(turn, megapixels)

    def close(self) -> None:
        """Cancel what waits, and let `take` return None."""
        with self._changed:
            self._closed = True
            left = [
                work
                for lane in self._lanes.values()
                for requests in lane.waiting.values()
                for waiting in requests.waiting.values()
                for work in waiting
            ]
            self._lanes = {True: _Shares(), False: _Shares()}
            self._changed.notify_all()
        for work in left:
            work.future.cancel()

    def _count(self, turn: Turn, megapixels: float) -> None:
        lane = self._lanes[turn.live]
        lane.add(turn.client, megapixels)
        requests = lane.waiting.get(turn.client)
        if requests is not None:
            requests.add(turn.request, megapixels)

    @staticmethod
    def _forget_empty(lane: _Shares, client: Hashable, request: Hashable) -> None:
        requests = lane.waiting[client]
        if not requests.waiting[request]:
            requests.leave(request)
        if not requests.waiting:
            lane.leave(client)


class FairThreads:
    """Threads that take their work from a `FairQueue`.

    Args:
        count: number of threads.
        name: what their names begin with.
        idle_seconds: seconds without work after which a thread calls `on_idle`. None: never.
        on_idle: is called then, and when a thread ends.
    """

    def __init__(
        self, count: int, name: str, idle_seconds: float | None = None, on_idle: Callable[[], None] = lambda: None
    ) -> None:
        self.queue = FairQueue()
        self._idle_seconds, self._on_idle = idle_seconds, on_idle
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{k}", daemon=True) for k in range(count)]
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[[], T], turn: Turn) -> T:
        """Run a function in one of the threads when it is its turn; if this is cancelled before, it is not run."""
        work = _Work(turn, function)
        self.queue.put(work)
        try:
            return await asyncio.wrap_future(work.future)
        except asyncio.CancelledError:
            self.queue.discard(work)
            raise

    def close(self) -> None:
        """Cancel what waits, and wait for what runs."""
        self._closed.set()
        self.queue.close()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while not self._closed.is_set():
            work = self.queue.take(self._idle_seconds)
            if work is None:
                self._on_idle()
            elif work.future.set_running_or_notify_cancel():
                try:
                    work.future.set_result(work.function())
                except BaseException as error:
                    work.future.set_exception(error)
        self._on_idle()
