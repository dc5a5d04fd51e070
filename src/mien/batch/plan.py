"""Assign files to parts, in plans that are written before the work, and find the parts that are not done.

A part is done exactly when its file is in the folder. Parts never change: files that come later make new parts, so no
file is read twice, and a worker that outlives its run only writes the same file again.

    DIR/part-<digest>.parquet   the rows of a part
    DIR/_manifest.json          what the rows were made with, and whether all parts are done
    DIR/_plan/<digest>.parquet  the files of the parts; one plan for every run that found new files
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from mien.batch.settings import ReaderConfig
from mien.batch.sources import is_video
from mien.batch.store import Store
from mien.batch.table import parquet
from mien.documents import SCHEMA
from mien.errors import InputError
from mien.version import __version__

MANIFEST = "_manifest.json"
PLANS = "_plan"

FEWEST, MOST = 16, 256
"""Least and most pictures of a part: small parts distribute evenly and lose little work, large parts are fewer."""

PARTS = 64
"""Number of parts of a small listing, so that a few workers finish at about the same time."""


@dataclass(frozen=True)
class BatchPart:
    """Name files that are read together, in this config.

    Attributes:
        name: name of the Parquet file.
        sources: paths or addresses of the files.
    """

    name: str
    sources: tuple[str, ...]


def pictures_per_part(count: int) -> int:
    """Return the number of pictures per part for `count` pictures.

    It does not depend on the number of workers, since the rows must not depend on it.
    """
    return min(MOST, max(FEWEST, count // PARTS // FEWEST * FEWEST))


def make_parts(sources: Sequence[str], key: str) -> list[BatchPart]:
    """Divide sorted files into parts: each video is a part, pictures are grouped.

    Args:
        sources: the files.
        key: digest of the settings that the files are read with; a part of the names.
    """
    pictures = [source for source in sources if not is_video(source)]
    step = pictures_per_part(len(pictures))
    groups = [tuple(pictures[start : start + step]) for start in range(0, len(pictures), step)]
    groups = [(source,) for source in sources if is_video(source)] + groups  # the longest first
    return [BatchPart(f"part-{_digest([key, *group])}.parquet", group) for group in groups]


def open_manifest(store: Store, config: ReaderConfig, labels: Sequence[str]) -> dict[str, Any]:
    """Create the manifest, or return the existing one if it has the same settings.

    Args:
        store: the output folder.
        config: the configuration of the workers.
        labels: the emotions.

    Raises:
        InputError: the folder has other settings, or parts without a manifest.
    """
    wanted = {"schema": SCHEMA, "emotions": list(labels), "settings": config.to_dict()}
    content = store.read(MANIFEST)
    if content is None:
        if any(name.startswith("part-") for name in store.names()):
            raise InputError(f"{store.url} has parts, but no {MANIFEST}. Choose an empty folder")
        manifest = {"mien": __version__, "model": config.source, **wanted, "complete": None}
        store.write(MANIFEST, _json(manifest))
        return manifest
    try:
        manifest = json.loads(content)
        differing = _differing({key: manifest[key] for key in wanted}, wanted)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{store.url}/{MANIFEST}: expected a batch's manifest, got something else ({error})"
        ) from error
    if differing:
        raise InputError(
            f"{store.url} was begun with other options: {'; '.join(differing)}. Give the same, or name another folder"
        )
    return dict(manifest)


def plan_parts(store: Store, sources: Sequence[str], config: ReaderConfig) -> list[BatchPart]:
    """Return all parts: those of the existing plans, and new ones, in a new plan, for files that are in none."""
    plans = [store.read(f"{PLANS}/{name}") for name in store.names(PLANS)]
    parts = [part for content in plans if content is not None for part in _read_plan(content)]
    known = {source for part in parts for source in part.sources}
    new = [source for source in sources if source not in known]
    if new:
        added = make_parts(new, _digest([json.dumps(config.to_dict(), sort_keys=True), str(SCHEMA)]))
        store.write(f"{PLANS}/{_digest(new)}.parquet", _write_plan(added))
        parts += added
    return parts


def unfinished_parts(store: Store, parts: Iterable[BatchPart]) -> list[BatchPart]:
    """Return the parts that are not done."""
    done = set(store.names())
    return [part for part in parts if part.name not in done]


def mark_complete(store: Store, manifest: dict[str, Any], parts: Sequence[BatchPart]) -> None:
    """Write into the manifest that all parts are done, and for which files."""
    sources = sorted(source for part in parts for source in part.sources)
    complete = {"files": len(sources), "parts": len(parts), "listing": _digest(sources)}
    if {key: (manifest["complete"] or {}).get(key) for key in complete} != complete:
        complete["date"] = datetime.now(UTC).isoformat(timespec="seconds")
        store.write(MANIFEST, _json(manifest | {"complete": complete}))


def mark_incomplete(store: Store, manifest: dict[str, Any]) -> None:
    """Write into the manifest that not all parts are done."""
    if manifest["complete"] is not None:
        store.write(MANIFEST, _json(manifest | {"complete": None}))


def _differing(earlier: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Describe the settings that differ from those of the earlier run."""
    before = {**earlier, **earlier["settings"]}
    now = {**wanted, **wanted["settings"]}
    names = [name for name in now if name != "settings" and before.get(name) != now[name]]
    return [f"{name} was {_short(before.get(name))}, now {_short(now[name])}" for name in names]


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:12] if len(text) == 64 else text


def _write_plan(parts: Sequence[BatchPart]) -> bytes:
    arrow, files = parquet()
    rows = [(part.name, source) for part in parts for source in part.sources]
    sources = [source.encode(errors="surrogateescape") for _, source in rows]  # names on Linux are bytes
    table = arrow.table({"part": [name for name, _ in rows], "source": arrow.array(sources, arrow.binary())})
    content = io.BytesIO()
    files.write_table(table, content, compression="zstd")
    return content.getvalue()


def _read_plan(content: bytes) -> list[BatchPart]:
    arrow, files = parquet()
    table = files.read_table(io.BytesIO(content))
    names = table.column("source").cast(arrow.binary()).to_pylist()
    sources = [name.decode(errors="surrogateescape") for name in names]
    rows = zip(table.column("part").to_pylist(), sources, strict=True)
    return [BatchPart(name, tuple(source for _, source in group)) for name, group in groupby(rows, key=itemgetter(0))]


def _digest(words: Iterable[str]) -> str:
    """Return sixteen hexadecimal digits of the SHA-256 of strings in their config."""
    hashed = hashlib.sha256()
    for word in words:
        hashed.update(word.encode(errors="surrogateescape") + b"\0")
    return hashed.hexdigest()[:16]


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
