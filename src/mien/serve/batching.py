"""Found faces of several requests through the network together. Knows recognizers and threads, nothing of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from mien.pipeline import FaceCrops
from mien.recognizer import EmotionRecognizer
from mien.results import Faces

Kind = tuple[str, bool, float]


@dataclass(eq=False)
class _Group:
    """Pictures that wait for the same head of the network."""

    recognizer: EmotionRecognizer
    waiting: list[tuple[FaceCrops, asyncio.Future[Faces]]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class Batcher:
    """Gathers found faces for at most `wait` seconds, or until `size` pictures wait, and reads them at once.

    One batch is read at a time, so that what comes meanwhile waits together. `coming` tells how many pictures are on
    their way here: when there are none nobody is waited for.
    """

    def __init__(
        self,
        executor: Executor,
        size: int,
        wait: float,
        coming: Callable[[], int],
        report: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._executor, self._size, self._wait, self._coming, self._report = executor, size, wait, coming, report
        self._groups: dict[Kind, _Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, recognizer: EmotionRecognizer, found: FaceCrops) -> Faces:
        """The faces of one picture, read together with those of others that ask for the same labels."""
        if not len(found.detections):
            return recognizer.classify_batch([found])[0]
        loop = asyncio.get_running_loop()
        kind = (recognizer.head.name, recognizer.flip, recognizer.min_confidence)
        group = self._groups.setdefault(kind, _Group(recognizer))
        future: asyncio.Future[Faces] = loop.create_future()
        group.waiting.append((found, future))
        if len(group.waiting) >= self._size or not self._wait or not self._coming():
            self._flush(kind)
        elif group.timer is None:
            group.timer = loop.call_later(self._wait, self._flush, kind)
        return await future

    def _flush(self, kind: Kind) -> None:
        group = self._groups.pop(kind, None)
        if group is None:
            return
        if group.timer is not None:
            group.timer.cancel()
        task = asyncio.get_running_loop().create_task(self._read(group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, group: _Group) -> None:
        pictures, futures = zip(*group.waiting, strict=True)
        self._report(len(pictures))
        try:
            answers: Sequence[Faces] = await asyncio.get_running_loop().run_in_executor(
                self._executor, group.recognizer.classify_batch, pictures
            )
        except BaseException as error:
            for future in futures:
                if not future.done():
                    future.set_exception(error)
            return
        for future, faces in zip(futures, answers, strict=True):
            if not future.done():  # its client may have gone
                future.set_result(faces)
