"""Sources that are opened again when they are lost, or mirrored."""

from __future__ import annotations

import threading
import time

from helpers.live_source import Live
from helpers.video_clips import gray
from mien.errors import VideoError
from mien.video.io.opening import open_source
from mien.video.io.reconnect import MirroredSource, ReconnectingSource
from mien.video.options import Sampling

# --- lost streams ---


class Visits:
    """Opens a source of a few frames again and again; `failures` of the later tries fail."""

    def __init__(self, failures: int = 0, frames: int = 3) -> None:
        self.failures, self.frames, self.tries = failures, frames, 0

    def __call__(self) -> Live:
        self.tries += 1
        if self.tries <= self.failures:
            raise VideoError("does not answer", "porch")
        return Live(self.frames)


def test_a_lost_stream_is_opened_again() -> None:
    visits = Visits(failures=2)
    lasting = ReconnectingSource(Live(3), visits, pauses=(0.01, 0.02))
    frames = []
    for frame in lasting.frames(Sampling()):
        frames.append(frame)
        if len(frames) == 8:
            break
    assert [frame.number for frame in frames] == list(range(8))
    times = [frame.time for frame in frames]
    assert times == sorted(set(times))
    assert lasting.losses == 2
    assert visits.tries == 4


def test_pauses_grow_and_the_reason_is_told() -> None:
    waits: list[tuple[str, float]] = []
    lasting = ReconnectingSource(Live(1), Visits(failures=10**6), pauses=(0.5, 1.0, 10.0))

    class Closed(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append((lasting.trouble, timeout or 0))
            if len(waits) == 4:
                self.set()
            return self.is_set()

    lasting._closed = Closed()
    assert len(list(lasting.frames(Sampling()))) == 1
    assert [pause for _, pause in waits] == [0.5, 1.0, 10.0, 10.0]
    assert waits[0][0] == "reconnecting, try 1: gives no more pictures"
    assert waits[3][0] == "reconnecting, try 4: does not answer"


def test_a_pause_ends_when_it_is_closed() -> None:
    lasting = ReconnectingSource(Live(1), Visits(failures=10**6), pauses=(60.0,))
    threading.Timer(0.1, lasting.close).start()
    began = time.monotonic()
    assert len(list(lasting.frames(Sampling()))) == 1
    assert time.monotonic() - began < 10


def test_a_mirror_changes_only_the_picture() -> None:
    picture = gray(0)
    picture[:, 0] = 9
    source = MirroredSource(open_source([(0, picture), (1, picture)]))
    frames = list(source.frames(Sampling()))
    assert [frame.time for frame in frames] == [0, 1]
    assert (frames[0].image == picture[:, ::-1]).all()
    assert (source.name, source.live) == ("frames", False)
