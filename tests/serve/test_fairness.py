"""Whose turn it is: clients and their requests in rotation, by megapixels, streams first; and what is never done."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from mien.serve.fairness import LIVE_RUN, FairThreads, Turn


def order_of(turns: list[tuple[str, Turn]]) -> list[str]:
    """The names of pieces of work in the order in which one thread does them, when all wait from the beginning."""
    done: list[str] = []

    async def run() -> None:
        go = threading.Event()
        threads = FairThreads(1, "test")
        first = asyncio.ensure_future(threads.run(go.wait, Turn("", "", 0.0)))
        await asyncio.sleep(0.05)
        rest = [asyncio.ensure_future(threads.run(partial(done.append, name), turn)) for name, turn in turns]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *rest)
        threads.close()

    asyncio.run(run())
    return done


def test_clients_take_turns() -> None:
    turns = [(f"a{k}", Turn("a", 1, 1.0)) for k in range(4)] + [(f"b{k}", Turn("b", 2, 1.0)) for k in range(2)]
    assert order_of(turns) == ["a0", "b0", "a1", "b1", "a2", "a3"]


def test_requests_of_one_client_take_turns() -> None:
    """On one machine all have the same address: a form must not hold up a picture all the same."""
    turns = [(f"form{k}", Turn("a", 1, 1.0)) for k in range(4)] + [("picture", Turn("a", 2, 1.0))]
    assert order_of(turns) == ["form0", "picture", "form1", "form2", "form3"]


def test_megapixels_count_not_pictures() -> None:
    turns = [(f"large{k}", Turn("a", 1, 4.0)) for k in range(2)] + [(f"small{k}", Turn("b", 2, 1.0)) for k in range(6)]
    assert order_of(turns) == ["large0", *(f"small{k}" for k in range(4)), "large1", "small4", "small5"]


def test_streams_come_first_but_do_not_stop_the_rest() -> None:
    live = [(f"live{k}", Turn("s", 1, 1.0, live=True)) for k in range(LIVE_RUN + 2)]
    found = order_of([("picture", Turn("a", 2, 1.0)), ("next", Turn("a", 2, 1.0)), *live])
    assert found[LIVE_RUN] == "picture"
    assert found == [*(f"live{k}" for k in range(LIVE_RUN)), "picture", "live4", "live5", "next"]


def test_streams_take_turns_too() -> None:
    turns = [(f"a{k}", Turn("a", 1, 1.0, live=True)) for k in range(3)] + [("b", Turn("b", 2, 1.0, live=True))]
    assert order_of(turns) == ["a0", "b", "a1", "a2"]


def test_who_was_idle_has_saved_nothing() -> None:
    """A client that comes late takes turns from then on; it does not catch up first."""

    async def run() -> list[str]:
        done: list[str] = []
        threads = FairThreads(1, "test")
        for k in range(10):
            await threads.run(partial(done.append, f"a{k}"), Turn("a", k, 1.0))
        go = threading.Event()
        first = asyncio.ensure_future(threads.run(go.wait, Turn("a", 99, 1.0)))
        await asyncio.sleep(0.05)
        late = [("b", k) for k in range(3)] + [("a", k) for k in range(3)]
        rest = [asyncio.ensure_future(threads.run(partial(done.append, f"{c}{k}"), Turn(c, c, 1.0))) for c, k in late]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *rest)
        threads.close()
        return done[10:]

    assert asyncio.run(run()) == ["b0", "b1", "a0", "b2", "a1", "a2"]


def test_what_is_charged_later_counts() -> None:
    """A picture's size is known when its header is read."""

    async def run() -> list[str]:
        done: list[str] = []
        threads = FairThreads(1, "test")
        go = threading.Event()
        first = asyncio.ensure_future(threads.run(go.wait, Turn("a", 1, 1.0)))
        await asyncio.sleep(0.05)
        names = [("a", k) for k in range(2)] + [("b", k) for k in range(3)]
        rest = [asyncio.ensure_future(threads.run(partial(done.append, f"{c}{k}"), Turn(c, c, 1.0))) for c, k in names]
        await asyncio.sleep(0)
        threads.queue.charge(Turn("a", "a", 0.0), 1.5)
        go.set()
        await asyncio.gather(first, *rest)
        threads.close()
        return done

    assert asyncio.run(run()) == ["b0", "b1", "b2", "a0", "a1"]


def test_what_is_cancelled_is_not_done() -> None:
    async def run() -> list[str]:
        done: list[str] = []
        threads = FairThreads(1, "test")
        go = threading.Event()
        first = asyncio.ensure_future(threads.run(go.wait, Turn("", "", 0.0)))
        await asyncio.sleep(0.05)
        for name in "ab":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await threads.run(partial(done.append, name), Turn("a", name, 1.0))
        last = asyncio.ensure_future(threads.run(partial(done.append, "c"), Turn("a", "c", 1.0)))
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, last)
        threads.close()
        return done

    assert asyncio.run(run()) == ["c"]


def test_errors_and_the_end() -> None:
    def broken() -> None:
        raise ValueError("broken")

    async def run() -> tuple[Any, ...]:
        threads = FairThreads(1, "test")
        with pytest.raises(ValueError, match="broken"):
            await threads.run(broken, Turn("a", 1, 1.0))
        go = threading.Event()
        running = asyncio.ensure_future(threads.run(go.wait, Turn("a", 1, 1.0)))
        waiting = asyncio.ensure_future(threads.run(go.wait, Turn("a", 2, 1.0)))
        await asyncio.sleep(0.05)
        closing = asyncio.ensure_future(asyncio.to_thread(threads.close))
        await asyncio.sleep(0.05)
        go.set()
        await closing
        return (await asyncio.gather(running, waiting, return_exceptions=True))[:2]

    first, second = asyncio.run(run())
    assert first is True
    assert isinstance(second, asyncio.CancelledError)
