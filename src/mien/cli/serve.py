"""`mien serve`: run the service and its page."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from typing import Any

from mien.cli.exit_codes import OK
from mien.errors import MissingExtraError
from mien.serve.settings import ServiceSettings, texts_of

_REPEATED = {"keys": "key"}
"""Fields whose option may be repeated, with the option's name in the singular."""


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "serve", help="run the HTTP service, with a page for browsers (extra: serve)", description=_serve.__doc__
    )
    parser.add_argument("--new-key", action="store_true", help="make an API key, print it and its hash, and stop")
    for each in fields(ServiceSettings):
        flag = "--" + _REPEATED.get(each.name, each.name).replace("_", "-")
        default = each.default
        shown = (
            ""
            if default in ("", (), False, None)
            else f" (default: {default:,})"
            if isinstance(default, int)
            else f" (default: {default})"
        )
        description = each.metadata["help"]
        if isinstance(default, bool):
            parser.add_argument(flag, dest=each.name, action="store_const", const="true", help=description)
        elif isinstance(default, tuple):
            parser.add_argument(
                flag,
                dest=each.name,
                action="append",
                metavar=each.metadata["metavar"],
                help=f"{description}; may be repeated",
            )
        else:
            metavar = each.metadata["metavar"] or each.name.upper()
            parser.add_argument(flag, dest=each.name, metavar=metavar, help=(description + shown).replace("%", "%%"))
    parser.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    """Run the HTTP service: pictures, videos as jobs, live streams, and a page for browsers.

    By default only this machine can reach it. Each option can also be set in the environment: MIEN_SERVE_PORT=9000 for
    --port 9000.
    """
    try:
        from mien.serve.middleware.keys import make_key
        from mien.serve.server import serve
    except ImportError as error:
        raise MissingExtraError("mien serve", "serve") from error
    if options.new_key:
        key, digest = make_key()
        print(f"key   {key}\nhash  {digest}")
        print("Give the key to the client, and the hash to the service: --key HASH, or a line of --key-file.")
        return OK
    return serve(settings_of(options))


def settings_of(options: argparse.Namespace) -> ServiceSettings:
    """Return the settings of the environment, replaced by those of the command line."""
    texts = texts_of(os.environ)
    for each in fields(ServiceSettings):
        given = getattr(options, each.name)
        if given is not None:
            texts[each.name] = ",".join(given) if isinstance(given, list) else given
    return ServiceSettings.from_texts(texts, "mien serve")
