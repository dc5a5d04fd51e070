"""`mien data label`: faces in pictures as teachers see them, to train a face finder on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.exit_codes import OK
from mien.errors import DataError
from mien.progress import share_bar


def add_label(inner: Any) -> None:
    """Add the command to those of `mien data`."""
    label = inner.add_parser(
        "label", help="label the faces in pictures with two face detectors", description=_label.__doc__
    )
    label.add_argument("pictures", type=Path, metavar="DIR", help="a folder of pictures")
    label.add_argument(
        "--teacher",
        action="append",
        required=True,
        metavar="NAME",
        help="centerface, or the ONNX file of YuNet-n; give both",
    )
    label.add_argument("--closeups", action="store_true", help="the pictures are close faces of about 100 pixels")
    label.add_argument(
        "--keep", type=Path, metavar="DIR", help="folder of the detections so far (default: FILE with the suffix .seen)"
    )
    label.add_argument("--out", required=True, type=Path, metavar="FILE", help="the labels, a csv")
    label.set_defaults(run=_label)


def _label(options: argparse.Namespace) -> int:
    """Label the faces in pictures with two face detectors, at several sizes and mirrored.

    A box that both detectors find is a face. A box that only one finds, or both with a low score, is ignored in
    training: neither face nor background. The same command continues a stopped run."""
    from mien.files import PICTURE_SUFFIXES, check_outputs
    from mien.training.detector.data import save_csv
    from mien.training.detector.label import label
    from mien.training.detector.pictures import read
    from mien.training.detector.teachers import look_at_files, teachers_named

    files = sorted(path for path in options.pictures.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise DataError(
            f"{options.pictures}: expected a folder with pictures ({', '.join(sorted(PICTURE_SUFFIXES))}), got none"
        )
    check_outputs([options.out], files)
    teachers = teachers_named(options.teacher, closeups=options.closeups)
    keep = options.keep or options.out.with_suffix(".seen")
    with share_bar("detecting faces") as bar:
        seen = look_at_files(teachers, files, read, keep, lambda done, total: bar(done / total))
        scenes, scores = label(seen)
    faces = int((~scenes.ignored).sum())
    print(f"{len(scenes):>7,}  pictures\n{faces:>7,}  faces\n{len(scores) - faces:>7,}  neither face nor background")
    print(f"wrote {save_csv(options.out, scenes, scores)}")
    return OK
