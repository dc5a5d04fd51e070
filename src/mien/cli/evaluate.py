"""`mien evaluate`: evaluate a bundle on labelled faces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.arguments import add_data, add_provider, read_data
from mien.cli.exit_codes import OK
from mien.progress import share_bar


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser("evaluate", help="evaluate a bundle on labelled faces", description=_evaluate.__doc__)
    parser.add_argument("bundle", metavar="RUN_OR_BUNDLE", help="a run's folder, a bundle's file or a released name")
    add_data(parser)
    parser.add_argument("--split", help="default: PublicTest, or else Test, Validation or Training")
    parser.add_argument("--flip", action="store_true", help="average each face with its mirror image")
    parser.add_argument(
        "--near-copies", action="store_true", help="also score without the faces that have a near copy in Training"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything as JSON")
    add_provider(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    """Measure accuracy, calibration and confusion of a bundle, with 95 % bootstrap intervals.

    Scores are given with and without the faces that have an exact copy in Training; with --votes also on the usual
    FER+ test sets.
    """
    from mien.datasets import default_split
    from mien.evaluation.evaluate import evaluate_bundle
    from mien.files import check_outputs
    from mien.runs import open_model_source
    from mien.voice.bundle import voice_bundle

    check_outputs([options.out], [*options.data, options.votes, options.bundle])
    if voices := voice_bundle(options.bundle):
        return _evaluate_voices(voices, options)
    bundle = open_model_source(options.bundle, providers=options.provider).bundle
    dataset = read_data(options, bundle.heads, set_aside=False)
    split = options.split or default_split(dataset)
    with share_bar("reading the faces") as bar:
        evaluation = evaluate_bundle(bundle, dataset, split, flip=options.flip, progress=bar, near=options.near_copies)
    print(evaluation.table())
    if options.out:
        evaluation.to_json(options.out)
    return OK


def _evaluate_voices(path: Path, options: argparse.Namespace) -> int:
    """Measure a voice bundle on clips, with 95 % intervals over speakers."""
    from mien.datasets.voices import join_voices, load_voices
    from mien.errors import InputError
    from mien.evaluation.voices import evaluate_voices
    from mien.voice.bundle import VoiceBundle

    given = [
        f"--{name.replace('_', '-')}" for name in ("split", "flip", "near_copies", "labels") if getattr(options, name)
    ]
    if given:
        raise InputError(f"{', '.join(given)}: only for faces. Leave it out")
    bundle = VoiceBundle.load(path)
    clips = [load_voices(source, votes=options.votes, rate=bundle.metadata.rate) for source in options.data]
    with share_bar("listening to the clips") as bar:
        evaluation = evaluate_voices(bundle, clips[0] if len(clips) == 1 else join_voices(clips), progress=bar)
    print(evaluation.table())
    if options.out:
        evaluation.to_json(options.out)
    return OK
