"""Read clips of voices with their labels: CREMA-D with its votes, EmoDB, RAVDESS, folders named for emotions.

Knows files, labels and speakers; nothing of networks. All clips are in memory as 16-bit samples at one rate.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.errors import DataError, InputError
from mien.files import replacing
from mien.labels import VOICE, LabelSet
from mien.progress import ProgressBar
from mien.voice.sound import SOUND_SUFFIXES, read_sound

FULL_SCALE = 32768.0
UNKNOWN = -1
"""Label of a clip whose emotion is not among those that are learnt."""

_CREMAD = re.compile(r"^\d{4}_[A-Z]{3}_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)$")
_CREMAD_NAMES = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
_EMODB = re.compile(r"^(\d\d)[ab]\d\d([WLEAFTN])[a-z]$")
_EMODB_NAMES = {"W": "angry", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral", "L": "boredom"}
_EMODB_FEMALE = ("08", "09", "13", "14", "16")
_RAVDESS = re.compile(r"^0[13]-01-(0[1-8])-(0[12])-\d\d-\d\d-(\d\d)$")
_RAVDESS_NAMES = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}


@dataclass(frozen=True)
class VoiceClips:
    """Clips of voices: sound, labels, speakers.

    Attributes:
        labels: the emotions; column k of `votes` is `labels.names[k]`.
        names: one per clip.
        samples: all clips' sound one after the other, int16 (total,).
        starts: where each clip begins in `samples`, and the end of the last, int64 (N + 1,).
        rate: samples per second.
        speakers: who speaks, str (N,).
        intended: the emotion that was acted, or that a folder is named for, int64 (N,); UNKNOWN for another one.
        votes: how many people heard each emotion, float32 (N, K); zeros where nobody was asked.
        strength: how strong people heard it, 0 to 1, float32 (N,); NaN where nobody was asked.
        groups: facts about the speakers ("sex", "age", "race") -> one value per clip, str (N,).
        source: where the clips come from, for records.
    """

    labels: LabelSet
    names: tuple[str, ...]
    samples: npt.NDArray[np.int16]
    starts: npt.NDArray[np.int64]
    rate: int
    speakers: npt.NDArray[np.str_]
    intended: npt.NDArray[np.int64]
    votes: npt.NDArray[np.float32]
    strength: npt.NDArray[np.float32]
    groups: dict[str, npt.NDArray[np.str_]]
    source: str

    def __len__(self) -> int:
        return len(self.names)

    def sound(self, index: int) -> npt.NDArray[np.float32]:
        """Return a clip's sound, float32 (samples,), -1 to 1."""
        part = self.samples[self.starts[index] : self.starts[index + 1]]
        return part.astype(np.float32) / np.float32(FULL_SCALE)

    @property
    def heard(self) -> npt.NDArray[np.int64]:
        """The emotion with most votes, the first of equals, int64 (N,); UNKNOWN where nobody was asked."""
        return np.where(self.votes.sum(axis=1) > 0, self.votes.argmax(axis=1), UNKNOWN).astype(np.int64)

    def take(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> VoiceClips:
        """Return some of the clips: bool (N,), or their numbers."""
        rows = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        parts = [self.samples[self.starts[k] : self.starts[k + 1]] for k in rows]
        return replace(
            self,
            names=tuple(self.names[k] for k in rows),
            samples=np.concatenate(parts) if parts else np.zeros(0, np.int16),
            starts=np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64),
            speakers=self.speakers[rows],
            intended=self.intended[rows],
            votes=self.votes[rows],
            strength=self.strength[rows],
            groups={name: values[rows] for name, values in self.groups.items()},
        )


@dataclass(frozen=True)
class _Listing:
    """What is known of the clips before their sound is read."""

    form: str
    files: list[Path]
    speakers: list[str]
    intended: list[int]
    votes: npt.NDArray[np.float32]
    strength: npt.NDArray[np.float32]
    groups: dict[str, list[str]]


def load_voices(source: str | Path, *, votes: str | Path | None = None, rate: int = 12_000) -> VoiceClips:
    """Read the clips of a folder, and its subfolders, in the form that its files' names show.

    Args:
        source: a folder with CREMA-D's, EmoDB's or RAVDESS's files, or with one folder of sound files per emotion.
        votes: CREMA-D's votes, a CSV file with a row per clip; None: `crema-d-votes.csv` in the folder, or beside it.
        rate: samples per second, to which the sound is converted. It is kept beside the folder's content in
            `voices-<rate>.npz` if the folder can be written, and read from there the next time.

    Raises:
        DataError: the folder has no such files, or one of them cannot be read.
    """
    folder = Path(source)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of sound files, got {'a file' if folder.exists() else 'nothing'}")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUND_SUFFIXES)
    if not files:
        raise DataError(f"{folder}: expected sound files ({', '.join(SOUND_SUFFIXES)}), found none")
    listing = _list(folder, files, None if votes is None else Path(votes))
    sounds = _sounds(folder, listing.files, rate)
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in listing.files]
    return VoiceClips(
        labels=VOICE,
        names=tuple(names),
        samples=sounds[0],
        starts=sounds[1],
        rate=rate,
        speakers=np.array(listing.speakers),
        intended=np.array(listing.intended, np.int64),
        votes=listing.votes,
        strength=listing.strength,
        groups={name: np.array(values) for name, values in listing.groups.items()},
        source=listing.form,
    )


def join_voices(parts: Sequence[VoiceClips]) -> VoiceClips:
    """Return the clips of several corpora as one; speakers keep apart by their corpus's name.

    Raises:
        InputError: there are none, or they differ in labels or rate.
    """
    if not parts or any(part.labels != parts[0].labels or part.rate != parts[0].rate for part in parts):
        raise InputError("expected clips of the same labels and rate")
    offsets = np.cumsum([0] + [len(part.samples) for part in parts])
    ends = [part.starts[1:] + offset for part, offset in zip(parts, offsets, strict=False)]
    keys = sorted({name for part in parts for name in part.groups})
    return replace(
        parts[0],
        names=tuple(f"{part.source}/{name}" for part in parts for name in part.names),
        samples=np.concatenate([part.samples for part in parts]),
        starts=np.concatenate([[0], *ends]).astype(np.int64),
        speakers=np.concatenate([np.char.add(f"{part.source}/", part.speakers) for part in parts]),
        intended=np.concatenate([part.intended for part in parts]),
        votes=np.concatenate([part.votes for part in parts]),
        strength=np.concatenate([part.strength for part in parts]),
        groups={
            name: np.concatenate([part.groups.get(name, np.full(len(part), "unknown")) for part in parts])
            for name in keys
        },
        source=" + ".join(part.source for part in parts),
    )


def speaker_folds(clips: VoiceClips, count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return each clip's fold, int64 (N,): all clips of a speaker in one fold, folds alike in sex and age.

    Raises:
        InputError: there are fewer speakers than folds.
    """
    speakers, first = np.unique(clips.speakers, return_index=True)
    if not 2 <= count <= len(speakers):
        raise InputError(f"folds: expected 2 to {len(speakers)}, the number of speakers, got {count}")
    rng = np.random.default_rng(seed)
    sexes = clips.groups["sex"][first] if "sex" in clips.groups else np.full(len(speakers), "")
    ages = [float(age) if _number(age) else 0.0 for age in clips.groups["age"][first]] if "age" in clips.groups else []
    keys = [(sexes[k], ages[k] if ages else 0.0, rng.random()) for k in range(len(speakers))]
    fold_of = {}
    order = sorted(range(len(speakers)), key=lambda k: keys[k])
    for start in range(0, len(order), count):
        places = rng.permutation(count)
        for place, k in zip(places, order[start : start + count], strict=False):
            fold_of[speakers[k]] = int(place)
    return np.array([fold_of[speaker] for speaker in clips.speakers], np.int64)


def _number(text: str) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)?", str(text)))


def _list(folder: Path, files: list[Path], votes: Path | None) -> _Listing:
    for pattern, read in _FORMS:
        if all(pattern.match(path.stem) for path in files):
            return read(folder, files, votes)
    return _list_folders(folder, files)


def _list_cremad(folder: Path, files: list[Path], votes: Path | None) -> _Listing:
    table = votes or next(
        (path for path in (folder / CREMAD_VOTES, folder.parent / CREMAD_VOTES) if path.is_file()), None
    )
    rows: dict[str, dict[str, str]] = {}
    if table is not None:
        with Path(table).open(encoding="utf-8", newline="") as file:
            rows = {row["clip"]: row for row in csv.DictReader(file)}
        missing = [path.stem for path in files if path.stem not in rows]
        if missing:
            raise DataError(f"{table}: expected a row for every clip, {missing[0]!r} and {len(missing) - 1} more lack")
    empty = dict.fromkeys([f"voice_{name}" for name in VOICE.names], "0")
    found = [rows.get(path.stem, empty) for path in files]
    return _Listing(
        "CREMA-D",
        files,
        [path.stem[:4] for path in files],
        [VOICE.index(_CREMAD_NAMES[path.stem.split("_")[2]]) for path in files],
        np.array([[float(row[f"voice_{name}"] or 0) for name in VOICE.names] for row in found], np.float32),
        np.array([float(row.get("voice_level") or "nan") / 100 for row in found], np.float32),
        {name: [row.get(name) or "unknown" for row in found] for name in ("sex", "age", "race")} if rows else {},
    )


def _list_emodb(folder: Path, files: list[Path], votes: Path | None) -> _Listing:
    matches = [_EMODB.match(path.stem) for path in files]
    parts = [match.groups() for match in matches if match]
    sexes = ["Female" if speaker in _EMODB_FEMALE else "Male" for speaker, _ in parts]
    found = _acted("EmoDB", files, [speaker for speaker, _ in parts], [_EMODB_NAMES[e] for _, e in parts], sexes)
    return replace(found, votes=_confirmed(found.intended))


def _confirmed(intended: list[int]) -> npt.NDArray[np.float32]:
    """Return votes (N, K) of EmoDB's 20 listeners, of whom at least 80 % heard what was meant, or a clip was left out.

    How many did for each clip is not in the data, so 16 are taken, and the other four are spread evenly.
    """
    k = len(VOICE)
    votes = np.full((len(intended), k), 4 / (k - 1), np.float32)
    labels = np.array(intended)
    votes[labels >= 0, labels[labels >= 0]] = 16
    votes[labels == UNKNOWN] = 0
    return votes


def _list_ravdess(folder: Path, files: list[Path], votes: Path | None) -> _Listing:
    matches = [_RAVDESS.match(path.stem) for path in files]
    parts = [match.groups() for match in matches if match]
    sexes = ["Male" if int(actor) % 2 else "Female" for _, _, actor in parts]
    return _acted("RAVDESS", files, [actor for _, _, actor in parts], [_RAVDESS_NAMES[e] for e, _, _ in parts], sexes)


def _list_folders(folder: Path, files: list[Path]) -> _Listing:
    emotions = [path.parent.name for path in files]
    known = [_index(emotion) != UNKNOWN for emotion in emotions]
    if not any(known):
        raise DataError(
            f"{folder}: expected the files of CREMA-D, EmoDB or RAVDESS, or one folder per emotion named "
            f"{', '.join(VOICE.names)}, got {files[0].relative_to(folder)}"
        )
    named = [re.match(r"^(.+?)[_-]", path.stem) for path in files]
    speakers = [match.group(1) if match else path.stem for match, path in zip(named, files, strict=True)]
    return _acted("folders", files, speakers, emotions, [])


def _acted(form: str, files: list[Path], speakers: list[str], emotions: list[str], sexes: list[str]) -> _Listing:
    """Return a listing of clips without votes."""
    return _Listing(
        form,
        files,
        speakers,
        [_index(emotion) for emotion in emotions],
        np.zeros((len(files), len(VOICE)), np.float32),
        np.full(len(files), np.nan, np.float32),
        {"sex": sexes} if sexes else {},
    )


def _index(emotion: str) -> int:
    try:
        return VOICE.index(emotion)
    except InputError:
        return UNKNOWN


def _sounds(folder: Path, files: list[Path], rate: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Return all sound and its starts, from the kept file if it is of the same files."""
    facts = [f"{path.relative_to(folder)} {path.stat().st_size}" for path in files]
    key = hashlib.sha256("\n".join([str(rate), *facts]).encode()).hexdigest()
    kept = folder / f"voices-{rate}.npz"
    if kept.is_file():
        with np.load(kept) as arrays:
            if str(arrays["key"]) == key:
                return arrays["samples"], arrays["starts"]
    parts = []
    with ProgressBar("reading sound", len(files)) as bar:
        for done, path in enumerate(files):
            parts.append(_int16(read_sound(str(path), rate)))
            bar.show(done + 1)
    samples = np.concatenate(parts)
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    try:
        with replacing(kept) as temporary, temporary.open("wb") as file:
            np.savez(file, key=np.array(key), samples=samples, starts=starts)
    except OSError:
        pass  # a folder that cannot be written is read anew each time
    return samples, starts


def _int16(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    return np.asarray(np.clip(np.round(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1), np.int16)


CREMAD_VOTES = "crema-d-votes.csv"
_FORMS: tuple[tuple[re.Pattern[str], Callable[[Path, list[Path], Path | None], _Listing]], ...] = (
    (_CREMAD, _list_cremad),
    (_EMODB, _list_emodb),
    (_RAVDESS, _list_ravdess),
)
