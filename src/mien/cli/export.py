"""`mien export`: convert a bundle to another format."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.arguments import add_data, read_data
from mien.cli.exit_codes import OK
from mien.progress import stage_bar

FORMATS = ("onnx", "onnx-int8", "onnx-fp16", "openvino", "litert", "torch")


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "export", help="write a bundle for phones and other runtimes (extra: export)", description=_export.__doc__
    )
    parser.add_argument("bundle", metavar="RUN_OR_BUNDLE", help="a run's folder, a bundle's file or a released name")
    parser.add_argument("--format", required=True, choices=FORMATS, help="int8 for processors, litert for phones, ...")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: the bundle's name, in this folder")
    add_data(parser, required=False)
    parser.add_argument(
        "--split", help="faces to compare on (default: PublicTest, or else Test, Validation or Training)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of calibration faces (default: 0)")
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    """Write a bundle in another format, with its labels and preprocessing, which every mien command can read.

    The new file is run on real faces and compared with the original; it is not written if the two disagree.
    """
    from mien.datasets import default_split
    from mien.export import export
    from mien.files import check_outputs
    from mien.runs import open_model_source

    check_outputs([options.out], [options.bundle, *(options.data or ()), options.votes], text=False)
    bundle = open_model_source(options.bundle).bundle
    dataset = read_data(options, bundle.heads, set_aside=False) if options.data else None
    split = None if dataset is None else options.split or default_split(dataset)
    with stage_bar() as stage:
        done = export(
            bundle, options.format, options.out, dataset=dataset, split=split, seed=options.seed, progress=stage
        )
    print(done.comparison)
    if dataset is None:
        print("compared on the faces of a sample picture only: give labelled faces with --data to see what it costs")
    print(f"wrote {done.path}, {done.size / 1e6:.2f} MB ({bundle.size / 1e6:.2f} MB before)")
    return OK
