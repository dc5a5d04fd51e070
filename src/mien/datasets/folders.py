"""Folders whose names are the labels: `train/happy/a.jpg`, `test/0_angry/b.png`, `Sad/c.bmp`; Kaggle's AffectNet too.

This module knows names of folders and files, not pixels.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

from mien.datasets.faces import TRAINING
from mien.datasets.fer2013 import SPLITS as FER2013_SPLITS
from mien.datasets.listing import Listing, split_of, subfolders, within
from mien.datasets.pictures import PictureFile, find_pictures
from mien.errors import DataError, InputError
from mien.labels import AFFECTNET, LABEL_SETS, LabelSet

_NUMBERED = re.compile(r"\d+[\s._-]+(.*\D.*)|(.*\D.*)[\s._-]+\d+")  # 0_angry, angry-0
_FER2013_FILE = re.compile(rf"({'|'.join(FER2013_SPLITS)})[_-]?\d+", re.IGNORECASE)
_LABELS_CSV = "labels.csv"

Tree = list[tuple[str, Path]]  # split, and a folder of class folders


def list_folders(root: Path, numbers: str | None = None) -> Listing | None:
    """The pictures of a tree of class folders, or None if `root` is no such tree.

    `numbers` is the label set whose order folders named by numbers follow ("fer2013", "ferplus", "affectnet").
    Without it 0 to 7 is AffectNet's order, which a note says, and anything less is a DataError. So is a folder of
    pictures whose name is no emotion.
    """
    for folder in within(root):
        if tree := _tree(folder):
            listing = _list(root, tree, numbers)
            return replace(listing, notes=(*listing.notes, *_passed_over(folder, tree)))
    return None


def emotion_of(name: str, numbers: LabelSet | None) -> str | None:
    """The emotion that a class folder's name stands for, or None."""
    words = name.strip()
    if words.isdecimal():
        return numbers.names[int(words)] if numbers and int(words) < len(numbers) else None
    if match := _NUMBERED.fullmatch(words):
        words = match[1] or match[2]
    try:
        return AFFECTNET.names[AFFECTNET.index(words)]  # it has every emotion there is
    except InputError:
        return None


def _tree(folder: Path) -> Tree:
    """The splits below a folder, or the folder itself, which is then Training; empty if it has no class folders."""
    tree = []
    for inside in subfolders(folder):
        split = split_of(inside.name)
        if split and (classes := next((level for level in within(inside) if _has_classes(level)), None)):
            tree.append((split, classes))
    if tree:
        return tree
    return [(split_of(folder.name) or TRAINING, folder)] if _has_classes(folder) else []


def _passed_over(folder: Path, tree: Tree) -> list[str]:
    """What to say of folders beside the splits that hold pictures, but no classes: a test set without labels, say."""
    if any(classes == folder for _, classes in tree):
        return []
    used = {part for _, classes in tree for part in (classes, *classes.parents)}
    rest = [each.name for each in subfolders(folder) if each not in used and next(find_pictures(each), None)]
    return [f"passed over, since they hold no class folders: {', '.join(rest)}."] if rest else []


def _has_classes(folder: Path) -> bool:
    return any(emotion_of(inside.name, AFFECTNET) for inside in subfolders(folder))


def _list(root: Path, tree: Tree, numbers: str | None) -> Listing:
    folders = [(split, inside) for split, classes in tree for inside in subfolders(classes)]
    order, notes = _order(root, [inside.name for _, inside in folders], numbers)
    paths: list[str] = []
    emotions: list[str] = []
    splits: list[str] = []
    for split, inside in folders:
        found = [(inside / path).relative_to(root).as_posix() for path in find_pictures(inside)]
        emotion = emotion_of(inside.name, order)
        if emotion is None and found:
            raise _unknown(inside, order)
        paths += found
        emotions += [emotion or ""] * len(found)
        splits += [split] * len(found)
    if not paths:
        raise DataError(f"{root}: expected pictures in its class folders, got none. Unpack the archive again.")
    if renamed := _fer2013_splits(paths, splits):
        splits = renamed
    notes += _other_labels(root, tree, paths, emotions)
    return Listing(root, [PictureFile(path) for path in paths], emotions, splits, tuple(notes))


def _unknown(folder: Path, order: LabelSet | None) -> DataError:
    try:
        AFFECTNET.index(folder.name)
        hint = "."
    except InputError as error:
        hint = "; " + str(error).partition("; ")[2]
        hint += "" if hint.endswith("?") else "."
    known = f" or a number from 0 to {len(order) - 1}" if order else ""
    return DataError(
        f"{folder}: expected a class folder named for an emotion{known}, got {folder.name!r}{hint} "
        "Rename it, or move it away."
    )


def _order(root: Path, names: list[str], numbers: str | None) -> tuple[LabelSet | None, list[str]]:
    """The label set that numeric folders follow, None if there are none, and what to say of it."""
    found = sorted({int(name) for name in names if name.strip().isdecimal()})
    if not found:
        return None, []
    listed = ", ".join(map(str, found))
    if numbers is not None:
        if numbers not in LABEL_SETS:
            raise InputError(f"numbers: expected one of {', '.join(LABEL_SETS)}, got {numbers!r}")
        chosen = LABEL_SETS[numbers]
        if found[-1] >= len(chosen):
            raise DataError(f"{root}: expected folders 0 to {len(chosen) - 1} ({numbers}), got {listed}")
        return chosen, []
    if found == list(range(len(AFFECTNET))):
        meaning = ", ".join(f"{k} {name}" for k, name in enumerate(AFFECTNET.names))
        return AFFECTNET, [f"folders 0 to 7 are taken in AffectNet's order ({meaning}); choose another with numbers."]
    orders = "; ".join(f"{s.name}: {', '.join(f'{k} {n}' for k, n in enumerate(s.names))}" for s in LABEL_SETS.values())
    raise DataError(
        f"{root}: expected folders named for emotions, or 0 to 7 in AffectNet's order, got {listed}, whose order is "
        f"not known. Say which it is with numbers (--numbers on the command line): {orders}"
    )


def _fer2013_splits(paths: list[str], splits: list[str]) -> list[str] | None:
    """The splits that FER2013's file names tell, if all files have one and none contradicts its folder."""
    told = []
    for path, split in zip(paths, splits, strict=True):
        match = _FER2013_FILE.match(path.rpartition("/")[2])
        if not match:
            return None
        name = next(known for known in FER2013_SPLITS if known.lower() == match[1].lower())
        if split != TRAINING and name == TRAINING:  # someone's own division: theirs counts
            return None
        told.append(name)
    own = {split for split, name in zip(splits, told, strict=True) if split == TRAINING and name != TRAINING}
    return None if own and len(set(splits)) > 1 else told


def _other_labels(root: Path, tree: Tree, paths: list[str], emotions: list[str]) -> list[str]:
    """What to say of a labels.csv beside the folders, as Kaggle's AffectNet has one: a model's opinion, it seems."""
    own = {_class_and_file(path): emotion for path, emotion in zip(paths, emotions, strict=True)}
    beside = {folder for _, classes in tree for folder in (root, classes, classes.parent, *classes.parents)}
    for file in sorted(folder / _LABELS_CSV for folder in beside if folder.is_relative_to(root)):
        if not file.is_file():
            continue
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            rows = [(row.get("pth") or "", row.get("label") or "") for row in csv.DictReader(lines)]
        both = [(own[key], emotion_of(label, None)) for path, label in rows if (key := _class_and_file(path)) in own]
        differ = sum(folder != label for folder, label in both)
        if both:
            return [f"{_LABELS_CSV} gives another label for {differ:,} of {len(both):,} pictures; the folders count."]
    return []


def _class_and_file(path: str) -> tuple[str, str]:
    folder, _, file = path.replace("\\", "/").rpartition("/")
    name = folder.rpartition("/")[2]
    return emotion_of(name, None) or name.lower(), file.lower()
