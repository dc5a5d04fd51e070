"""Arguments that several commands share, and the types of their values."""

from __future__ import annotations

import argparse
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.errors import InputError
from mien.labels import LABEL_SETS
from mien.options import Options, field_of
from mien.options import positive as whole_number
from mien.progress import share_bar

if TYPE_CHECKING:
    from mien.datasets import FaceDataset
    from mien.recognizer import EmotionRecognizer

OK, SOME_FAILED, USAGE = 0, 1, 2
"""Exit codes: all went well; some of the work failed, the rest is done; wrong usage."""


LABELS = tuple(LABEL_SETS)


def add_data(parser: Any, *, positional: bool = False, required: bool = True) -> None:
    """The words that name data: `--data PATH`, given once or several times, or PATH itself, and how to read it."""
    what = "fer2013.csv, an archive that holds it, AffectNet, or a folder of pictures named for emotions"
    if positional:
        parser.add_argument("data", nargs="+", type=Path, metavar="PATH", help=f"{what}; several are taken together")
    else:
        parser.add_argument(
            "--data", action="append", required=required, type=Path, metavar="PATH", help=f"{what}; several times: all"
        )
    parser.add_argument("--votes", type=Path, metavar="FILE", help="FER+'s fer2013new.csv, aligned row by row")
    parser.add_argument("--labels", choices=LABELS, help="7 or 8 emotions (default: the model's, or FER2013's 7)")
    parser.add_argument(
        "--numbers",
        choices=LABELS,
        help="whose order folders named 0, 1, 2, ... follow (default: AffectNet's, if they are 0 to 7)",
    )


def add_reading(parser: Any, *, size: int | None = None) -> None:
    """The words that say which recognizer reads faces, and how; `size` is that at which faces are searched."""
    parser.add_argument(
        "--model", default="mien", metavar="BUNDLE", help="a released bundle's name or a file (default: mien)"
    )
    parser.add_argument(
        "--detector", default="centerface", help="centerface (default), yunet, or whole: the picture is one face"
    )
    usual = f" (default: {size})" if size else ""
    parser.add_argument(
        "--size", type=int, default=size, metavar="PIXELS", help=f"longer side at which faces are searched{usual}"
    )
    parser.add_argument("--labels", help="ferplus (8 emotions, what people see) or fer2013 (7, the benchmark's)")
    parser.add_argument("--min-face", type=float, default=0.0, metavar="PIXELS", help="leave out smaller faces")
    parser.add_argument("--flip", action="store_true", help="average each face with its mirror image")
    add_provider(parser)


def add_provider(parser: Any) -> None:
    """The word that names what computes the model."""
    parser.add_argument(
        "--provider", default="cpu", metavar="NAME", help="what computes the model: cpu (default), cuda, openvino, ..."
    )


def add_min_confidence(parser: Any) -> None:
    """The word below which an emotion is not answered."""
    parser.add_argument(
        "--min-confidence", type=float, default=0.0, metavar="P", help="answer uncertain below this probability, 0 to 1"
    )


def read_data(options: argparse.Namespace, heads: Iterable[str] = (), **more: Any) -> FaceDataset:
    """The data that the words name, with a bar; where they name no labels, in those of a model with these heads.

    The notes, which are shown with the data, take the place of warnings.
    """
    from mien.datasets import DataWarning, load_data
    from mien.labels import label_set_of

    if not options.data:
        raise InputError("expected --data PATH, the labelled faces, got none")
    with share_bar("reading the data") as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return load_data(
            options.data,
            options.votes,
            label_set=LABEL_SETS[options.labels] if options.labels else label_set_of(heads),
            numbers=options.numbers,
            progress=bar,
            **more,
        )


def minutes(text: str) -> float:
    """ "90m", "1h30m", "1.5h", or a plain number of minutes."""
    found = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m?)?", text.strip().lower())
    try:
        found_minutes = 60 * float(found[1] or 0) + float(found[2] or 0) if found else 0.0
    except ValueError:
        found_minutes = 0.0
    if not found_minutes > 0:
        raise argparse.ArgumentTypeError(f"expected a time like 90m or 1h30m, got {text}")
    return found_minutes


def add_options(parser: Any, cls: type, names: Sequence[str]) -> None:
    """Add fields of an options class to a parser, with their descriptions and defaults."""
    for name in names:
        field = field_of(cls, name)
        metadata, default = field.metadata, field.default
        usual = metadata["shown_default"] or (f"{default:g}" if isinstance(default, float) else str(default))
        words = {"dest": name, "help": f"{metadata['help']} (default: {usual})".replace("%", "%%")}
        flag = "--" + name.replace("_", "-")
        if default is False:
            parser.add_argument(flag, action="store_true", **words)
        elif "bool" in str(field.type):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, **words)
        else:
            parser.add_argument(
                flag, default=default, type=argument_type(metadata["parse"]), metavar=metadata["metavar"], **words
            )


def options_of(options: argparse.Namespace, cls: type[Options], names: Sequence[str], **more: Any) -> Options:
    """Return the options object of what was parsed with `add_options`."""
    return cls(**{name: getattr(options, name) for name in names}, **more)


def argument_type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a type for argparse, whose message is that of the function's ValueError."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


positive = argument_type(whole_number)


def recognizer_of(options: argparse.Namespace) -> EmotionRecognizer:
    """Return the recognizer that the arguments of `add_reading` and `add_min_confidence` ask for."""
    from mien.recognizer import EmotionRecognizer

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
