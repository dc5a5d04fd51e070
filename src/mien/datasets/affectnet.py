"""List AffectNet as its authors publish it: the arrays of 2021 and the tables of 2017.

Kaggle's copy is read by `folders`. This module knows file names and their labels, not pixels. It never unpickles a
file.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from mien.datasets.faces import TRAINING, Progress, partial_progress
from mien.datasets.listing import Listing, descend_single_folders, split_of, subfolders
from mien.datasets.pictures import Box, PictureFile, find_pictures, fingerprint, load_or_make, run_in_threads
from mien.errors import DataError
from mien.files import PICTURE_SUFFIXES
from mien.labels import AFFECTNET

CODES = AFFECTNET.names
"""The emotions of AffectNet's expression numbers 0 to 7; 8 (none), 9 (uncertain) and 10 (no face) are left out."""

_LEFT_OUT = {8: "none", 9: "uncertain", 10: "no face"}
_UNREADABLE = -1
_LOOKED_FOR = 20  # pictures of a table that are searched for, to find their folder: some may be missing
_COLUMNS = ("subdirectory_filepath", "face_x", "face_y", "face_width", "face_height", "expression")
_ALL_COLUMNS = [*_COLUMNS[:5], "facial_landmarks", "expression", "valence", "arousal"]
"""The columns of the tables of 2017, in order, for a table without a header."""


def list_arrays(root: Path, cache: bool = True, progress: Progress | None = None) -> Listing | None:
    """List AffectNet of 2021: `train_set/images/1.jpg` with `train_set/annotations/1_exp.npy`, and `val_set`.

    Args:
        root: the folder of the sets, or one of the sets.
        cache: keep the expressions in the cache, under the sizes and times of their files.
        progress: called with the share done, 0 to 1.

    Returns:
        The listing, or None if `root` is not AffectNet of 2021.

    Raises:
        DataError: no picture has an expression from 0 to 7.
    """
    for folder in descend_single_folders(root):
        sets = [(split_of(inside.name), inside) for inside in subfolders(folder) if _is_set(inside)]
        if _is_set(folder):
            sets = [(split_of(folder.name), folder)]
        if sets:
            return _list_sets(root, [(split or TRAINING, each) for split, each in sets], cache, progress)
    return None


def _is_set(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "annotations").is_dir()


def _list_sets(root: Path, sets: list[tuple[str, Path]], cache: bool, progress: Progress | None) -> Listing:
    pictures: list[PictureFile] = []
    emotions: list[str] = []
    splits: list[str] = []
    dropped: Counter[str] = Counter()
    for place, (split, folder) in enumerate(sets):
        files = list(find_pictures(folder / "images"))
        codes = _expressions(
            folder, files, cache, partial_progress(progress, place / len(sets), (place + 1) / len(sets))
        )
        for file, code in zip(files, codes.tolist(), strict=True):
            if 0 <= code < len(CODES):
                pictures.append(PictureFile((folder / "images" / file).relative_to(root).as_posix()))
                emotions.append(CODES[code])
                splits.append(split)
            else:
                dropped[_reason(code)] += 1
    if not pictures:
        raise DataError(f"{root}: expected AffectNet's pictures with expressions 0 to 7, got {_counts(dropped)}.")
    return Listing(root, pictures, emotions, splits, _notes(dropped))


def _expressions(folder: Path, files: list[str], cache: bool, progress: Progress | None) -> npt.NDArray[np.int64]:
    """Return the expression of every picture of a set, int64 (N,); below 0 where it cannot be read."""
    annotations = folder / "annotations"
    paths = [f"{Path(file).stem}_exp.npy" for file in files]

    def read_all() -> dict[str, npt.NDArray[np.int64]]:
        codes = np.full(len(paths), _UNREADABLE, np.int64)

        def read(place: int) -> None:
            codes[place] = _expression(annotations / paths[place])

        run_in_threads(read, len(paths), progress)
        return {"codes": codes}

    key = fingerprint(annotations, iter(paths), iter(paths)) if cache else None
    return np.asarray(load_or_make("affectnet", key, read_all)["codes"])


def _expression(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return int(str(np.load(file, allow_pickle=False).item()))
    except (OSError, ValueError, EOFError):  # absent, damaged, not one number, or pickled, which may run code
        return _UNREADABLE


def is_table(path: Path) -> bool:
    """Return whether a file is a csv with the header, or at least the columns, of AffectNet of 2017."""
    if path.suffix.lower() != ".csv":
        return False
    with _opened(path) as file:
        first = next(csv.reader([file.readline(65536)]), [])
    return _COLUMNS[0] in _header(first) or _is_row(first)


def _opened(table: Path) -> TextIO:
    return table.open(encoding="utf-8-sig", errors="replace", newline="")


def _header(fields: list[str]) -> list[str]:
    return [title.strip().lower() for title in fields]


def _is_row(fields: list[str]) -> bool:
    """Return whether these fields are a row of data and not a header."""
    if len(fields) != len(_ALL_COLUMNS) or Path(fields[0].strip()).suffix.lower() not in PICTURE_SUFFIXES:
        return False
    expression = fields[_ALL_COLUMNS.index("expression")].strip()
    return expression.isdecimal() and (int(expression) < len(CODES) or int(expression) in _LEFT_OUT)


def list_tables(path: Path) -> Listing | None:
    """List AffectNet of 2017: `training.csv` and `validation.csv`, or one of them.

    The tables are in the folder itself or in one of its subfolders. The pictures are in the folder of the tables, in
    its parent, or up to two levels below either of them.

    Args:
        path: a table, or a folder that holds tables.

    Returns:
        The listing, or None if `path` is neither.

    Raises:
        DataError: a row is damaged, no row has an expression from 0 to 7, or the pictures are not found.
    """
    if path.is_file():
        return _list_tables(path.parent, [path]) if is_table(path) else None
    for folder in descend_single_folders(path):
        for place in (folder, *subfolders(folder)):
            tables = sorted(file for file in place.glob("*.csv") if is_table(file))
            if tables:
                return _list_tables(path, tables)
    return None


def _list_tables(root: Path, tables: list[Path]) -> Listing:
    pictures: list[PictureFile] = []
    emotions: list[str] = []
    splits: list[str] = []
    dropped: Counter[str] = Counter()
    for table in tables:
        split = next((split for word in _words(table) if (split := split_of(word))), TRAINING)
        for row, (file, code, box) in enumerate(_rows(table), 1):
            if code in _LEFT_OUT:
                dropped[_reason(code)] += 1
                continue
            if not 0 <= code < len(CODES):
                raise DataError(f"{table}, data row {row}: expected an expression from 0 to 10, got {code}.")
            pictures.append(PictureFile(file, box))
            emotions.append(CODES[code])
            splits.append(split)
    if not pictures:
        raise DataError(f"{root}: expected rows with expressions 0 to 7, got {_counts(dropped)}.")
    base = _find_base(tables[0], [picture.path for picture in pictures[:_LOOKED_FOR]])
    return Listing(base, pictures, emotions, splits, _notes(dropped))


def _words(table: Path) -> list[str]:
    return table.stem.lower().replace("-", "_").split("_")


def _rows(table: Path) -> Iterator[tuple[str, int, Box]]:
    """Yield path, expression and face box (pixels, xyxy) of each row; the box is all 0 where the row has none."""
    with _opened(table) as file:
        lines: Iterator[list[str]] = csv.reader(file)
        header = _header(first := next(lines, []))
        if _is_row(first):
            header, lines = _ALL_COLUMNS, chain([first], lines)
        missing = [column for column in _COLUMNS if column not in header]
        if missing:
            raise DataError(f"{table}: expected AffectNet's header, got one without {missing}. Use it as it was given.")
        places = [header.index(column) for column in _COLUMNS]
        for row, fields in enumerate(lines, 1):
            if not fields:
                continue
            if len(fields) <= max(places):
                raise DataError(f"{table}, data row {row}: expected {len(header)} columns, got {len(fields)}.")
            name, *sides, expression = (fields[place].strip() for place in places)
            try:
                code = int(expression)
            except ValueError as error:
                message = f"{table}, data row {row}: expected an expression from 0 to 10, got {expression!r}."
                raise DataError(message) from error
            yield name.replace("\\", "/"), code, _box(sides)


def _box(sides: list[str]) -> Box:
    try:
        x, y, width, height = map(float, sides)
    except ValueError:  # rows without a face have none
        return 0, 0, 0, 0
    return x, y, x + width, y + height


def _find_base(table: Path, files: list[str]) -> Path:
    """Return the folder that the paths of a table are relative to: one that holds any of its first pictures."""
    for above in (table.parent, table.parent.parent):
        near = subfolders(above)
        for base in (above, *near, *(inside for each in near for inside in subfolders(each))):
            if any((base / file).is_file() for file in files):
                return base
    raise DataError(
        f"{table}: expected its pictures in a folder beside it, got none that holds {files[0]}. Unpack them "
        "there, for example as Manually_Annotated_Images"
    )


def _reason(code: int) -> str:
    return f"expression {code} ({_LEFT_OUT.get(code, 'unknown')})" if code >= 0 else "no readable annotation"


def _counts(dropped: Counter[str]) -> str:
    return ", ".join(f"{count:,} with {reason}" for reason, count in sorted(dropped.items())) or "none"


def _notes(dropped: Counter[str]) -> tuple[str, ...]:
    return (f"left out: {_counts(dropped)}.",) if dropped else ()
