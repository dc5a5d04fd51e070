"""Read the films of a study that have no rows yet, once each; a film whose options have changed is read anew."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mien.bundle import find
from mien.files import write_atomically
from mien.recognizer import EmotionRecognizer
from mien.studies.plan import READING, StudyPlan
from mien.version import __version__
from mien.video.recording import RecordingFiles, record_video
from mien.video.resume import ResumeFile
from mien.video.rows import SUFFIXES

log = logging.getLogger("mien")


class FilmReader:
    """Read films with the model and the options of a plan; the model is loaded when the first film needs it.

    Args:
        plan: the study's plan.
        folder: where the rows are kept; what was read earlier with the same options is there.

    Attributes:
        notes: what was wrong with the films, for people to read.
    """

    def __init__(self, plan: StudyPlan, folder: Path) -> None:
        self.notes: list[str] = []
        self._plan, self._folder = plan, folder
        self._recognizer: EmotionRecognizer | None = None
        self._names: dict[str, str] = {}

    def rows_of(self, film: str, progress: Callable[[float], None] = lambda seconds: None) -> Path:
        """Return the rows of a film; a file of rows is returned itself.

        Args:
            film: a film's path, or that of its rows.
            progress: called with the seconds of the film that are read.

        Raises:
            VideoError: the film cannot be read.
            BundleError: the model cannot be used.
        """
        path = Path(film)
        if path.suffix.lower() in SUFFIXES:
            return path
        rows = self._folder / f"{self._name(path)}.csv"  # rows of an interrupted film can be appended to
        made_of, beside = self.provenance(path), rows.with_suffix(".json")
        state = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
        if state.get("made_of") != made_of and rows.exists():
            log.warning("%s: read anew, since the film, the model or the options have changed", film)
            rows.unlink()
            ResumeFile(rows).remove()
            state = {}
        if state.get("complete") and rows.exists():
            self.notes += state["notes"]
            return rows
        _save(beside, made_of, complete=False)
        if self._recognizer is None:
            model = self._plan.model
            self._recognizer = EmotionRecognizer(find(model.name), labels=model.labels)
        files, options = RecordingFiles.of(rows=rows), self._plan.reading
        recording = record_video(self._recognizer, path, files, options, resume=True, progress=progress)
        notes = [f"{film}: {note}" for note in recording.notes]
        _save(beside, made_of, notes, complete=True)
        self.notes += notes
        return rows

    def provenance(self, film: Path) -> dict[str, Any]:
        """Return what the rows of a film depend on: mien's version, the model, the options, the film's digest."""
        model = self._plan.model
        return {
            "mien": __version__,
            "model": {"name": model.name, "labels": model.labels, "sha256": sha256(find(model.name))},
            "options": {name: getattr(self._plan.reading, name) for name in READING},
            "film": {"path": str(film), "sha256": sha256(film)},
        }

    def _name(self, film: Path) -> str:
        """Return a name for the rows of a film; films of one name in several folders get different ones."""
        key = str(film)
        if key not in self._names:
            taken = set(self._names.values())
            names = [film.stem, *(f"{film.stem}-{number}" for number in range(2, len(taken) + 3))]
            self._names[key] = next(name for name in names if name not in taken)
        return self._names[key]


def _save(path: Path, made_of: dict[str, Any], notes: Sequence[str] = (), *, complete: bool) -> None:
    """Write what rows are made of, whether the film was read to its end, and what was wrong with it."""
    values = {"complete": complete, "notes": list(notes), "made_of": made_of}
    write_atomically(path, json.dumps(values, indent=2) + "\n")


def sha256(path: Path) -> str | None:
    """Return a file's SHA-256 as hexadecimal digits; None for a folder."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
