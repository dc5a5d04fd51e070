"""Classify the faces of several requests in one batch. Knows recognizers and threads, nothing of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from mien.pipeline import FaceCrops
from mien.recognizer import EmotionRecognizer
from mien.results import Faces

Kind = tuple[str, bool, float, str, float, str]


@dataclass(eq=False)
class _Group:
    """Pictures that wait to be classified by the same head with the same options."""

    recognizer: EmotionRecognizer
    waiting: list[tuple[FaceCrops, asyncio.Future[Faces]]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class Batcher:
    """Collect detected faces and classify them in batches, one batch at a time.

    A batch is classified when `size` pictures wait, after `wait` seconds, or as soon as no other picture is being
    decoded.

    Args:
        executor: runs the network.
        size: most pictures of a batch.
        wait: most seconds that a picture waits for others.
        coming: returns how many pictures are being decoded and will arrive here.
        report: called with the number of pictures of each batch.
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

    async def classify(self, recognizer: EmotionRecognizer, found: FaceCrops) -> Faces:
        """Return the classified faces of one picture.

        Args:
            recognizer: classifies them; requests with the same options of classification share a batch.
            found: the faces of the picture, detected and cropped.
        """
        if not len(found.detections):
            return recognizer.classify_batch([found])[0]
        loop = asyncio.get_running_loop()
        kind = (
            recognizer.head.name,
            recognizer.flip,
            recognizer.min_confidence,
            str(recognizer.prior),
            recognizer.set_coverage,
            recognizer.set_kind,
        )
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
        task = asyncio.get_running_loop().create_task(self._classify(group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _classify(self, group: _Group) -> None:
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
            if not future.done():  # the client may have disconnected
                future.set_result(faces)
