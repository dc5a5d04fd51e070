"""Pictures that wait at the same moment are read together, for no longer than was said, and errors reach who asked."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from helpers import tiny_bundle
from helpers.service_client import JPEG, READY, png, serving
from mien.bundle import Bundle
from mien.recognizer import EmotionRecognizer, FaceCrops
from mien.results import Faces
from mien.serve.batching import Batcher


class Counted(EmotionRecognizer):
    """Notes how many pictures are read at once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.batches: list[int] = []

    def classify_batch(self, found: Any) -> list[Faces]:
        self.batches.append(len(found))
        return super().classify_batch(found)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle(tiny_bundle.content(), "tiny", threads=1)


@pytest.fixture
def recognizer(bundle: Bundle) -> Counted:
    return Counted(bundle, detector="whole")


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def found(recognizer: EmotionRecognizer, value: int) -> FaceCrops:
    return recognizer.detect_and_crop(np.full((48, 48, 3), value, np.uint8), str(value))


def read_all(batcher: Callable[[], Batcher], recognizers: list[Counted], values: list[int]) -> list[Faces]:
    async def run() -> list[Faces]:
        made = batcher()
        pairs = zip(recognizers, values, strict=True)
        return await asyncio.gather(*(made.classify(one, found(one, value)) for one, value in pairs))

    return asyncio.run(run())


def test_who_waits_together_is_read_together(recognizer: Counted, executor: ThreadPoolExecutor) -> None:
    answers = read_all(lambda: Batcher(executor, 4, 10.0, lambda: 1), [recognizer] * 8, list(range(0, 160, 20)))
    assert recognizer.batches == [4, 4]
    assert [faces.source for faces in answers] == [str(value) for value in range(0, 160, 20)]
    for faces, value in zip(answers, range(0, 160, 20), strict=True):
        expected = EmotionRecognizer.classify_batch(recognizer, [found(recognizer, value)])[0]
        np.testing.assert_allclose(faces.probabilities, expected.probabilities, atol=1e-6)


def test_nobody_waits_longer_than_said(recognizer: Counted, executor: ThreadPoolExecutor) -> None:
    began = time.monotonic()
    read_all(lambda: Batcher(executor, 100, 0.05, lambda: 1), [recognizer] * 3, [1, 2, 3])
    assert recognizer.batches == [3]
    assert 0.04 < time.monotonic() - began < READY


@pytest.mark.parametrize(("wait", "coming"), [(0.0, 1), (60.0, 0)])
def test_nobody_waits_for_nobody(recognizer: Counted, executor: ThreadPoolExecutor, wait: float, coming: int) -> None:
    """Without a time to wait, or with nobody else on the way."""
    read_all(lambda: Batcher(executor, 100, wait, lambda: coming), [recognizer] * 2, [1, 2])
    assert recognizer.batches == [1, 1]


def test_other_labels_are_another_batch(bundle: Bundle, executor: ThreadPoolExecutor) -> None:
    kinds = [Counted(bundle, detector="whole", labels=name) for name in ("fer2013", "ferplus")]
    answers = read_all(lambda: Batcher(executor, 2, 10.0, lambda: 1), kinds * 2, [1, 2, 3, 4])
    assert [one.batches for one in kinds] == [[2], [2]]
    assert [faces.labels.name for faces in answers] == ["fer2013", "ferplus"] * 2


def test_a_picture_without_faces_waits_for_nobody(recognizer: Counted, executor: ThreadPoolExecutor) -> None:
    recognizer.min_face = 100
    (faces,) = read_all(lambda: Batcher(executor, 100, 60.0, lambda: 1), [recognizer], [1])
    assert len(faces) == 0


def test_an_error_reaches_everybody_in_the_batch(bundle: Bundle, executor: ThreadPoolExecutor) -> None:
    class Broken(Counted):
        def classify_batch(self, found: Any) -> list[Faces]:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        read_all(lambda: Batcher(executor, 2, 10.0, lambda: 1), [Broken(bundle, detector="whole")] * 2, [1, 2])


def test_requests_at_the_same_moment_share_a_batch(bundle_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    answer = EmotionRecognizer.classify_batch
    monkeypatch.setattr(
        EmotionRecognizer, "classify_batch", lambda self, found: batches.append(len(found)) or answer(self, found)
    )
    with serving(model=bundle_file, batch=4, batch_wait=5000) as client:
        batches.clear()
        client.app.state.engine.batcher._coming = lambda: 1  # type: ignore[attr-defined]
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(client.post("/v1/faces", content=png(8, 8), headers=JPEG).status_code)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (statuses, batches) == ([200] * 8, [4, 4])


def test_the_loop_is_free_while_pictures_are_read(bundle_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import mien.serve.engine as engine

    go, began = threading.Event(), threading.Event()
    load = engine.load_image

    def slow(*arguments: Any) -> Any:
        began.set()
        go.wait(READY)
        return load(*arguments)

    with serving(model=bundle_file) as client:
        monkeypatch.setattr(engine, "load_image", slow)
        statuses: list[int] = []
        asking = threading.Thread(
            target=lambda: statuses.append(client.post("/v1/faces", content=png(8, 8), headers=JPEG).status_code)
        )
        asking.start()
        assert began.wait(READY)
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/models").status_code == 200
        assert statuses == []
        go.set()
        asking.join()
        assert statuses == [200]
