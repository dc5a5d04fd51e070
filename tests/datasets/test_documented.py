"""docs/data.md says what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers.data_trees import textures
from helpers.paths import ROOT
from mien.datasets import FaceDataset
from mien.datasets.clean import DEFAULT_REASONS, REASONS
from mien.datasets.describe import describe

TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", REASONS)
def test_reasons(reason: str) -> None:
    default = "yes" if reason in DEFAULT_REASONS else "no"
    assert f"| `{reason}` | {REASONS[reason]} | {default} |" in TEXT


def test_keys_of_the_json() -> None:
    votes = np.ones((2, 10), np.uint8)
    found = describe(FaceDataset(textures(2), np.array([0, 1]), np.array(["Training", "Test"]), votes)).to_dict()
    nested = [key for value in (found["exact_copies"], found["near_copies"], found["ferplus"]) for key in value]
    for key in (*found, *nested):
        assert f"`{key}`" in TEXT


def test_the_example_runs(fer2013_csv: tuple[Path, Path]) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    command = [sys.executable, "-c", example]
    answer = subprocess.run(command, cwd=fer2013_csv[0].parent, capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[2].split()[:3] == ["fer2013", "Training", "63"]
