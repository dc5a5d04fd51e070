"""Runs of `mien train` as benchmarks want them: in a process of their own, and gone on with if they were stopped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mien.runs import Run


def train(recipe: str, data: Path, folder: Path, overrides: Sequence[str], *words: str | Path) -> None:
    """Trains a recipe into a folder through the command that everybody uses; a finished run is left as it is."""
    run = Run(folder)
    if run.evaluation.is_file():
        return
    command = [sys.executable, "-m", "mien", "train", "--recipe", recipe, "--data", data, "--out", folder, *words]
    command += [word for override in overrides for word in ("--set", override)]
    command += ["--resume"] if run.recipe.is_file() else []
    print("training", folder.name, flush=True)
    subprocess.run([str(word) for word in command], check=True)
