"""`mien train --recipe mien-face`: train a face detector on pictures with boxes around the faces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.exit_codes import OK
from mien.errors import InputError

EMOTIONS_ONLY = {
    "votes": "--votes",
    "labels": "--labels",
    "numbers": "--numbers",
    "weights": "--weights",
    "leave_out": "--leave-out",
    "epochs": "--epochs",
    "precision": "--precision",
}
"""Options that have no meaning for a face detector."""


def add_finder(parser: Any) -> None:
    """Add the options of face detectors to those of `mien train`."""
    group = parser.add_argument_group("face detectors (--recipe mien-face)")
    group.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="folder that the labels' file names are relative to (default: the folder of each --data)",
    )
    group.add_argument("--closeups", type=Path, metavar="LABELS", help="labels of faces that fill their pictures")
    group.add_argument("--teacher", type=Path, metavar="FILE", help="YuNet-n's ONNX file, which answers for every cell")
    group.add_argument("--initial", type=Path, metavar="FILE", help="weights.pt of another run to start from")


def train_on_scenes(options: argparse.Namespace) -> int:
    """Train a face detector by the options of `mien train`."""
    from mien.training.detector.data import FaceScenes, load_scenes
    from mien.training.detector.recipe import load_finder_recipe
    from mien.training.detector.run import FinderData, train_finder

    if given := [flag for name, flag in EMOTIONS_ONLY.items() if getattr(options, name) is not None]:
        raise InputError(f"{', '.join(given)}: not for face detectors. Leave it out, or choose another --recipe")
    direct = {"seed": options.seed, "batch_size": options.batch_size}
    overrides = [*options.set, *(f"{key}={value}" for key, value in direct.items() if value is not None)]
    recipe = load_finder_recipe(options.recipe, overrides)

    def load(path: Path) -> FaceScenes:
        return load_scenes(path, options.pictures or (path if path.is_dir() else path.parent))

    data = FinderData.of(
        FaceScenes.joined([load(path) for path in options.data]),
        FaceScenes.joined([load(path) for path in options.validation]) if options.validation else None,
        None if options.closeups is None else load(options.closeups),
    )
    bundle = train_finder(
        recipe,
        data,
        options.out,
        teacher=options.teacher,
        initial=options.initial,
        seconds=None if options.max_time is None else 60 * options.max_time,
        resume=options.resume,
    )
    print(f"wrote {bundle}")
    return OK
