"""Rows of a video, one per face and frame, written as they come; and read back, to go on after a stop.

Every frame's rows are handed to the system as whole lines at once, so that a killed process loses one frame at most.
Parquet files cannot grow like that: their rows go to a journal beside them, NAME.parquet.jsonl, and are converted at
the end. Knows files and `Faces`; nothing of video or networks.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from mien.errors import DataError, InputError, MissingExtraError
from mien.files import replacing
from mien.labels import UNCERTAIN, LabelSet
from mien.results import Faces
from mien.video.moment import Moment

SUFFIXES = (".csv", ".jsonl", ".parquet")
STANDARD_OUTPUT = "-"
ROWS_AT_ONCE = 50_000
"""Rows of a Parquet file's row group: a few megabytes of memory."""

_FIXED = ("time", "frame", "track", "left", "top", "right", "bottom", "score", "emotion", "confidence", "vote_share")


def columns(labels: LabelSet) -> list[str]:
    """time in seconds, frame, track, box in pixels, score, emotion, confidence, vote_share, a column per emotion."""
    return [*_FIXED, *labels.names]


def rows_of(moment: Moment) -> list[dict[str, Any]]:
    """Return one flat dict per face, its keys those of `columns`."""
    rows = []
    for face in moment.faces:
        values = face.to_dict()
        rows.append(
            {
                "time": round(moment.time, 6),
                "frame": moment.frame,
                "track": values["track"],
                **dict(zip(("left", "top", "right", "bottom"), values["box"], strict=True)),
                **{name: values[name] for name in ("score", "emotion", "confidence", "vote_share")},
                **values["probabilities"],
            }
        )
    return rows


@dataclass(frozen=True)
class ResumePoint:
    """What an earlier run left: whole frames up to byte `size` of the file, and where to go on.

    resume      seconds of the frame that was written last; it is done again, since its rows may be incomplete
    last        the frame before it, or None
    next_track  a number that no track has
    """

    size: int
    resume: float
    last: Moment | None
    next_track: int


class RowWriter:
    """Writes rows as CSV, JSON lines or Parquet, by the name's suffix; "-" is standard output, as CSV.

    With `earlier` it cuts the file to what was whole and appends. Used in a `with`; leaving it finishes the file.
    """

    def __init__(self, path: str | Path, labels: LabelSet, earlier: ResumePoint | None = None) -> None:
        self.path = check_target(path)
        self.labels = labels
        self.count = 0
        self._journal = journal_of(self.path)
        self._json = self._journal is not None and self._journal.suffix == ".jsonl"
        self._file = sys.stdout if self._journal is None else self._open(self._journal, earlier)
        if not self._json and earlier is None:
            self._file.write(",".join(columns(labels)) + "\n")
            self._file.flush()

    @staticmethod
    def _open(path: Path, earlier: ResumePoint | None) -> IO[str]:
        path.parent.mkdir(parents=True, exist_ok=True)
        if earlier is not None:
            with path.open("r+b") as file:
                file.truncate(earlier.size)
        return path.open("w" if earlier is None else "a", encoding="utf-8", newline="")

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._journal is None:
            return
        self._file.close()
        if self.path.suffix.lower() == ".parquet" and kind is None:
            to_parquet(self._journal, self.path, self.labels)
            self._journal.unlink()

    def write(self, moment: Moment) -> None:
        """Add the rows of a moment and hand them to the system."""
        rows = rows_of(moment)
        if not rows:
            return
        text = io.StringIO()
        if self._json:
            text.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            csv.DictWriter(text, columns(self.labels), lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue())
        self._file.flush()
        self.count += len(rows)


def check_target(path: str | Path) -> Path:
    """The path, if rows can be written under such a name; Parquet needs the extra `parquet`."""
    path = Path(path)
    if str(path) != STANDARD_OUTPUT and path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}, or -. Choose one of these")
    if path.suffix.lower() == ".parquet":
        _pyarrow()
    return path


def journal_of(path: Path) -> Path | None:
    """The file that grows while rows are written: the file itself, or beside a Parquet file its journal."""
    if str(path) == STANDARD_OUTPUT:
        return None
    return path.with_name(path.name + ".jsonl") if path.suffix.lower() == ".parquet" else path


def find_resume_point(path: str | Path, labels: LabelSet) -> ResumePoint | None:
    """What an earlier run left in the file of that name; None if there is nothing to go on from.

    Raises InputError for a finished Parquet file, DataError for a file that is not one of these rows.
    """
    target = Path(path)
    journal = journal_of(target)
    if journal is None:
        raise InputError("resume: expected the rows in a file, got standard output. Name a file")
    if not journal.exists() and target.exists():
        raise InputError(f"{target} is finished: a Parquet file that is cut short has its rows in {journal.name}")
    if not journal.exists():
        return None
    size, before, last, most = 0, None, None, 0
    for offset, seen in _frames(journal, labels):
        size, before, last = offset, last, seen
        most = max(most, *seen.faces.track_ids.tolist()) if seen.faces.track_ids is not None else most
    if last is None:
        return None
    return ResumePoint(size, last.time, before, most + 1)


def read_rows(path: Path, labels: LabelSet, before: float = float("inf")) -> Iterator[Moment]:
    """The frames that an unfinished file's rows tell of, up to a time; in memory is one at a time."""
    for _, seen in _frames(path, labels):
        if seen.time >= before:
            return
        yield seen


def to_parquet(journal: Path, path: Path, labels: LabelSet) -> Path:
    """Rows of JSON lines as a Parquet file, whole or not at all, in row groups."""
    pyarrow, parquet = _pyarrow()
    kinds = {name: pyarrow.float32() for name in columns(labels)}
    kinds |= {"time": pyarrow.float64(), "frame": pyarrow.int64(), "track": pyarrow.int64()}
    kinds["emotion"] = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
    schema = pyarrow.schema(list(kinds.items()))
    with (
        replacing(path) as temporary,
        journal.open(encoding="utf-8") as lines,
        parquet.ParquetWriter(temporary, schema) as writer,
    ):
        while rows := [json.loads(line) for line in islice(lines, ROWS_AT_ONCE)]:
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
    return path


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("writing Parquet", "parquet") from error
    return pyarrow, pyarrow.parquet


def _frames(path: Path, labels: LabelSet) -> Iterator[tuple[int, Moment]]:
    """Every frame with the byte at which its rows begin; what follows the last whole line is not read."""
    for frame, group in groupby(_lines(path, labels), key=lambda item: item[1]["frame"]):
        items = list(group)
        rows = [row for _, row in items]
        yield items[0][0], Moment(float(rows[0]["time"]), int(frame), _faces(rows, labels))


def _lines(path: Path, labels: LabelSet) -> Iterator[tuple[int, dict[str, Any]]]:
    """Whole lines as dicts, with the byte at which each begins."""
    names = columns(labels)
    with path.open("rb") as file:
        offset = 0
        if path.suffix.lower() == ".csv":
            header = file.readline()
            offset = len(header)
            if header and header.decode(errors="replace").strip().split(",") != names:
                raise DataError(
                    f"{path}: expected the columns {','.join(names)}, got {header.decode(errors='replace').strip()!r}. "
                    "Resume with the labels of the first run, or name a new file"
                )
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield offset, _parsed(line, names, path)
            offset += len(line)


def _parsed(line: bytes, names: list[str], path: Path) -> dict[str, Any]:
    try:
        if path.suffix.lower() == ".csv":
            return dict(zip(names, next(csv.reader([line.decode()])), strict=True))
        row = json.loads(line)
        if list(row) != names:
            raise ValueError(f"the keys {list(row)}")
        return dict(row)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: expected rows of `mien video` with {names}, got {line[:80]!r} ({error})") from error


def _faces(rows: list[dict[str, Any]], labels: LabelSet) -> Faces:
    """The faces that rows tell of; their probabilities, rounded in the file, are made to sum to 1 again."""

    def numbers(*names: str) -> Any:
        values = [[float("nan") if row[name] in ("", None) else float(row[name]) for name in names] for row in rows]
        return np.array(values, np.float32).reshape(len(rows), len(names))

    probabilities = numbers(*labels.names)
    return Faces(
        boxes=numbers("left", "top", "right", "bottom"),
        scores=numbers("score")[:, 0],
        landmarks=np.full((len(rows), 5, 2), np.nan, np.float32),
        probabilities=probabilities / probabilities.sum(axis=1, keepdims=True),
        vote_shares=numbers("vote_share")[:, 0],
        labels=labels,
        size=(0, 0),
        track_ids=np.array([int(row["track"]) for row in rows], np.int64),
        reported=np.array(
            [
                likeliest if row["emotion"] == UNCERTAIN else labels.index(row["emotion"])
                for row, likeliest in zip(rows, probabilities.argmax(axis=1), strict=True)
            ],
            np.int64,
        ),
    )
