"""`mien info`: print a bundle's model card."""

from __future__ import annotations

import argparse
from typing import Any

from mien.cli.arguments import add_provider
from mien.cli.exit_codes import OK


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser("info", help="print a bundle's model card", description=_info.__doc__)
    parser.add_argument("bundle", metavar="BUNDLE", help="a released bundle's name, a file, or a run's folder")
    parser.add_argument("--json", action="store_true", help="print the whole metadata as JSON")
    add_provider(parser)
    parser.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> int:
    """Print the model card of a bundle."""
    from mien.bundle import Bundle
    from mien.model_card import card
    from mien.voice.bundle import VoiceBundle, voice_bundle
    from mien.voice.card import voice_card

    if voice := voice_bundle(options.bundle):
        heard = VoiceBundle.load(voice)
        print(heard.metadata.to_json(indent=2) if options.json else voice_card(heard))
        return OK
    bundle = Bundle.load(options.bundle, providers=options.provider)
    print(bundle.metadata.to_json(indent=2) if options.json else card(bundle))
    return OK
