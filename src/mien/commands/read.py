"""`mien predict`, `mien models`, `mien info`: reading pictures, and what there is to read them with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.commands.words import OK, add_min_confidence, add_provider, add_reading, positive


def add(commands: Any) -> None:
    _add_predict(commands)
    _add_models(commands)
    _add_info(commands)


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser("predict", help="read the emotions in pictures", description=_predict.__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures, folders of pictures, or globs")
    parser.add_argument("--recursive", action="store_true", help="look into the folders' folders too")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - for standard output")
    parser.add_argument("--csv", metavar="FILE", help="write a row per face; - for standard output")
    parser.add_argument("--annotate", metavar="DIR", type=Path, help="write the pictures with boxes and bars")
    parser.add_argument("--top", type=positive, default=3, metavar="K", help="emotions shown per face (default: 3)")
    add_reading(parser)
    add_min_confidence(parser)
    parser.set_defaults(run=_predict)


def _add_models(commands: Any) -> None:
    parser = commands.add_parser(
        "models", help="list the released bundles with their figures", description=_models.__doc__
    )
    parser.set_defaults(run=_models)


def _add_info(commands: Any) -> None:
    parser = commands.add_parser("info", help="print a bundle's model card", description=_info.__doc__)
    parser.add_argument("bundle", metavar="BUNDLE", help="a released bundle's name or a file")
    parser.add_argument("--json", action="store_true", help="print the whole metadata as JSON")
    add_provider(parser)
    parser.set_defaults(run=_info)


def _predict(options: argparse.Namespace) -> int:
    """Finds the faces in pictures and reads their emotions; prints a table unless standard output is asked for.
    Exit code 0: all pictures were read; 1: some were not, each is named and the others are written; 2: wrong usage."""
    from mien.predict import predict_files

    return predict_files(options)


def _models(options: argparse.Namespace) -> int:
    """The released bundles with their measured figures on PublicTest."""
    from mien.cards import models_table

    print(models_table())
    return OK


def _info(options: argparse.Namespace) -> int:
    """What a bundle says of itself: its model card."""
    from mien.bundle import Bundle
    from mien.cards import card

    bundle = Bundle.load(options.bundle, providers=options.provider)
    print(bundle.metadata.to_json(indent=2) if options.json else card(bundle))
    return OK
