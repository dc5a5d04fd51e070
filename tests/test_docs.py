"""The documentation is run: README's commands and Python blocks, the bundle format's example, every recipe key."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mien.bundle import released

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TINY = ["--epochs", "1", "--set", "compile=false", "--set", "network.widths=[8,8,8,8]"]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    return [line for block in blocks(text, "bash") for line in block.splitlines() if line.strip()]


@pytest.fixture
def newcomer(tmp_path: Path, fer2013_csv: tuple[Path, Path]) -> Path:
    """A folder as a reader of the README has it: the examples, and the data set's two files."""
    folder = tmp_path / "newcomer"
    shutil.copytree(ROOT / "examples", folder / "examples")
    for source, name in zip(fer2013_csv, ("fer2013.csv", "fer2013new.csv"), strict=True):
        shutil.copy(source, folder / name)
    return folder


def run(command: list[str], folder: Path) -> str:
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_readme_commands_run(newcomer: Path) -> None:
    found = commands(README)
    assert len(found) >= 7
    for line in found:
        program, *words = shlex.split(line)
        assert program == "mien"
        expanded = [str(path) for word in words for path in (sorted(newcomer.glob(word)) if "*" in word else [word])]
        shorter = TINY if words[0] == "train" else []
        run([sys.executable, "-m", "mien.cli", *expanded, *shorter], newcomer)
    for path in ("out/faces.json", "out/faces.csv", "out/eileen_collins.jpg", "runs/mien/mien.onnx", "evaluation.json"):
        assert (newcomer / path).is_file(), path


def test_readme_python_runs(newcomer: Path) -> None:
    found = blocks(README, "python")
    assert len(found) >= 2
    first, second = (run([sys.executable, "-c", block], newcomer) for block in found[:2])
    assert "1 face in examples/eileen_collins.jpg" in first
    assert "not read: no such file.jpg" in second


def test_bundle_format_example_runs(tmp_path: Path) -> None:
    shutil.copy(released()["mien"], tmp_path)
    text = (ROOT / "docs" / "bundle-format.md").read_text(encoding="utf-8")
    for block in blocks(text, "python"):
        run([sys.executable, "-c", block + "\nassert logits['fer2013'].shape == (1, 7)"], tmp_path)


def test_every_recipe_key_is_documented() -> None:
    from mien.training.recipe import keys

    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    for key, description in keys().items():
        if key not in ("name", "description"):
            row = next((line for line in text.splitlines() if line.startswith(f"| `{key}` |")), None)
            assert row is not None, f"{key} is not in docs/training.md"
            assert description in row


def test_links_in_the_documentation_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            found = page.parent / target
            assert any(found.iterdir()) if found.is_dir() else found.is_file(), f"{page.name} links to {target}"
