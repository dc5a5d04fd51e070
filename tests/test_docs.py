"""The documentation is run: README's commands, all Python blocks, every key, option and default."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from helpers.data_trees import write_classes
from helpers.paths import ROOT
from mien import EmotionRecognizer
from mien.bundle import released
from mien.cli.main import main
from mien.labels import FER2013

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
PYTHON = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
SHORT = ("epochs=1", "compile=false", "precision=32-true")
TINY = {
    "mien": ("network.widths=[8,8,8,8]",),
    "mien-refined": ("network.widths=[8,8,8,8]",),
    "mien-robust": ("network.widths=[8,8,8,8]",),
    "plain-cnn": ("network.channels=[8,8,8,8]",),
    "transfer": (),
}
"""What makes the recipes of README small."""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    return [line for block in blocks(text, "bash") for line in block.splitlines() if line.strip()]


@pytest.fixture
def newcomer(tmp_path: Path, fer2013_csv: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader of the documentation is: the examples, FER2013's two files, pictures, and a backbone."""
    folder = tmp_path / "newcomer"
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copy(ROOT / "examples" / "eileen_collins.jpg", folder / "face.jpg")
    for source, name in zip(fer2013_csv, ("fer2013.csv", "fer2013new.csv"), strict=True):
        shutil.copy(source, folder / name)
    for seed, split in enumerate(("train", "validation", "test")):
        write_classes(folder / "my_faces" / split, list(FER2013.names), 4, 1000 * seed)
    write_classes(folder / "other_faces", list(FER2013.names), 3, 5000)
    monkeypatch.chdir(folder)
    return folder


def run(command: list[str], folder: Path) -> str:
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def shortened(words: list[str]) -> list[str]:
    """The words of a command, files for patterns, with what makes training short."""
    expanded = [str(path) for word in words for path in (sorted(Path().glob(word)) if "*" in word else [word])]
    if words[0] != "train":
        return expanded
    settings = (*SHORT, *TINY[words[words.index("--recipe") + 1]])
    return [*expanded, "--epochs", "1", *(word for setting in settings for word in ("--set", setting))]


def test_readme_commands_run(newcomer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from helpers.tiny_backbones import backbone

    shutil.copytree(backbone("mobilenet-v2"), newcomer / "google" / "mobilenet_v2_1.0_224")
    found = commands(README)
    kinds = {line.split()[1] for line in found}
    assert kinds >= {"predict", "models", "info", "data", "train", "evaluate", "robustness", "report", "compare"}
    for line in found:
        program, *words = shlex.split(line)
        assert program == "mien"
        assert main(shortened(words)) == 0, f"{line}\n{capsys.readouterr().err}"
    for path in ("out/faces.json", "out/faces.csv", "out/eileen_collins.jpg", "evaluation.json", "leave_out.csv"):
        assert (newcomer / path).is_file(), path
    for path in (
        "mien/mien.onnx",
        "mine/plain-cnn.onnx",
        "mine/report/report.html",
        "mien-refined/mien.onnx",
        "mien-robust/mien.onnx",
        "mine/spoilt/mine.json",
        "mobilenet/transfer.onnx",
    ):
        assert (newcomer / "runs" / path).is_file(), path


def test_readme_python_runs(newcomer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *reading, training = blocks(README, "python")
    first, second = (run([sys.executable, "-c", block], newcomer) for block in reading)
    assert "1 face in examples/eileen_collins.jpg" in first
    assert "not read: no such file.jpg" in second
    exec(quick(training), {})
    assert "1 face in face.jpg" in capsys.readouterr().out
    assert (newcomer / "training.png").is_file()


def test_python_page_runs(newcomer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(PYTHON, "python"):
        exec(quick(block), {})
    assert "1 face in face.jpg" in capsys.readouterr().out
    assert (newcomer / "emotion_model.onnx").is_file()
    assert (newcomer / "runs" / "eight" / "plain-cnn.onnx").is_file()


def quick(block: str) -> str:
    """A block of Python with what makes training short."""
    settings = {"epochs": 1, "compile": False, "precision": "32-true", "network.channels": [8, 8, 8, 8]}
    block = re.sub(r'recipe="([a-z-]+)"', rf'recipe="\1", settings={settings}', block)
    return re.sub(r"epochs=\d+", "epochs=1", block)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Reading": EmotionRecognizer.__init__,
    "Training": EmotionRecognizer.train,
    "Judging": EmotionRecognizer.evaluate,
}


@pytest.mark.parametrize("title", FUNCTIONS)
def test_python_options_are_documented(title: str) -> None:
    function = FUNCTIONS[title]
    (found,) = tables(PYTHON.partition(f"\n## {title}\n")[2].partition("\n## ")[0])
    _, *parameters = inspect.signature(function).parameters.values()
    expected = [(f"`{each.name}`", "" if each.default is each.empty else literal(each.default)) for each in parameters]
    assert [(row["option"], row["default"]) for row in found] == expected


def literal(default: Any) -> str:
    """A default as Python's tables have it."""
    return f'`"{default}"`' if isinstance(default, str) else f"`{default!r}`".replace("'", '"')


def test_bundle_format_example_runs(tmp_path: Path) -> None:
    shutil.copy(released()["mien"], tmp_path)
    text = (ROOT / "docs" / "bundle-format.md").read_text(encoding="utf-8")
    for block in blocks(text, "python"):
        run([sys.executable, "-c", block + "\nassert logits['fer2013'].shape == (1, 7)"], tmp_path)


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """The tables of a page, a dict from heading to cell for each row."""
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines())
        yield [dict(zip(head, row, strict=True)) for row in rows]


def written(default: Any) -> str:
    """A default as the tables have it."""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every key of a recipe with its default."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields(info.annotation, f"{prefix}{name}.")
        elif prefix + name not in ("name", "description"):
            yield prefix + name, written(info.default)


def test_every_recipe_key_is_documented() -> None:
    from mien.training.recipe import Recipe, keys

    (found,) = (table for table in tables(TRAINING) if list(table[0]) == ["key", "default", "meaning"])
    rows = [(row["key"].strip("`"), row["default"], row["meaning"]) for row in found]
    descriptions = keys()
    assert rows == [(key, default, descriptions[key]) for key, default in fields(Recipe)]


def test_every_option_of_every_network_is_documented() -> None:
    from mien.training.models import NETWORKS

    found: dict[str, dict[str, tuple[str, str]]] = {name: {} for name in NETWORKS}
    for row in (row for table in tables(TRAINING) for row in table if "option" in row):
        option = row["option"].strip("`").removeprefix("network.")
        for name in (heading.strip("`") for heading in row):
            if name in found and row[f"`{name}`"]:
                found[name][option] = (row[f"`{name}`"], row["meaning"])
    for name, network in NETWORKS.items():
        options = network.Options.model_fields.items()
        assert found[name] == {option: (written(info.default), info.description) for option, info in options}


def test_every_shipped_recipe_is_documented() -> None:
    from mien.training.recipe import shipped_recipes

    (found,) = (table for table in tables(TRAINING) if "as published" in table[0])
    assert {row["recipe"].strip("`") for row in found} == set(shipped_recipes())


def test_links_in_the_documentation_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            found = page.parent / target
            assert any(found.iterdir()) if found.is_dir() else found.is_file(), f"{page.name} links to {target}"
