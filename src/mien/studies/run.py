"""Run a study: read what is not read, measure film by film, compute the statistics, write one folder."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from mien.errors import InputError, VideoError
from mien.face import VOTE_NUMBERS
from mien.files import replacing, write_atomically
from mien.labels import LabelSet
from mien.studies.films import FilmReader, sha256
from mien.studies.measures import KEYS, OF_REPORTS, average, bin_windows, episodes, event_windows, measure
from mien.studies.plan import StudyPlan, options_of_plan
from mien.studies.reading import Frame, VideoRows, one_person, read_table
from mien.studies.statistics import contrasts, curves
from mien.version import __version__

Progress = Callable[[str, float], None]


@dataclass(eq=False)
class StudyResult:
    """Hold the tables of a study.

    Attributes:
        plan: its plan.
        labels: the label set of all rows.
        tables: name -> table: presentations, people, conditions, contrasts, episodes, a "bins-LENGTHs" and a
            "curves-LENGTHs" for each length, and with events: events, events-conditions, events-contrasts.
        provenance: what the results depend on, plain values.
        notes: what a reader must know: films that could not be read, missing people.
        failed: whether a film could not be read, or was damaged.
    """

    plan: StudyPlan
    labels: LabelSet
    tables: dict[str, Frame]
    provenance: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    failed: bool = False


def run_study(plan: StudyPlan, out: str | Path, progress: Progress = lambda stage, share: None) -> StudyResult:
    """Run a study and write its tables and provenance; `mien.studies.page.write_study_page` writes the page.

    Args:
        plan: what `mien.studies.plan.load_plan` returns.
        out: the folder: rows/, tables/ (each table as Parquet and CSV, frames as Parquet) and study.json.
        progress: called with the stage and the share that is done, 0 to 1.

    Raises:
        InputError: no film can be read, or films have different label sets.
        DataError: a file of rows is damaged.
    """
    out = Path(out)
    tables = out / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    reader = FilmReader(plan, out / "rows")
    parts: dict[str, list[Frame]] = {}
    sources: dict[str, str | None] = {}
    labels: LabelSet | None = None
    with ExitStack() as stack:
        frames = _Frames(stack.enter_context(replacing(tables / "frames.parquet")))
        stack.callback(frames.close)
        for film, rows in _films(plan, reader, sources, progress):
            if labels is not None and rows.labels != labels:
                raise InputError(
                    f"{film}: expected rows of {labels.name!r}, as of the other films, got {rows.labels.name!r}. "
                    "Read it anew with the same labels"
                )
            labels = rows.labels
            for row in plan.participants[plan.participants["film"] == film].to_dict("records"):
                seen, end = presentation(rows, row)
                keys = {name: row[name] for name in KEYS}
                frames.write(seen.assign(**keys))
                for name, table in measure_presentation(seen, end, row, plan, labels).items():
                    parts.setdefault(name, []).append(table.assign(**keys))
        if labels is None:
            raise InputError(f"participants: expected at least one film that can be read. {' '.join(reader.notes)}")
    progress("computing statistics", 0.9)
    found = {name: _keys_first(pd.concat(each, ignore_index=True)) for name, each in parts.items()}
    notes = [*reader.notes, *_unseen(found["presentations"])]
    found |= _statistics(found, plan, notes)
    for name, table in found.items():
        write_table(table, tables / name)
    result = StudyResult(plan, labels, found, _provenance(plan, sources), notes, bool(reader.notes))
    write_atomically(out / "study.json", json.dumps({**result.provenance, "notes": notes}, indent=2) + "\n")
    return result


def presentation(rows: VideoRows, row: dict[str, Any]) -> tuple[Frame, float]:
    """Return the sightings of one participant in a stretch of a film, and its length.

    Args:
        rows: the film's rows.
        row: the participant's row of the plan: face, start, end.

    Returns:
        The sightings, with times from the start of the stretch on; the length in seconds. Without an end the stretch
        lasts to the last frame with any face.

    Raises:
        InputError: the film has no such track.
    """
    table, start = rows.table, float(row["start"])
    last = float((table["time"] + table["seconds"]).max()) if len(table) else start
    end = last if pd.isna(row["end"]) else float(row["end"])
    try:
        seen = one_person(rows, row["face"])
    except InputError as error:
        raise InputError(f"{row['participant']}, {row['film']}: {error}") from error
    seen = seen[(seen["time"] + seen["seconds"] > start) & (seen["time"] < end)]
    return seen.assign(time=seen["time"] - start).reset_index(drop=True), max(0.0, end - start)


def measure_presentation(
    seen: Frame, end: float, row: dict[str, Any], plan: StudyPlan, labels: LabelSet
) -> dict[str, Frame]:
    """Measure one presentation as a whole, in bins and around events; return the tables by name."""
    gap = plan.measures.max_gap
    whole = pd.DataFrame({"start": [0.0], "end": [end]})
    found = {"presentations": measure(seen, whole, labels, max_gap=gap), "episodes": episodes(seen, max_gap=gap)}
    for length in plan.measures.bins:
        found[f"bins-{length:g}s"] = measure(seen, bin_windows(0.0, end, length), labels, max_gap=gap)
    events = plan.events
    if len(events):
        mine = (events["film"].isna() | (events["film"] == row["film"])) & (
            events["participant"].isna() | (events["participant"] == row["participant"])
        )
        windows = event_windows(events[mine], plan.measures.before, plan.measures.after)
        found["events"] = measure(seen, windows, labels, max_gap=gap)
    return found


def write_table(table: Frame, path: Path) -> None:
    """Write a table as Parquet and as CSV, each whole or not at all.

    Args:
        table: the table.
        path: the path without a suffix.
    """
    with replacing(path.with_name(path.name + ".parquet")) as temporary:
        table.to_parquet(temporary, index=False)
    with replacing(path.with_name(path.name + ".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")


def _films(
    plan: StudyPlan, reader: FilmReader, sources: dict[str, str | None], progress: Progress
) -> Iterator[tuple[str, VideoRows]]:
    """Yield the rows of each film, one film at a time; films that cannot be read are noted."""
    films = list(dict.fromkeys(plan.participants["film"]))
    for number, film in enumerate(films):
        stage, share = f"reading {Path(film).name}", 0.9 * number / len(films)
        progress(stage, share)
        try:
            path = reader.rows_of(film, lambda seconds, stage=stage, share=share: progress(stage, share))  # type: ignore[misc]
        except VideoError as error:
            reader.notes.append(f"left out: {error}")
            continue
        sources[film] = sha256(Path(film))
        yield film, read_table(path)


class _Frames:
    """The table of all frames, appended to a Parquet file film by film."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, table: Frame) -> None:
        first = [*KEYS, "time", "seconds"]
        table = table[[*first, *(name for name in table if name not in first)]]
        table = table.assign(**{name: table[name].astype("string") for name in table if table[name].dtype == object})
        found = pyarrow.Table.from_pandas(table, preserve_index=False)
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._path, found.schema)
        self._writer.write_table(found.select(self._writer.schema.names).cast(self._writer.schema))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _statistics(found: dict[str, Frame], plan: StudyPlan, notes: list[str]) -> dict[str, Frame]:
    """Return the tables over participants: means, curves and contrasts of the outcomes that have the measure."""
    chosen = plan.statistics
    value = chosen.value
    how: dict[str, Any] = {"level": chosen.level, "rounds": chosen.rounds, "seed": chosen.seed}

    def known(name: str) -> Frame:
        table = found[name]
        return table[~table["outcome"].isin(VOTE_NUMBERS)] if value in OF_REPORTS else table

    whole = known("presentations")
    tables = {
        "people": average(found["presentations"], ["participant", "condition", "outcome"]),
        "conditions": _bounded(curves(whole, value, over=(), **how), value),
    }
    for length in plan.measures.bins:
        curve = curves(known(f"bins-{length:g}s"), value, over=("bin", "start"), **how)
        tables[f"curves-{length:g}s"] = _bounded(curve, value)
    if "events" in found:
        tables["events-conditions"] = _bounded(curves(known("events"), value, over=("event", "phase"), **how), value)
    if plan.participants["condition"].nunique() > 1:
        tables["contrasts"] = contrasts(whole, value, design=chosen.design, **how)
        if "events" in found:
            by = ("outcome", "event", "phase")
            tables["events-contrasts"] = contrasts(known("events"), value, by=by, design=chosen.design, **how)
    else:
        notes.append("All presentations have one condition, so there is no contrast.")
    seen = whole[whole["seen"] > 0].groupby("condition")["participant"].nunique()
    if len(seen) and seen.min() < 10:
        notes.append(f"{seen.idxmin()} has {seen.min()} participants who were seen: intervals of so few are uncertain.")
    return tables


def _bounded(table: Frame, value: str) -> Frame:
    """Cut intervals at the values that the measure cannot pass."""
    shares = value in ("proportion", "mean", "peak")
    least = np.where(table["outcome"].isin(("valence", "arousal")) & shares, -1.0, 0.0)
    return table.assign(low=table["low"].clip(lower=least), high=table["high"].clip(upper=1.0 if shares else None))


def _unseen(presentations: Frame) -> Iterator[str]:
    one = presentations.drop_duplicates(list(KEYS))
    share = one["missing"] / (one["seen"] + one["missing"]).replace(0, np.nan)
    for (_, row), missing in zip(one.iterrows(), share, strict=True):
        if not missing <= 0.2:
            lost = "all the time" if row["seen"] == 0 else f"{missing:.0%} of the time"
            name = Path(row["film"]).name
            yield f"{row['participant']} was not seen {lost} in {name} ({row['condition']}): missing, not neutral."


def _keys_first(table: Frame) -> Frame:
    return table[[*KEYS, *(name for name in table if name not in KEYS)]]


def _provenance(plan: StudyPlan, sources: dict[str, str | None]) -> dict[str, Any]:
    from mien.bundle import find

    films = {film for film in sources if Path(film).suffix.lower() not in (".csv", ".jsonl", ".parquet")}
    return {
        "title": plan.title,
        "mien": __version__,
        "python": platform.python_version(),
        "packages": {each.__name__: each.__version__ for each in (np, pd, pyarrow)},
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": options_of_plan(plan),
        "model_sha256": sha256(find(plan.model.name)) if films else None,
        "plan": {str(path): sha256(path) for path in plan.sources},
        "sources": sources,
    }
