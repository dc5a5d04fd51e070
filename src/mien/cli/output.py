"""The outputs of `mien predict`: JSON, CSV, a table, and names for annotated pictures."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from rich.table import Table
from rich.text import Text

from mien.documents import results_document
from mien.errors import ImageError
from mien.labels import UNCERTAIN, LabelSet, color
from mien.recognizer import EmotionRecognizer
from mien.results import Faces

WORTH_A_LINE = 0.005
"""Least probability of an emotion in the table; smaller ones would be rounded to 0 %."""


def as_json(recognizer: EmotionRecognizer, results: list[Faces], errors: list[ImageError]) -> str:
    """Return the JSON document of all results and errors."""
    return (
        json.dumps(
            results_document(recognizer.bundle.name, recognizer.labels, [*results, *errors]),
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )


def as_csv(labels: LabelSet, results: list[Faces]) -> str:
    """Return a CSV with a row per face and the columns of `Faces.columns`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, Faces.columns(labels), lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerows(result.to_rows())
    return text.getvalue()


def as_table(results: list[Faces], top: int) -> Table:
    """Return a table with a row per face, and one per picture without faces.

    Args:
        results: the results.
        top: number of emotions per face.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("picture", max_width=20, overflow="ellipsis", no_wrap=True)
    for title, justify in (("face", "right"), ("size", "right"), ("seen by", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("emotion" if top == 1 else f"emotions, top {top}")
    if any(result.sets is not None for result in results):
        table.add_column("one of")
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
                "" if face.vote_share is None else f"{face.vote_share:.0%}",
                emotions,
                *(() if face.emotion_set is None else (" or ".join(face.emotion_set),)),
            )
    return table


class AnnotatedNames:
    """Choose names for annotated pictures in one folder, without duplicates and without replacing an input.

    Existing files are replaced, unless the folder also holds pictures that are read: then no file in it is.

    Args:
        folder: where the annotated pictures are written.
        pictures: the pictures that are read.
    """

    def __init__(self, folder: Path, pictures: list[Path]) -> None:
        self.folder = folder
        inside = folder.resolve()
        # Case is folded, because A.jpg and a.jpg are one file on Windows and macOS.
        mixed = any(path.parent.resolve() == inside for path in pictures)
        self._taken = {path.name.casefold() for path in folder.iterdir()} if mixed else set[str]()

    def of(self, path: Path) -> Path:
        """Return a free path for a picture: its own name, as .png if it is one, else as .jpg."""
        suffix = ".png" if path.suffix.lower() == ".png" else ".jpg"
        name, number = path.stem + suffix, 2
        while name.casefold() in self._taken:
            name, number = f"{path.stem}-{number}{suffix}", number + 1
        self._taken.add(name.casefold())
        return self.folder / name
