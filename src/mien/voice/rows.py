"""Write what is heard as rows, one per window: CSV and JSON lines as they come, Parquet at the end.

The rows of a window are written at once, as whole lines. This module knows files and `Voices`; nothing of sound.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import IO, Any

from mien.files import replacing
from mien.labels import LabelSet
from mien.video.rows import STANDARD_OUTPUT, check_target, parquet_library
from mien.voice.voices import Voices

NUMBERS = ("start", "end")
"""Columns that are seconds, kept as float64 in Parquet."""


class SegmentWriter:
    """Write the windows of one or more sounds; used in a `with`, whose end completes the file.

    Args:
        path: .csv, .jsonl or .parquet; "-" is standard output, as CSV.
        labels: the label set of the windows.

    Raises:
        InputError: the name ends in something else.
        MissingExtraError: a Parquet file needs the extra `parquet`.
    """

    def __init__(self, path: str | Path, labels: LabelSet) -> None:
        self.path = check_target(path)
        self.labels = labels
        self.count = 0
        self._names = Voices.columns(labels)
        self._kept: list[dict[str, Any]] | None = [] if self.path.suffix.lower() == ".parquet" else None
        self._file: IO[str] | None = None
        if str(self.path) == STANDARD_OUTPUT:
            self._file = sys.stdout
        elif self._kept is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="")
        if self._file is not None and self.path.suffix.lower() != ".jsonl":
            self._file.write(",".join(self._names) + "\n")

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            self._write_parquet(self._kept)
        elif self._file is not None and self._file is not sys.stdout:
            self._file.close()

    def write(self, voices: Voices) -> None:
        """Write the rows of windows and flush them."""
        rows = voices.to_rows()
        self.count += len(rows)
        if self._file is None:
            assert self._kept is not None
            self._kept += rows
            return
        text = io.StringIO()
        if self.path.suffix.lower() == ".jsonl":
            text.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            csv.DictWriter(text, self._names, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue())
        self._file.flush()

    def _write_parquet(self, rows: list[dict[str, Any]]) -> None:
        pyarrow, parquet = parquet_library()
        kinds = {name: pyarrow.float32() for name in self._names}
        kinds |= {name: pyarrow.float64() for name in NUMBERS}
        kinds |= {"speech": pyarrow.bool_(), "source": pyarrow.string()}
        kinds["emotion"] = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
        schema = pyarrow.schema([(name, kinds[name]) for name in self._names])
        with replacing(self.path) as temporary:
            parquet.write_table(pyarrow.Table.from_pylist(rows, schema), temporary)
