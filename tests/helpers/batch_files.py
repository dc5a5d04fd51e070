"""What a batch wrote, as one sorted list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.dataset


def rows_in(folder: Path | str, filesystem: Any = None) -> list[dict[str, Any]]:
    """The rows of all parts, in the order of their files, of time, and of faces."""
    table = pyarrow.dataset.dataset(str(folder), format="parquet", filesystem=filesystem).to_table()
    rows: list[dict[str, Any]] = table.to_pylist()
    return sorted(rows, key=lambda row: (row["source"], row["frame"] or 0, row["track"] or 0, row["face"] or 0))


def parts_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))
