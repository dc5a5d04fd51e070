"""Write rows as a Parquet file, with one schema for pictures, videos and errors. docs/scale.md describes it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from mien.documents import SCHEMA
from mien.errors import MissingExtraError
from mien.labels import LabelSet
from mien.results import UNCERTAINTY_COLUMNS
from mien.version import __version__
from mien.video.rows import ROWS_AT_ONCE


def parquet() -> tuple[Any, Any]:
    """Return pyarrow and its module for Parquet.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("mien batch", "scale") from error
    return pyarrow, pyarrow.parquet


def schema(labels: LabelSet) -> Any:
    """Return the pyarrow schema of the columns, with the versions of the schema and of mien as metadata."""
    arrow, _ = parquet()
    word = arrow.dictionary(arrow.int8(), arrow.string())
    kinds = {
        "source": arrow.string(),
        "kind": word,
        "width": arrow.int32(),
        "height": arrow.int32(),
        "time": arrow.float64(),
        "frame": arrow.int64(),
        "track": arrow.int64(),
        "face": arrow.int32(),
        **dict.fromkeys(("left", "top", "right", "bottom", "score"), arrow.float32()),
        "emotion": word,
        **dict.fromkeys(("confidence", "vote_share", *labels.names), arrow.float32()),
        **dict.fromkeys(UNCERTAINTY_COLUMNS, arrow.float32()),
        "emotion_set": arrow.dictionary(arrow.int16(), arrow.string()),
        "error": arrow.string(),
    }
    return arrow.schema(list(kinds.items()), {"mien.schema": str(SCHEMA), "mien.version": __version__})


class ParquetTable:
    """Collect rows into a Parquet file in memory, compressed as they come."""

    def __init__(self, labels: LabelSet) -> None:
        self._schema = schema(labels)
        self._rows: list[dict[str, Any]] = []
        self._content = io.BytesIO()
        _, files = parquet()
        self._writer = files.ParquetWriter(self._content, self._schema, compression="zstd")

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows as dicts; a column that a row lacks is null."""
        self._rows += rows
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def content(self) -> bytes:
        """Return the finished file; no rows can be added afterwards."""
        self._flush()
        self._writer.close()
        return self._content.getvalue()

    def _flush(self) -> None:
        arrow, _ = parquet()
        if self._rows:
            try:
                table = arrow.Table.from_pylist(self._rows, self._schema)
            except UnicodeEncodeError:  # a file name that is not UTF-8
                table = arrow.Table.from_pylist([_readable(row) for row in self._rows], self._schema)
            self._writer.write_table(table)
        self._rows = []


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """Replace characters that UTF-8 cannot encode by escapes."""
    return {
        name: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }
