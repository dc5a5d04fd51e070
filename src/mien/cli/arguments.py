"""Arguments that several commands share, and the types of their values. It knows argparse; the library does not."""

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
from mien.pipeline_options import PipelineOptions
from mien.progress import share_bar

if TYPE_CHECKING:
    from mien.datasets import FaceDataset
    from mien.recognizer import EmotionRecognizer

LABELS = tuple(LABEL_SETS)

READING = ("model", "detector", "labels", "size", "min_face", "flip", "prior", "set_coverage", "set_kind")
"""The fields of `PipelineOptions` that every command which reads faces has."""


def add_data(parser: Any, *, positional: bool = False, required: bool = True) -> None:
    """Add the arguments that name labelled faces.

    Args:
        parser: the parser or group.
        positional: take the paths as arguments instead of `--data PATH`.
        required: whether `--data` is required.
    """
    what = "fer2013.csv, an archive that holds it, AffectNet, or a folder with a subfolder per emotion"
    if positional:
        parser.add_argument("data", nargs="+", type=Path, metavar="PATH", help=f"{what}; several are combined")
    else:
        parser.add_argument(
            "--data", action="append", required=required, type=Path, metavar="PATH", help=f"{what}; may be repeated"
        )
    parser.add_argument("--votes", type=Path, metavar="FILE", help="FER+'s fer2013new.csv, aligned row by row")
    parser.add_argument("--labels", choices=LABELS, help="7 or 8 emotions (default: the model's, or FER2013's 7)")
    parser.add_argument(
        "--numbers",
        choices=LABELS,
        help="label set whose order folders named 0, 1, 2, ... follow (default: AffectNet's, if they are 0 to 7)",
    )


def add_reading(parser: Any) -> None:
    """Add the arguments that define the recognizer."""
    add_options(
        parser,
        PipelineOptions,
        ["model", "detector", "labels", "size", "min_face", "flip", "prior", "set_coverage", "set_kind"],
    )
    add_provider(parser)


def add_csv_bom(parser: Any) -> None:
    """Add the argument that marks CSV files as UTF-8."""
    parser.add_argument(
        "--csv-bom", action="store_true", help="begin CSV files with a byte order mark, so that Excel reads all letters"
    )


def add_provider(parser: Any) -> None:
    """Add the argument that selects the execution provider."""
    parser.add_argument(
        "--provider", default="cpu", metavar="NAME", help="execution provider: cpu (default), cuda, openvino, ..."
    )


def add_min_confidence(parser: Any) -> None:
    """Add the argument that sets the least probability of an emotion."""
    add_options(parser, PipelineOptions, ["min_confidence"])


def read_data(options: argparse.Namespace, heads: Iterable[str] = (), **more: Any) -> FaceDataset:
    """Load the data of the arguments of `add_data`, with a progress bar.

    Warnings about the data are silenced, since the same texts are among the data set's notes, which are shown.

    Args:
        options: the parsed arguments.
        heads: the heads of a model, which decide the label set if `--labels` is not given.
        **more: further arguments of `mien.datasets.load_data`.

    Raises:
        InputError: no data are named.
        DataError: the data cannot be read.
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
    """Convert "90m", "1h30m", "1.5h", or a plain number of minutes to minutes."""
    found = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m?)?", text.strip().lower())
    try:
        found_minutes = 60 * float(found[1] or 0) + float(found[2] or 0) if found else 0.0
    except ValueError:
        found_minutes = 0.0
    if not found_minutes > 0:
        raise argparse.ArgumentTypeError(f"expected a time like 90m or 1h30m, got {text}")
    return found_minutes


def add_options(parser: Any, cls: type, names: Sequence[str]) -> None:
    """Add fields of an options class to a parser, with their descriptions and defaults.

    Args:
        parser: the parser or group.
        cls: the options class, see `mien.options`.
        names: the fields.
    """
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
    """Return the options object of arguments that `add_options` added.

    Args:
        options: the parsed arguments.
        cls: the options class.
        names: the fields that were added.
        **more: values of other fields.
    """
    return cls(**{name: getattr(options, name) for name in names}, **more)


def argument_type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a type for argparse that shows the message of the function's ValueError."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


positive = argument_type(whole_number)


def recognizer_of(options: argparse.Namespace) -> EmotionRecognizer:
    """Return the recognizer that the arguments of `add_reading` and `add_min_confidence` define."""
    from mien.recognizer import EmotionRecognizer

    return EmotionRecognizer(
        options.model,
        detector=options.detector,
        labels=options.labels,
        size=options.size,
        min_face=options.min_face,
        min_confidence=options.min_confidence,
        flip=options.flip,
        prior=options.prior,
        set_coverage=options.set_coverage,
        set_kind=options.set_kind,
        providers=options.provider,
    )
