"""The `mien` command: parse the arguments, run the command, print errors.

Exit codes: 0 success, 1 some of the work failed (the rest is done), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module

from mien.cli.exit_codes import OK, SOME_FAILED, USAGE
from mien.errors import (
    BundleError,
    DetectorError,
    DownloadError,
    InputError,
    MienError,
    MissingExtraError,
    RecipeError,
)
from mien.version import __version__

COMMANDS = (
    "predict",
    "models",
    "info",
    "video",
    "study",
    "annotations",
    "batch",
    "live",
    "listen",
    "serve",
    "site",
    "train",
    "evaluate",
    "robustness",
    "federated",
    "export",
    "data",
    "report",
    "compare",
)
"""The commands, in the order of the help; each is a module of this folder, which is imported when it is needed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: the arguments after "mien"; None: those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names may hold characters that the encoding cannot represent
            stream.reconfigure(errors="backslashreplace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:  # without building the parsers of all commands
        print(f"mien {__version__}")
        return OK
    _log_to_stderr()
    _stop_like_ctrl_c()
    parser = make_parser(given[0] if given and given[0] in COMMANDS else None)
    options = parser.parse_args(given)
    if not hasattr(options, "run"):
        parser.print_help()
        return USAGE
    try:
        code = int(options.run(options))
        sys.stdout.flush()  # here, where a closed pipe can still be caught
        return code
    except DownloadError as error:  # a DetectorError, but not wrong usage
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
    except BrokenPipeError:  # the reader of the output has ended: nothing to report
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        print(f"mien: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return SOME_FAILED


def _stop_like_ctrl_c() -> None:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: what was done until then is written, nothing is left over.

    A signal that is ignored, as `nohup` ignores SIGHUP, or that has a handler stays as it is.
    """

    def stop(number: int, _: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, stop)


def _log_to_stderr() -> None:
    """Set up the logger of mien's library code, once in each process."""
    import logging

    from mien.logs import StandardErrorHandler

    logger = logging.getLogger("mien")
    if not any(isinstance(handler, StandardErrorHandler) for handler in logger.handlers):
        logger.addHandler(StandardErrorHandler())
    logger.setLevel(logging.INFO)


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser with all commands, or with one of them; a parsed command is in `options.run`."""
    parser = argparse.ArgumentParser(
        prog="mien", description="Recognize facial expressions, and train the models for it."
    )
    parser.add_argument("--version", action="version", version=f"mien {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in COMMANDS if command is None else (command,):
        import_module(f"mien.cli.{name}").add(commands)
    return parser
