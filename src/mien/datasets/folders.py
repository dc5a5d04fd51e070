"""List folders named for emotions: `train/happy/a.jpg`, `test/0_angry/b.png`, `Sad/c.bmp`; also Kaggle's AffectNet.

This module knows names of folders and files, not pixels.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

from mien.datasets.faces import TRAINING
from mien.datasets.fer2013 import SPLITS as FER2013_SPLITS
from mien.datasets.listing import Listing, descend_single_folders, split_of, subfolders
from mien.datasets.pictures import PictureFile, find_pictures
from mien.errors import DataError, InputError
from mien.labels import AFFECTNET, LABEL_SETS, LabelSet

_NUMBERED = re.compile(r"\d+[\s._-]+(.*\D.*)|(.*\D.*)[\s._-]+\d+")  # 0_angry, angry-0
_FER2013_FILE = re.compile(rf"({'|'.join(FER2013_SPLITS)})[_-]?\d+", re.IGNORECASE)
_LABELS_CSV = "labels.csv"

Tree = list[tuple[str, Path]]  # split, and a folder of class folders


def list_folders(root: Path, numbers: str | None = None) -> Listing | None:
    """List the pictures of a tree of class folders.

    Args:
        root: the folder that holds the class folders, or the split folders above them.
        numbers: the label set whose order numbered folders follow ("fer2013", "ferplus", "affectnet"). None: folders
            0 to 7 are in AffectNet's order, which a note says.

    Returns:
        The listing, or None if `root` is no tree of class folders.

    Raises:
        DataError: a folder of pictures is not named for an emotion, or the order of numbered folders is unknown.
        InputError: `numbers` is no label set.
    """
    for folder in descend_single_folders(root):
        if tree := _tree(folder):
            listing = _list(root, tree, numbers)
            return replace(listing, notes=(*listing.notes, *_passed_over(folder, tree)))
    return None


def emotion_of(name: str, numbers: LabelSet | None) -> str | None:
    """Return the emotion that a class folder is named for, or None.

    Args:
        name: the folder's name: an emotion, a number, or both ("0_angry").
        numbers: the label set that a number alone is an index of. None: a number alone is no emotion.
    """
    words = name.strip()
    if words.isdecimal():
        return numbers.names[int(words)] if numbers and int(words) < len(numbers) else None
    if match := _NUMBERED.fullmatch(words):
        words = match[1] or match[2]
    try:
        return AFFECTNET.names[AFFECTNET.index(words)]  # AffectNet has every emotion of the other label sets
    except InputError:
        return None


def _tree(folder: Path) -> Tree:
    """Return the split folders below a folder, or the folder itself as one split; empty without class folders."""
    tree = []
    for inside in subfolders(folder):
        split = split_of(inside.name)
        if split and (
            classes := next((level for level in descend_single_folders(inside) if _has_classes(level)), None)
        ):
            tree.append((split, classes))
    if tree:
        return tree
    return [(split_of(folder.name) or TRAINING, folder)] if _has_classes(folder) else []


def _passed_over(folder: Path, tree: Tree) -> list[str]:
    """Return a note on folders that hold pictures but no class folders (for example a test set without labels)."""
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
    """Return the label set that numbered folders follow (None if there are none), and notes on the choice."""
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
    """Return the splits in FER2013's file names; None if a file has none or contradicts its folder."""
    named = []
    for path, split in zip(paths, splits, strict=True):
        match = _FER2013_FILE.match(path.rpartition("/")[2])
        if not match:
            return None
        name = next(known for known in FER2013_SPLITS if known.lower() == match[1].lower())
        if split != TRAINING and name == TRAINING:  # the user divided the data differently: the folders count
            return None
        named.append(name)
    own = {split for split, name in zip(splits, named, strict=True) if split == TRAINING and name != TRAINING}
    return None if own and len(set(splits)) > 1 else named


def _other_labels(root: Path, tree: Tree, paths: list[str], emotions: list[str]) -> list[str]:
    """Return a note if a labels.csv, as in Kaggle's AffectNet, gives other labels (a model's predictions, it seems)."""
    own = {_class_and_file(path): emotion for path, emotion in zip(paths, emotions, strict=True)}
    folders = {folder for _, classes in tree for folder in (root, classes, classes.parent, *classes.parents)}
    for file in sorted(folder / _LABELS_CSV for folder in folders if folder.is_relative_to(root)):
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
