"""Where the project's files are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
EILEEN_COLLINS = EXAMPLES / "eileen_collins.jpg"
