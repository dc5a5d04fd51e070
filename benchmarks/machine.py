"""Where results are kept, and what they say of the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mien.runs
from mien.files import write_atomically

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("mien", "numpy", "onnxruntime", "opencv-python", "torch")


def describe() -> dict[str, Any]:
    """The machine, and the versions that decide speed."""
    return mien.runs.describe_machine(PACKAGES)


def write_results(name: str, values: dict[str, Any]) -> Path:
    """Writes `results/NAME.json` and says so."""
    path = write_atomically(RESULTS / f"{name}.json", json.dumps(values, indent=2) + "\n")
    print(f"wrote {path}")
    return path
