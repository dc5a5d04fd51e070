"""`mien predict`: predict the emotions of the faces in pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.cli.arguments import add_csv_bom, add_min_confidence, add_reading, positive, recognizer_of
from mien.cli.exit_codes import OK, SOME_FAILED
from mien.errors import ImageError

if TYPE_CHECKING:
    from mien.recognizer import EmotionRecognizer
    from mien.results import Faces

FEW = 4
"""Most files for which no progress bar is shown."""

STANDARD_OUTPUT = "-"


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "predict", help="predict the emotions of the faces in pictures", description=_predict.__doc__
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures, folders of pictures, or globs")
    parser.add_argument("--recursive", action="store_true", help="read subfolders too")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - for standard output")
    parser.add_argument("--csv", metavar="FILE", help="write a row per face; - for standard output")
    parser.add_argument("--annotate", metavar="DIR", type=Path, help="write the pictures with boxes and bars")
    parser.add_argument("--top", type=positive, default=3, metavar="K", help="emotions shown per face (default: 3)")
    add_csv_bom(parser)
    add_reading(parser)
    add_min_confidence(parser)
    parser.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> int:
    """Predict the emotions of the faces in pictures, and print a table unless a file is written to standard output.

    Exit code 0: all pictures were read; 1: some were not (each is named, and the others are written); 2: wrong usage.
    """
    from mien.cli.output import AnnotatedNames
    from mien.files import check_outputs
    from mien.image_files import find_images
    from mien.images import save_image

    paths, errors = find_images(options.paths, recursive=options.recursive)
    check_outputs([options.json, options.csv], [*options.paths, *paths, options.model])
    recognizer = recognizer_of(options)
    results: list[Faces] = []
    names = AnnotatedNames(options.annotate, paths) if options.annotate else None
    try:
        for path, result in _with_progress(recognizer, paths):
            if isinstance(result, ImageError):
                errors.append(result)
                continue
            results.append(result)
            if names:
                try:
                    save_image(names.of(path), result.draw(path, top=options.top))
                except ImageError as failure:
                    errors.append(failure)
    finally:  # after an interruption, too, what was read is written
        written = _write(options, recognizer, results, errors)
        for error in errors:
            print(f"mien: {error}", file=sys.stderr)
    return OK if written and not errors else SOME_FAILED


def _with_progress(recognizer: EmotionRecognizer, paths: list[Path]) -> Iterator[tuple[Path, Faces | ImageError]]:
    from mien.progress import ProgressBar

    with ProgressBar("reading", len(paths), shown=len(paths) > FEW) as bar:
        for done, (path, result) in enumerate(zip(paths, recognizer.predict_each(paths), strict=True), 1):
            yield path, result
            bar.show(done, figures=f"{done:,}/{len(paths):,} pictures")


def _write(
    options: argparse.Namespace, recognizer: EmotionRecognizer, results: list[Faces], errors: list[ImageError]
) -> bool:
    """Write the files and print the table; return whether all files could be written."""
    from rich.console import Console

    from mien.cli import output
    from mien.files import BOM, write_atomically

    texts = {}
    if options.json:
        texts[options.json] = output.as_json(recognizer, results, errors)
    if options.csv:
        texts[options.csv] = (BOM if options.csv_bom else "") + output.as_csv(recognizer.labels, results)
    written = True
    for target, text in texts.items():
        if target == STANDARD_OUTPUT:
            sys.stdout.write(text)
            continue
        try:
            write_atomically(target, text)
        except OSError as error:
            print(f"mien: {target}: cannot be written: {error.strerror or error}. Choose another", file=sys.stderr)
            written = False
    if results and STANDARD_OUTPUT not in texts:
        # Captured, since rich exits with its own code on a closed pipe; wide, since rows must not wrap in a file.
        console = Console(width=None if sys.stdout.isatty() else 200)
        with console.capture() as captured:
            console.print(output.as_table(results, options.top))
        sys.stdout.write(captured.get())
    return written
