"""`mien robustness`: evaluate models on corrupted faces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.arguments import add_data, add_provider, read_data
from mien.cli.exit_codes import OK
from mien.progress import share_bar


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "robustness", help="evaluate models on corrupted faces", description=_robustness.__doc__
    )
    parser.add_argument("models", nargs="+", metavar="RUN_OR_BUNDLE", help="runs' folders, bundles' files or names")
    add_data(parser)
    parser.add_argument("--split", help="default: PublicTest, or else Test, Validation or Training")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the noise and of the directions of rotation (default: 0)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write NAME.json for each model, and figures (extra: report)"
    )
    add_provider(parser)
    parser.set_defaults(run=_robustness)


def _robustness(options: argparse.Namespace) -> int:
    """Measure the accuracy under ten corruptions in five strengths each.

    They are blur, noise, JPEG, low light, contrast, hidden eyes and mouths, rotation, scale and resolution.
    """
    if options.out:
        from mien.report.robustness import check_models, draw_robustness  # first, since the extra may be missing

        check_models(options.models)
    from mien.datasets import default_split
    from mien.evaluation.robustness import measure_robustness
    from mien.runs import open_model_source

    sources = [open_model_source(model, providers=options.provider) for model in options.models]
    dataset = read_data(options, sources[0].bundle.heads, set_aside=False)
    split = options.split or default_split(dataset)
    measured = {}
    for subject in sources:
        name = subject.name if subject.name not in measured else str(subject.path)
        with share_bar(f"{name} on spoilt faces") as bar:
            measured[name] = measure_robustness(subject.bundle, dataset, split, bar, options.seed)
        print(f"{name}, {measured[name].n:,} faces of {split}\n\n{measured[name].table()}\n")
    if options.out:
        for path in draw_robustness(measured, dataset.split(split).faces[0], options.out):
            print(f"wrote {path}")
        names: list[str] = []
        for name, robustness in measured.items():
            stem = Path(name).name
            names.append(stem if stem not in names else f"{stem}-{len(names) + 1}")
            print(f"wrote {robustness.to_json(options.out / f'{names[-1]}.json')}")
    return OK
