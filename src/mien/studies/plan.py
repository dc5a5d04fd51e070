"""Read the plan of a study: a TOML file with its participants, events and options, checked before any work."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from mien.errors import InputError, suggest
from mien.options import documented, make_options, option
from mien.studies.measures import MAX_GAP, MEASURES
from mien.studies.reading import LARGEST, Frame
from mien.studies.statistics import AUTO, DESIGNS
from mien.video.options import AnalysisOptions

PARTICIPANT_COLUMNS = {
    "participant": None,
    "film": None,
    "condition": "all",
    "face": LARGEST,
    "start": 0.0,
    "end": None,
}
"""Columns of the list of participants, one row for each presentation, and what is assumed where one is not given."""

EVENT_COLUMNS = {"onset": None, "duration": 0.0, "event": None, "film": None, "participant": None}
"""Columns of the list of events; empty film or participant: the event is of all."""

_EVENT_NAMES = {"trial_type": "event"}
"""Columns that BIDS calls otherwise."""


@documented
@dataclass(frozen=True)
class MeasureOptions:
    """Hold how emotions are measured; values out of range raise InputError."""

    bins: tuple[float, ...] = option((1.0,), "lengths of the bins in seconds; curves are drawn of the first")
    before: float = option(1.0, "seconds before the onset of an event")
    after: float = option(2.0, "seconds after the end of an event")
    max_gap: float = option(MAX_GAP, "seconds; a shorter time without the face does not end an episode")

    def __post_init__(self) -> None:
        bins = tuple(self.bins) if isinstance(self.bins, list | tuple) else (self.bins,)
        object.__setattr__(self, "bins", bins)
        if not bins or not all(_is_number(length) and length > 0 for length in bins):
            raise InputError(f"measures.bins: expected seconds above 0, got {self.bins}")
        for name in ("before", "after", "max_gap"):
            if not _is_number(getattr(self, name)) or getattr(self, name) < 0:
                raise InputError(f"measures.{name}: expected seconds from 0, got {getattr(self, name)}")


@documented
@dataclass(frozen=True)
class StatisticsOptions:
    """Hold how conditions are compared; values out of range raise InputError."""

    value: str = option("proportion", f"the measure that is compared and drawn: {', '.join(MEASURES)}")
    design: str = option(AUTO, f"whether participants have several conditions: {', '.join(DESIGNS)}")
    level: float = option(0.95, "confidence level of intervals and bands")
    rounds: int = option(5000, "number of permutations; bands use as many resamples")
    seed: int = option(0, "seed of permutations and resamples")

    def __post_init__(self) -> None:
        for name, known in (("value", MEASURES), ("design", DESIGNS)):
            if getattr(self, name) not in known:
                raise InputError(
                    f"statistics.{name}: {getattr(self, name)!r} is none; {suggest(str(getattr(self, name)), known)}"
                )
        if not _is_number(self.level) or not 0 < self.level < 1:
            raise InputError(f"statistics.level: expected a number between 0 and 1, got {self.level}")
        for name, least in (("rounds", 100), ("seed", 0)):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < least:
                raise InputError(f"statistics.{name}: expected a whole number from {least}, got {getattr(self, name)}")


@documented
@dataclass(frozen=True)
class StudyModel:
    """Hold the model that reads films without rows."""

    name: str = option("mien", "a released bundle's name, a bundle's file or a run's folder")
    labels: str | None = option(None, "the label set", shown_default="the model's first")


READING = ("every", "fps", "detect_every", "smoothing", "margin", "max_gap")
"""Options of `AnalysisOptions` that a plan may set; start and end are those of each presentation."""


@dataclass(frozen=True, eq=False)
class StudyPlan:
    """Hold a checked plan.

    Attributes:
        title: the study's name.
        participants: the columns PARTICIPANT_COLUMNS; films are absolute paths.
        events: the columns EVENT_COLUMNS; empty without events.
        measures: how emotions are measured.
        statistics: how conditions are compared.
        model: what reads films without rows.
        reading: how films are read.
        sources: the files of the plan itself: it, and its lists.
    """

    title: str
    participants: Frame
    events: Frame
    measures: MeasureOptions
    statistics: StatisticsOptions
    model: StudyModel
    reading: AnalysisOptions
    sources: tuple[Path, ...]


def load_plan(path: str | Path) -> StudyPlan:
    """Read the plan of a study.

    Args:
        path: a TOML file; paths in it, and in its lists, are relative to its folder.

    Raises:
        InputError: a key is unknown, a value is out of range, or a file of the lists is missing.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: expected the plan of a study, found no such file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected TOML: {error}") from error
    known = ("title", "participants", "events", "measures", "statistics", "model", "reading")
    for name in values:
        if name not in known:
            raise InputError(f"{path}: no key {name!r}; {suggest(name, known)}")
    sources = [
        path,
        *(path.parent / values[name] for name in ("participants", "events") if isinstance(values.get(name), str)),
    ]
    reading = _section(values, "reading", path)
    for name in reading:
        if name not in READING:
            raise InputError(f"{path}: [reading] has no key {name!r}; {suggest(name, READING)}")
    return StudyPlan(
        str(values.get("title", path.stem)),
        _participants(values.get("participants"), path),
        _events(values.get("events", []), path),
        make_options(MeasureOptions, _section(values, "measures", path), f"{path}: [measures]"),
        make_options(StatisticsOptions, _section(values, "statistics", path), f"{path}: [statistics]"),
        make_options(StudyModel, _section(values, "model", path), f"{path}: [model]"),
        AnalysisOptions(**reading),
        tuple(sources),
    )


def options_of_plan(plan: StudyPlan) -> dict[str, dict[str, Any]]:
    """Return every option of a plan as plain values, by section."""
    sections: dict[str, Any] = {"measures": plan.measures, "statistics": plan.statistics, "model": plan.model}
    found = {name: {each.name: getattr(one, each.name) for each in fields(one)} for name, one in sections.items()}
    return {**found, "reading": {name: getattr(plan.reading, name) for name in READING}}


def _section(values: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    found = values.get(name, {})
    if not isinstance(found, dict):
        raise InputError(f"{path}: expected a section [{name}], got {found!r}")
    return found


def _participants(given: Any, path: Path) -> Frame:
    if given is None:
        raise InputError(f"{path}: expected participants: the name of a CSV file, or [[participants]]")
    table = _list(given, path, "participants", PARTICIPANT_COLUMNS)
    for name in ("participant", "film"):
        if table[name].isna().any():
            raise InputError(
                f"{path}: participants: expected a {name} in every row, row {_first(table[name].isna())} has none"
            )
    for name in ("participant", "condition", "face"):
        table[name] = table[name].map(_text)
    table["film"] = [str((path.parent / str(film)).resolve()) for film in table["film"]]
    absent = [film for film in table["film"] if not Path(film).exists()]
    if absent:
        raise InputError(f"{path}: participants: expected films or rows, found no {absent[0]}")
    for name in ("start", "end"):
        table[name] = _numbers(table[name], path, f"participants: {name}")
    wrong = (table["start"].isna()) | (table["start"] < 0) | (table["end"] <= table["start"])
    if wrong.any():
        raise InputError(
            f"{path}: participants: expected a start from 0 and an end after it, row {_first(wrong)} has others"
        )
    twice = table.duplicated(["participant", "condition", "film", "start"])
    if twice.any():
        raise InputError(f"{path}: participants: row {_first(twice)} is there twice. Remove one of them")
    return table


def _events(given: Any, path: Path) -> Frame:
    table = _list(given, path, "events", EVENT_COLUMNS)
    for name in ("onset", "duration"):
        table[name] = _numbers(table[name], path, f"events: {name}")
    table["duration"] = table["duration"].fillna(0.0)
    wrong = table["onset"].isna() | table["event"].isna() | (table["duration"] < 0)
    if wrong.any():
        raise InputError(
            f"{path}: events: expected an onset, a name and a duration from 0, row {_first(wrong)} has others"
        )
    for name in ("event", "film", "participant"):
        table[name] = table[name].map(_text, na_action="ignore")
    table["film"] = [None if pd.isna(film) else str((path.parent / film).resolve()) for film in table["film"]]
    return table


def _list(given: Any, path: Path, name: str, columns: Mapping[str, Any]) -> Frame:
    """Return a list of the plan, a CSV or TSV file or rows in the plan itself, with all its columns."""
    if isinstance(given, str):
        file = path.parent / given
        if not file.is_file():
            raise InputError(f"{path}: {name}: expected a CSV file, found no {file}")
        separator = "\t" if file.suffix.lower() == ".tsv" else ","
        table = pd.read_csv(file, sep=separator, encoding="utf-8-sig", skipinitialspace=True, dtype=object)
        table = table.replace("n/a", None)
    elif isinstance(given, list) and all(isinstance(row, dict) for row in given):
        table = pd.DataFrame(given, columns=list(dict.fromkeys(key for row in given for key in row)), dtype=object)
    else:
        raise InputError(f"{path}: {name}: expected the name of a CSV file, or rows [[{name}]], got {given!r}")
    table = table.rename(columns=lambda column: _EVENT_NAMES.get(str(column).strip(), str(column).strip()))
    for column in table:
        if column not in columns:
            raise InputError(f"{path}: {name}: no column {column!r}; {suggest(column, columns)}")
    if name == "participants" and table.empty:
        raise InputError(f"{path}: participants: expected at least one row")
    for column, default in columns.items():
        filled = table[column] if column in table else pd.Series([None] * len(table), dtype=object)
        table[column] = filled if default is None else filled.where(filled.notna(), default)
    return table[list(columns)]


def _numbers(column: Any, path: Path, name: str) -> Any:
    try:
        return pd.to_numeric(column).astype(float)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {name}: expected seconds: {error}") from error


def _text(value: Any) -> str:
    return str(value).strip()


def _first(wrong: Any) -> int:
    """Return the number of the first row that is wrong, from 1."""
    return int(wrong.to_numpy().argmax()) + 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
