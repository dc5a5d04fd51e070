"""Who may import whom: inference never training or reports, nobody the command line; and what importing mien costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mien

SOURCE = Path(mien.__file__).parent
CLI = {
    "mien.cli.main",
    "mien.commands",
    "mien.cli.output",
    "mien.video.recording",
    "mien.video.timeline.writing",
    "mien.model_card",
}
"""The command line and the modules that serve it."""
LEARNING = {
    "torch",
    "torchvision",
    "lightning",
    "kornia",
    "torchmetrics",
    "pydantic",
    "pandas",
    "tomli_w",
    "tensorboard",
}
DRAWING = {"matplotlib", "seaborn", "sklearn", "jinja2"}
APPLICATIONS = {
    "mien.batch": set(),
    "mien.serve": {"pydantic", "mien.video.timeline.writing"},
    "mien.export": {"torch"},
    "mien.federated": {
        "torch",
        "lightning",
        "tomli_w",
        "matplotlib",
        "mien.training",
        "mien.report",
        "mien.model_card",
    },
}
"""The packages of the third tier, each with what it may import besides the inference tier and its own extra."""
ON_REQUEST = {
    "mien.results": {"pandas"},  # Faces.to_pandas
    "mien.recognizer": {"mien.training", "mien.report", "matplotlib"},  # train, plot_training_history and its type
    "mien.runtimes.torch": {"torch"},
}


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}
TRAINING = {name for name in MODULES if name.startswith("mien.training")}
REPORT = {name for name in MODULES if name.startswith("mien.report")}
APPLIED = {name: owner for name in MODULES for owner in APPLICATIONS if name == owner or name.startswith(f"{owner}.")}
INFERENCE = {
    name for name in set(MODULES) - TRAINING - REPORT - set(APPLIED) - CLI if not name.startswith("mien.commands.")
}


def imported(source: str) -> Iterator[str]:
    """Every module that a source imports, at any level, also `from mien import training` and by name at run time."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: expected an absolute import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (each.value for each in node.args if isinstance(each, ast.Constant))


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def broken(name: str, forbidden: set[str]) -> list[str]:
    return sorted(each for each in set(imported(MODULES[name].read_text("utf-8"))) if within(each, forbidden))


def test_the_tiers_are_found() -> None:
    assert {"mien", "mien.recognizer", "mien.bundle", "mien.datasets.fer2013", "mien.evaluation.evaluate"} <= INFERENCE
    assert {"mien.training.fit", "mien.training.models.base"} <= TRAINING
    assert {"mien.report", "mien.report.write"} <= REPORT
    assert {"mien.batch.run", "mien.serve.app", "mien.serve.settings", "mien.export.compare"} <= set(APPLIED)
    assert set(MODULES) >= CLI


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "import torch.nn as nn",
        "def f():\n    from torch import nn",
        "from mien import training",
        "from mien.training.fit import train",
        "if True:\n    importlib.import_module('torch')",
    ],
)
def test_an_import_is_found_wherever_it_hides(source: str) -> None:
    assert any(within(name, {"torch", "mien.training"}) for name in imported(source))


@pytest.mark.parametrize("name", sorted(INFERENCE))
def test_inference_imports_no_training_no_report_and_no_command_line(name: str) -> None:
    forbidden = LEARNING | DRAWING | CLI | set(APPLICATIONS) | {"mien.training", "mien.report"}
    assert broken(name, forbidden - ON_REQUEST.get(name, set())) == []


@pytest.mark.parametrize("name", sorted(TRAINING | REPORT))
def test_neither_training_nor_reports_import_the_command_line(name: str) -> None:
    assert broken(name, CLI) == []


@pytest.mark.parametrize("name", sorted(APPLIED))
def test_applications_know_neither_each_other_nor_commands(name: str) -> None:
    own = APPLIED[name]
    forbidden = LEARNING | DRAWING | CLI | {"mien.training", "mien.report"} | set(APPLICATIONS) - {own}
    assert broken(name, forbidden - APPLICATIONS[own]) == []


def loaded_by(statement: str) -> set[str]:
    """The top-level modules in memory after a statement in a new process."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_inference_tier_loads_nothing_of_training() -> None:
    loaded = loaded_by("import mien, mien.recognizer, mien.evaluation.evaluate")
    assert {"mien", "numpy"} <= loaded
    assert loaded & (LEARNING | DRAWING) == set()


def test_the_command_line_loads_nothing_of_training() -> None:
    assert loaded_by("import mien.cli.main, mien.cli.output, mien.model_card") & LEARNING == set()


def test_reports_load_torch_only_when_they_need_it() -> None:
    loaded = loaded_by("import mien.report, mien.report.comparison")
    assert loaded & (LEARNING - {"pandas"}) == set()  # scikit-learn loads pandas where it is installed


def test_importing_mien_alone_loads_no_library() -> None:
    loaded = loaded_by("import mien")
    assert "mien" in loaded
    assert loaded & (LEARNING | {"numpy", "cv2", "onnxruntime", "matplotlib", "PIL", "rich"}) == set()


def test_the_public_names_are_these() -> None:
    assert mien.__all__ == [
        "__version__",
        "Bundle",
        "BundleError",
        "Detections",
        "EmotionRecognizer",
        "Face",
        "Faces",
        "ImageError",
        "LabelSet",
        "MienError",
        "Moment",
        "VideoError",
    ]
    assert dir(mien) == sorted(mien.__all__)


@pytest.mark.parametrize("name", mien.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mien, name) is not None


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(AttributeError, match="module 'mien' has no attribute 'Emotions'"):
        mien.Emotions  # noqa: B018
