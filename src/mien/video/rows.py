"""Write the rows of a video, one per face and frame, during the analysis; read them, and resume after an interruption.

The rows of a frame are written at once and as whole lines, so that a killed process loses at most one frame. A Parquet
file cannot be appended to: its rows are written to a journal, NAME.parquet.jsonl, which is converted at the end. This
module knows files and `Faces`; nothing of video or networks.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from mien.errors import DataError, InputError, MissingExtraError
from mien.face import VOTE_NUMBERS
from mien.files import BOM, replacing
from mien.labels import UNCERTAIN, LabelSet
from mien.results import SET_SEPARATOR, UNCERTAINTY_COLUMNS, Faces, uncertainty_columns
from mien.video.moment import Moment

SUFFIXES = (".csv", ".jsonl", ".parquet")
STANDARD_OUTPUT = "-"
ROWS_AT_ONCE = 50_000
"""Rows in a row group of a Parquet file: a few megabytes of memory."""

_FIXED = ("time", "frame", "track", "left", "top", "right", "bottom", "score", "emotion", "confidence", "vote_share")


_NAMES_SINCE = {"intensity": "vote_share"}
"""Columns of version 1 of the rows that have another name since."""


VOICE_COLUMNS = ("fused", "fused_confidence", "voice", "voice_confidence")
"""Columns at the end of rows with sound: the emotion of face and voice together, and that of the voice alone."""


def columns(labels: LabelSet, *, voice: bool = False) -> list[str]:
    """Return the names of the columns, in order.

    They are time in seconds, frame, track, box in pixels, score, emotion, confidence, vote_share, a column per emotion,
    and UNCERTAINTY_COLUMNS; with the sound also VOICE_COLUMNS.
    """
    return [*_FIXED, *labels.names, *UNCERTAINTY_COLUMNS, *(VOICE_COLUMNS if voice else ())]


def are_columns(names: Sequence[str], labels: LabelSet) -> bool:
    """Tell whether these are the columns of rows of these labels, as this or an earlier version writes them."""
    rest = [_NAMES_SINCE.get(name, name) for name in names]
    for optional in (VOICE_COLUMNS, UNCERTAINTY_COLUMNS):
        if tuple(rest[-len(optional) :]) == optional:
            rest = rest[: -len(optional)]
    return rest == [*_FIXED, *labels.names]


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
                **uncertainty_columns(values),
                **({} if face.fused is None else _voice_values(face.fused, moment)),
            }
        )
    return rows


def _voice_values(fused: dict[str, float], moment: Moment) -> dict[str, Any]:
    """Return the values of VOICE_COLUMNS; those of the voice are None where nobody speaks, or there is no sound."""
    emotion = max(fused, key=lambda name: fused[name])
    voice = moment.voice
    sure = None if voice is None or voice.confidence is None else round(voice.confidence, 4)
    values = (emotion, round(fused[emotion], 4), None if voice is None else voice.emotion, sure)
    return dict(zip(VOICE_COLUMNS, values, strict=True))


class EarlierRows(Protocol):
    """What is kept of a file of rows that is continued.

    Attributes:
        size: bytes of the file that are kept.
        columns: names of the columns in the file; new rows have the same ones.
    """

    @property
    def size(self) -> int: ...

    @property
    def columns(self) -> tuple[str, ...]: ...


class RowWriter:
    """Write rows as CSV, JSON lines or Parquet; used in a `with`, whose end completes the file.

    Args:
        path: .csv, .jsonl or .parquet; "-" is standard output, as CSV.
        labels: the label set of the moments.
        earlier: where to resume; the file is cut to its whole frames, and new rows are appended. None: a new file.
        bom: begin a CSV file with a byte order mark, as Excel needs it.
        voice: whether the moments have the sound, and the rows VOICE_COLUMNS.

    Raises:
        InputError: the name ends in something else.
        MissingExtraError: a Parquet file needs the extra `parquet`.
    """

    def __init__(
        self,
        path: str | Path,
        labels: LabelSet,
        earlier: EarlierRows | None = None,
        *,
        bom: bool = False,
        voice: bool = False,
    ) -> None:
        self.path = check_target(path)
        self.labels = labels
        self.count = 0
        self._unfinished = False
        self._journal = journal_of(self.path)
        self._names = list(earlier.columns) if earlier else columns(labels, voice=voice)
        self._json = self._journal is not None and self._journal.suffix == ".jsonl"
        self._file = sys.stdout if self._journal is None else self._open(self._journal, earlier)
        if not self._json and earlier is None:
            self._file.write((BOM if bom else "") + ",".join(self._names) + "\n")
            self._file.flush()

    @staticmethod
    def _open(path: Path, earlier: EarlierRows | None) -> IO[str]:
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
            to_parquet(self._journal, self.path, self._names)
            if not self._unfinished:
                self._journal.unlink()

    def leave_unfinished(self) -> None:
        """Keep the journal of a Parquet file at the end, so that a stopped recording can be resumed."""
        self._unfinished = True

    @property
    def size(self) -> int | None:
        """Bytes of all rows that have been written; None for standard output."""
        return None if self._journal is None else self._journal.stat().st_size

    def write(self, moment: Moment) -> None:
        """Write the rows of a moment and flush them."""
        rows = rows_of(moment)
        if not rows:
            return
        rows = [{name: row[_NAMES_SINCE.get(name, name)] for name in self._names} for row in rows]
        text = io.StringIO()
        if self._json:
            text.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            csv.DictWriter(text, self._names, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue())
        self._file.flush()
        self.count += len(rows)


def check_target(path: str | Path) -> Path:
    """Return the path if rows can be written under its name.

    Raises:
        InputError: the name ends in something else.
        MissingExtraError: a Parquet file needs the extra `parquet`.
    """
    path = Path(path)
    if str(path) != STANDARD_OUTPUT and path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}, or -. Choose one of these")
    if path.suffix.lower() == ".parquet":
        parquet_library()
    return path


def journal_of(path: Path) -> Path | None:
    """Return the file that rows are appended to: the file itself, or the journal of a Parquet file; None for "-"."""
    if str(path) == STANDARD_OUTPUT:
        return None
    return path.with_name(path.name + ".jsonl") if path.suffix.lower() == ".parquet" else path


def read_rows(path: str | Path, labels: LabelSet, before: float = float("inf")) -> Iterator[Moment]:
    """Yield the moments of a file of rows, of version 1 or 2; one at a time is in memory.

    Args:
        path: .csv, .jsonl or .parquet; of an unfinished file, what follows the last whole line is left out.
        labels: the label set of the rows.
        before: seconds; moments from that time on are left out.

    Raises:
        DataError: the file does not hold rows of these labels.
        MissingExtraError: a Parquet file needs the extra `parquet`.
    """
    path = Path(path)
    frames = _parquet_frames(path, labels) if path.suffix.lower() == ".parquet" else row_frames(path, labels)
    for *_, moment in frames:
        if moment.time >= before:
            return
        yield moment


def to_parquet(journal: Path, path: Path, names: Sequence[str]) -> Path:
    """Convert a journal of JSON lines with these columns to a Parquet file, whole or not at all; return its path."""
    pyarrow, parquet = parquet_library()
    kinds = {_NAMES_SINCE.get(name, name): pyarrow.float32() for name in names}
    kinds |= {"time": pyarrow.float64(), "frame": pyarrow.int64(), "track": pyarrow.int64()}
    for name in kinds.keys() & {"emotion", "emotion_set", "fused", "voice"}:
        kinds[name] = pyarrow.dictionary(pyarrow.int16(), pyarrow.string())
    schema = pyarrow.schema(list(kinds.items()))
    with (
        replacing(path) as temporary,
        journal.open(encoding="utf-8") as lines,
        parquet.ParquetWriter(temporary, schema) as writer,
    ):
        while rows := [_renamed(json.loads(line)) for line in islice(lines, ROWS_AT_ONCE)]:
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
    return path


def parquet_library() -> tuple[Any, Any]:
    """Return the modules `pyarrow` and `pyarrow.parquet`; raise MissingExtraError without them."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("writing Parquet", "parquet") from error
    return pyarrow, pyarrow.parquet


def row_frames(path: Path, labels: LabelSet) -> Iterator[tuple[int, tuple[str, ...], Moment]]:
    """Yield every frame with the byte offset of its rows and their columns; only whole lines are read."""
    for frame, group in groupby(_lines(path, labels), key=lambda item: item[2]["frame"]):
        items = list(group)
        offset, names, _ = items[0]
        yield offset, names, _moment(int(frame), [row for *_, row in items], labels)


def _parquet_frames(path: Path, labels: LabelSet) -> Iterator[tuple[Moment]]:
    """Yield every frame of a Parquet file, reading one row group at a time."""
    _, parquet = parquet_library()
    with parquet.ParquetFile(path) as file:
        if not are_columns(file.schema_arrow.names, labels):
            raise DataError(f"{path}: {_expected(labels)}, got {file.schema_arrow.names}")
        rows = (_renamed(row) for batch in file.iter_batches(ROWS_AT_ONCE) for row in batch.to_pylist())
        for frame, group in groupby(rows, key=lambda row: row["frame"]):
            yield (_moment(int(frame), list(group), labels),)


def _moment(frame: int, rows: list[dict[str, Any]], labels: LabelSet) -> Moment:
    return Moment(float(rows[0]["time"]), frame, _faces(rows, labels))


def _lines(path: Path, labels: LabelSet) -> Iterator[tuple[int, tuple[str, ...], dict[str, Any]]]:
    """Yield whole lines as dicts with today's column names, with their byte offset and the file's own columns."""
    names = columns(labels)
    with path.open("rb") as file:
        offset = 0
        if path.suffix.lower() == ".csv":
            header = file.readline()
            offset = len(header)
            found = header.decode(errors="replace").removeprefix(BOM).strip()
            if header and not are_columns(found.split(","), labels):
                raise DataError(f"{path}: {_expected(labels)}, got {found!r}. {_MEND}")
            names = found.split(",")
        for line in file:
            if not line.endswith(b"\n"):
                return
            row = _parsed(line, names, path, labels)
            yield offset, tuple(row), _renamed(row)
            offset += len(line)


_MEND = "Resume with the labels of the first run, or name a new file"


def _expected(labels: LabelSet) -> str:
    return f"expected the columns {','.join(columns(labels))}"


def _renamed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of any version with today's column names."""
    return {_NAMES_SINCE.get(name, name): value for name, value in row.items()}


def _parsed(line: bytes, names: list[str], path: Path, labels: LabelSet) -> dict[str, Any]:
    try:
        if path.suffix.lower() == ".csv":
            return dict(zip(names, next(csv.reader([line.decode()])), strict=True))
        row = dict(json.loads(line))
        if not are_columns(list(row), labels):
            raise ValueError(f"the keys {list(row)}")
        return row
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: expected rows of `mien video` with {names}, got {line[:80]!r} ({error})") from error


def _faces(rows: list[dict[str, Any]], labels: LabelSet) -> Faces:
    """Return the faces of the rows of one frame; probabilities, which are rounded in the file, are normalized."""

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
        **_uncertainty(rows, labels, numbers),
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


def _uncertainty(rows: list[dict[str, Any]], labels: LabelSet, numbers: Any) -> dict[str, Any]:
    """Return the arrays of `Faces` that UNCERTAINTY_COLUMNS hold; those that the rows lack are left out."""
    found: dict[str, Any] = {}
    for name in VOTE_NUMBERS:
        values = numbers(*(column for column in UNCERTAINTY_COLUMNS if column.startswith(name) and column in rows[0]))
        if values.shape[1] and not np.isnan(values).any():
            found[name] = values
    if all(row.get("emotion_set") for row in rows):
        members = [row["emotion_set"].split(SET_SEPARATOR) for row in rows]
        found["sets"] = np.array([[name in each for name in labels.names] for each in members])
    return found
