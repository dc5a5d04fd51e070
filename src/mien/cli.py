"""The `mien` command. Parses words and prints answers; the work is done elsewhere, imported when it is needed.

Exit codes: 0 all went well, 1 some of the work failed (the rest is done), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mien import __version__
from mien.errors import (
    BundleError,
    DetectorError,
    DownloadError,
    InputError,
    MienError,
    MissingExtraError,
    RecipeError,
)

OK, SOME_FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal or file name may hold what the encoding does not
            stream.reconfigure(errors="backslashreplace")
    parser = make_parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return USAGE
    try:
        code = int(options.run(options))
        sys.stdout.flush()  # here, where a closed pipe can still be caught
        return code
    except DownloadError as error:  # a DetectorError, but no wrong usage
        print(f"mien: {error}", file=sys.stderr)
        return SOME_FAILED
    except (InputError, RecipeError, BundleError, DetectorError, MissingExtraError) as error:
        print(f"mien: {error}", file=sys.stderr)
        return USAGE
    except MienError as error:
        print(f"mien: {error}", file=sys.stderr)
        return SOME_FAILED
    except KeyboardInterrupt as stop:
        print(f"mien: {str(stop) or 'stopped'}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has gone; there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        print(f"mien: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return SOME_FAILED


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mien", description="Reads facial expressions, and trains the models that do it."
    )
    parser.add_argument("--version", action="version", version=f"mien {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_predict(commands)
    _add_models(commands)
    _add_info(commands)
    _add_train(commands)
    _add_evaluate(commands)
    return parser


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser("predict", help="read the emotions in pictures", description=_predict.__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures, folders of pictures, or globs")
    parser.add_argument("--recursive", action="store_true", help="look into the folders' folders too")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - for standard output")
    parser.add_argument("--csv", metavar="FILE", help="write a row per face; - for standard output")
    parser.add_argument("--annotate", metavar="DIR", type=Path, help="write the pictures with boxes and bars")
    parser.add_argument(
        "--model", default="mien", metavar="BUNDLE", help="a released bundle's name or a file (default: mien)"
    )
    parser.add_argument(
        "--detector",
        default="centerface",
        help="centerface (default), yunet, or whole: the picture is one face",
    )
    parser.add_argument("--size", type=int, metavar="PIXELS", help="longer side at which faces are searched")
    parser.add_argument("--labels", help="ferplus (8 emotions, what people see) or fer2013 (7, the benchmark's)")
    parser.add_argument("--min-face", type=float, default=0, metavar="PIXELS", help="leave out smaller faces")
    parser.add_argument("--top", type=_positive, default=3, metavar="K", help="emotions shown per face (default: 3)")
    parser.add_argument("--flip", action="store_true", help="average each face with its mirror image")
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
    parser.set_defaults(run=_info)


def _add_data(parser: Any) -> None:
    parser.add_argument(
        "--data", required=True, type=Path, metavar="FILE", help="fer2013.csv, or an archive that holds it"
    )
    parser.add_argument("--votes", type=Path, metavar="FILE", help="FER+'s fer2013new.csv, aligned row by row")


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="train a model (extra: train)", description=_train.__doc__)
    parser.add_argument("--recipe", default="mien", help="a shipped recipe's name or a .toml file (default: mien)")
    _add_data(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --out after its last finished epoch"
    )
    parser.add_argument("--seed", type=int)
    parser.add_argument("--epochs", type=_positive)
    parser.add_argument("--batch-size", type=_positive)
    parser.add_argument("--precision", choices=["auto", "32-true", "bf16-mixed", "16-mixed"])
    parser.add_argument(
        "--max-time",
        type=_minutes,
        metavar="TIME",
        help="train for so long at most, 90m or 1h30m; the schedule ends inside it",
    )
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--devices", type=_positive, default=1, help="processes on each node (default: 1)")
    parser.add_argument("--nodes", type=_positive, default=1, help="machines, each started with torchrun (default: 1)")
    parser.add_argument("--strategy", default="auto", help="Lightning's: auto (default), ddp, ddp_spawn, fsdp, ...")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any key of the recipe, for example augment.mixup=0.2",
    )
    parser.set_defaults(run=_train)


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="judge a bundle on labelled faces", description=_evaluate.__doc__)
    parser.add_argument("bundle", metavar="BUNDLE", help="a released bundle's name or a file")
    _add_data(parser)
    parser.add_argument("--split", default="PublicTest", help="PublicTest (default), PrivateTest or Training")
    parser.add_argument("--flip", action="store_true", help="average each face with its mirror image")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything as JSON")
    parser.set_defaults(run=_evaluate)


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

    bundle = Bundle.load(options.bundle)
    print(bundle.metadata.to_json(indent=2) if options.json else card(bundle))
    return OK


def _train(options: argparse.Namespace) -> int:
    """Trains a recipe on FER2013; then calibrates the model, exports it, compares the file with the network, and
    evaluates it."""
    from mien.datasets import load_fer2013
    from mien.training.recipe import load_recipe

    direct = {
        "seed": options.seed,
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "max_minutes": options.max_time,
    }
    overrides = [f"{key}={value}" for key, value in direct.items() if value is not None]
    if options.precision:
        overrides.append(f'precision="{options.precision}"')
    recipe = load_recipe(options.recipe, [*options.set, *overrides])
    with _progress("reading the data") as progress:
        dataset = load_fer2013(options.data, options.votes, progress=progress)

    from mien.training.fit import Hardware, train

    hardware = Hardware(options.device, options.devices, options.nodes, options.strategy)
    bundle = train(recipe, dataset, options.out, resume=options.resume, hardware=hardware)
    print(f"wrote {bundle}")
    return OK


def _evaluate(options: argparse.Namespace) -> int:
    """Accuracy, calibration and confusion of a bundle, with 95 % bootstrap intervals, with and without the faces that
    have an exact copy in Training; with --votes also on the usual FER+ test sets."""
    from mien.bundle import Bundle
    from mien.datasets import load_fer2013
    from mien.evaluate import evaluate_bundle

    bundle = Bundle.load(options.bundle)
    with _progress("reading the data") as progress:
        dataset = load_fer2013(options.data, options.votes, progress=progress)
    with _progress("reading the faces") as progress:
        evaluation = evaluate_bundle(bundle, dataset, options.split, flip=options.flip, progress=progress)
    print(evaluation.table())
    if options.out:
        evaluation.to_json(options.out)
    return OK


@contextmanager
def _progress(label: str) -> Iterator[Callable[[float], None]]:
    """A bar on standard error for work that tells the share that is done, 0 to 1; nothing is left of it."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _minutes(text: str) -> float:
    """ "90m", "1h30m", "1.5h", or a plain number of minutes."""
    found = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m?)?", text.strip().lower())
    try:
        minutes = 60 * float(found[1] or 0) + float(found[2] or 0) if found else 0.0
    except ValueError:
        minutes = 0.0
    if not minutes > 0:
        raise argparse.ArgumentTypeError(f"expected a time like 90m or 1h30m, got {text}")
    return minutes


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
