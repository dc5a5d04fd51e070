"""`mien predict`: many pictures in; a table, JSON, CSV and annotated pictures out. Knows files and terminals only."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mien.document import document
from mien.errors import ImageError, InputError
from mien.files import write_atomically
from mien.images import find_images, save_image
from mien.labels import UNCERTAIN, LabelSet, color
from mien.recognizer import EmotionRecognizer
from mien.results import Faces

FEW = 4
"""Up to so many files nobody needs a progress bar."""

WORTH_A_LINE = 0.005
"""Less likely emotions, 0 % when rounded, are left out of the table."""

STANDARD_OUTPUT = "-"


def recognizer_of(options: argparse.Namespace) -> EmotionRecognizer:
    """The recognizer that the words of `mien predict` and `mien video` ask for."""
    return EmotionRecognizer(
        options.model,
        detector=options.detector,
        labels=options.labels,
        size=options.size,
        min_face=options.min_face,
        min_confidence=options.min_confidence,
        flip=options.flip,
        providers=options.provider,
    )


def predict_files(options: argparse.Namespace) -> int:
    """Runs `mien predict` with its parsed options; returns the exit code."""
    _check_targets(options.json, options.csv)
    paths, errors = find_images(options.paths, recursive=options.recursive)
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
    finally:  # a stop half way must not lose what was read
        written = _write(options, recognizer, results, errors)
        for error in errors:
            print(f"mien: {error}", file=sys.stderr)
    return 0 if written and not errors else 1


def _check_targets(*targets: str | None) -> None:
    """Before the work, which may last for hours: can the files be written at all?"""
    named = [target for target in targets if target]
    if len({target if target == STANDARD_OUTPUT else Path(target).resolve() for target in named}) < len(named):
        raise InputError(f"--json {named[0]} and --csv {named[1]}: only one of them can be written there")
    for target in named:
        try:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{target}: its folder cannot be made ({error.strerror}). Choose another") from error
        if Path(target).is_dir():
            raise InputError(f"{target}: expected a file to write, got a folder. Name a file in it")


def _with_progress(recognizer: EmotionRecognizer, paths: list[Path]) -> Iterator[tuple[Path, Faces | ImageError]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, disable=len(paths) <= FEW or not console.is_terminal, transient=True
    ) as progress:
        task = progress.add_task("reading", total=len(paths))
        for path, result in zip(paths, recognizer.predict_each(paths), strict=True):
            yield path, result
            progress.advance(task)


def _write(
    options: argparse.Namespace, recognizer: EmotionRecognizer, results: list[Faces], errors: list[ImageError]
) -> bool:
    """Prints and writes everything that was asked for; whether all of it could be."""
    texts = {}
    if options.json:
        texts[options.json] = as_json(recognizer, results, errors)
    if options.csv:
        texts[options.csv] = as_csv(recognizer.labels, results)
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
        # Rich would leave with its own exit code on a closed pipe, and fold rows where nobody has a narrow terminal.
        console = Console(width=None if sys.stdout.isatty() else 200)
        with console.capture() as captured:
            console.print(as_table(results, options.top))
        sys.stdout.write(captured.get())
    return written


def as_json(recognizer: EmotionRecognizer, results: list[Faces], errors: list[ImageError]) -> str:
    """The document of what was read and what was not."""
    return json.dumps(document(recognizer, [*results, *errors]), indent=2, ensure_ascii=False) + "\n"


def as_csv(labels: LabelSet, results: list[Faces]) -> str:
    """One row per face under the columns of `Faces.columns`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, Faces.columns(labels), lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerows(result.to_rows())
    return text.getvalue()


def as_table(results: list[Faces], top: int) -> Table:
    """One row per face, and one for a picture without any."""
    table = Table(box=None, pad_edge=False)
    table.add_column("picture", max_width=20, overflow="ellipsis", no_wrap=True)
    for title, justify in (("face", "right"), ("size", "right"), ("seen by", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("emotion" if top == 1 else f"emotions, top {top}")
    for result in results:
        picture = Text(Path(result.source).name)  # not a str, in which rich would look for [markup]
        if not len(result):
            table.add_row(picture, "-", "", "", "no face")
        for number, face in enumerate(result, 1):
            left, upper, right, lower = face.box
            (first, confidence), *others = face.top(top)
            emotions = Text(f"{first} {confidence:.0%}", style="bold rgb({},{},{})".format(*color(first)))
            if face.emotion == UNCERTAIN:
                emotions = Text(f"{UNCERTAIN}: {first} {confidence:.0%}")
            rest = "".join(f"  {name} {value:.0%}" for name, value in others if value >= WORTH_A_LINE)
            emotions.append(rest, style="not bold default")
            table.add_row(
                picture if number == 1 else Text(),
                str(number),
                f"{right - left:.0f}x{lower - upper:.0f}",
                "" if face.intensity is None else f"{face.intensity:.0%}",
                emotions,
            )
    return table


class AnnotatedNames:
    """Names for annotated pictures in one folder: no two take the same, and none replaces a picture of the user's.

    Earlier annotated pictures are replaced, unless the folder also holds pictures that are read: there nothing is.
    """

    def __init__(self, folder: Path, pictures: list[Path]) -> None:
        self.folder = folder
        inside = folder.resolve()
        # Case is folded, because A.jpg and a.jpg are one file on Windows and macOS.
        mixed = any(path.parent.resolve() == inside for path in pictures)
        self._taken = {path.name.casefold() for path in folder.iterdir()} if mixed else set[str]()

    def of(self, path: Path) -> Path:
        """A free name from the picture's own, as JPEG, or as PNG where it was one."""
        suffix = ".png" if path.suffix.lower() == ".png" else ".jpg"
        name, number = path.stem + suffix, 2
        while name.casefold() in self._taken:
            name, number = f"{path.stem}-{number}{suffix}", number + 1
        self._taken.add(name.casefold())
        return self.folder / name
