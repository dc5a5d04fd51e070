"""Read parts with one recognizer, as one worker, and write their files. Knows nothing of the other workers."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2

from mien.batch.plan import BatchPart
from mien.batch.settings import ReaderConfig
from mien.batch.sources import as_file, fetch, is_video
from mien.batch.store import Store
from mien.batch.table import ParquetTable
from mien.errors import ImageError, InputError, MienError, MissingExtraError, VideoError
from mien.recognizer import PICTURES_AT_ONCE
from mien.results import Faces
from mien.version import __version__
from mien.video.rows import rows_of

Content = str | bytes | ImageError

FEW_UNREAD = 5
"""Most files that cannot be read that a report names; the tables have all of them."""


@dataclass(frozen=True)
class PartReport:
    """Report the result of one part.

    Attributes:
        part: name of the part.
        files: number of files, with those that could not be read.
        faces: number of rows with a face.
        errors: number of rows with an error.
        seconds: time in seconds.
        cpu: CPU time in seconds, over all cores.
        worker: host:process.
        failed: why the part was not written and is left for another run; "" if it was written.
        unread: the first files that could not be read, with the reason.
    """

    part: str
    files: int
    faces: int = 0
    errors: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    worker: str = ""
    failed: str = ""
    unread: tuple[str, ...] = ()


class Reader:
    """Read parts with one recognizer.

    Args:
        config: the configuration.
        out: path or address of the output folder.
        threads: threads of the recognizer.
        version: version of mien that this machine must have.

    Raises:
        InputError: this machine has another version.
    """

    def __init__(self, config: ReaderConfig, out: str, threads: int = 1, version: str = __version__) -> None:
        if version != __version__:
            raise InputError(f"expected mien {version} on every machine, got {__version__} on {socket.gethostname()}")
        cv2.setNumThreads(threads)
        self._settings = config.settings
        self._recognizer = config.recognizer(threads)
        self._store = Store(out)

    def read(self, part: BatchPart) -> PartReport:
        """Write the part's file unless it exists; a file that cannot be read becomes a row with an error."""
        began, spent, worker = time.perf_counter(), time.process_time(), f"{socket.gethostname()}:{os.getpid()}"
        faces = errors = 0
        failed, unread = "", list[str]()
        try:
            if not self._store.has(part.name):
                table = ParquetTable(self._recognizer.labels)
                for rows in self._rows(part.sources):
                    table.add(rows)
                    faces += sum(row.get("emotion") is not None for row in rows)
                    wrong = [f"{row['source']}: {row['error']}" for row in rows if row.get("error") is not None]
                    errors += len(wrong)
                    unread += wrong[: FEW_UNREAD - len(unread)]
                self._store.write(part.name, table.content())
        except Exception as error:  # an unreachable store or a full disk, not an unreadable file
            failed = f"{type(error).__name__}: {error}"
        return PartReport(
            part.name,
            len(part.sources),
            faces,
            errors,
            time.perf_counter() - began,
            time.process_time() - spent,
            worker,
            failed,
            tuple(unread),
        )

    def _rows(self, sources: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of files, file by file, first the pictures, then the videos."""
        pictures = [source for source in sources if not is_video(source)]
        yield from self._picture_rows(pictures)
        for source in sources:
            if is_video(source):
                yield from self._video_rows(source)

    def _picture_rows(self, sources: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of pictures in shared inference batches; the next batch is fetched during prediction."""
        chunks = [sources[start : start + PICTURES_AT_ONCE] for start in range(0, len(sources), PICTURES_AT_ONCE)]
        with ThreadPoolExecutor(1, "mien-fetch") as ahead:
            fetched = [ahead.submit(fetch, chunk) for chunk in chunks[:1]]
            for number, chunk in enumerate(chunks):
                contents = fetched.pop().result()
                fetched = [ahead.submit(fetch, following) for following in chunks[number + 1 : number + 2]]
                for source, answer in zip(chunk, self._results(contents), strict=True):
                    yield picture_rows(source, answer)

    def _results(self, contents: Sequence[Content]) -> Iterator[Faces | ImageError]:
        there = [content for content in contents if not isinstance(content, ImageError)]
        try:
            answers = iter(self._recognizer.predict_batch(there))
        except Exception:  # an unexpected error: predict one by one to find its picture
            answers = iter([self._predict_alone(content) for content in there])
        for content in contents:
            yield content if isinstance(content, ImageError) else next(answers)

    def _predict_alone(self, content: str | bytes) -> Faces | ImageError:
        try:
            return self._recognizer.predict_batch([content])[0]
        except Exception as error:
            return ImageError(f"{type(error).__name__}: {error}")

    def _video_rows(self, source: str) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of a video; an error becomes a row after them."""
        common: dict[str, Any] = {"source": source, "kind": "video"}
        seen, problems = 0, []
        try:
            with as_file(source) as path, self._recognizer.track(path, **self._settings.analysis) as analysis:
                for moment in analysis:
                    common["width"], common["height"] = moment.faces.size
                    rows = rows_of(moment)
                    seen += len(rows)
                    yield [common | row for row in rows]
                problems = list(analysis.notes)
        except (ImageError, VideoError) as error:
            problems = [error.reason]
        except MissingExtraError:
            raise
        except MienError as error:
            problems = [str(error)]
        if problems:
            yield [common | {"error": "; ".join(problems)}]
        elif not seen:
            yield [common]


def picture_rows(source: str, answer: Faces | ImageError) -> list[dict[str, Any]]:
    """Return the rows of one picture: one for each face, or one without a face, or one with the error.

    Args:
        source: path or address of the picture.
        answer: the result of the recognizer.
    """
    common: dict[str, Any] = {"source": source, "kind": "picture"}
    if isinstance(answer, ImageError):
        return [common | {"error": answer.reason}]
    common |= {"width": answer.size[0], "height": answer.size[1]}
    return [row | common for row in answer.to_rows()] or [common]
