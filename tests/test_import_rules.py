"""Who may import whom, read from the folders: no lower tier a higher one, no circles, no extra that need not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

import pytest

import mien
from helpers.paths import ROOT

SOURCE = Path(mien.__file__).parent

INFERENCE, JUDGING, TRAINING, APPLICATION = range(4)
TIERS = {
    "detection": INFERENCE,
    "runtimes": INFERENCE,
    "video": INFERENCE,
    "live": INFERENCE,
    "voice": INFERENCE,
    "datasets": JUDGING,
    "evaluation": JUDGING,
    "training": TRAINING,
    "export": TRAINING,
    "report": APPLICATION,
    "studies": APPLICATION,
    "batch": APPLICATION,
    "federated": APPLICATION,
    "serve": APPLICATION,
    "cli": APPLICATION,
}
"""The tier of each folder; files at the top are of the inference tier. docs/architecture.md says the same."""

FACADE = "mien.recognizer"
"""The one module that may import higher tiers, inside its methods."""

LEARNING = {"torch", "torchvision", "lightning", "kornia", "torchmetrics", "pydantic", "tomli_w", "tensorboard"}
DRAWING = {"matplotlib", "seaborn", "sklearn", "jinja2"}
ON_REQUEST = {"matplotlib", "pandas", "pyarrow", "supervision", "av", "openvino", "ai_edge_litert", "IPython"}
"""Optional libraries that the inference tier may import, but only inside a function."""


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def tier_of(name: str) -> int:
    folder = name.split(".")[1] if "." in name else ""
    if name == "mien.__main__":  # the way into the command line
        return APPLICATION
    return TIERS[folder] if (SOURCE / folder).is_dir() and folder else INFERENCE


def imported(source: str) -> Iterator[tuple[str, bool]]:
    """Every module that a source imports when it runs, and whether inside a function; not those for types alone."""

    def walk(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            within = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if isinstance(child, ast.Import):
                yield from ((alias.name, within) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"line {child.lineno}: expected an absolute import"
                names = [f"{child.module}.{alias.name}" for alias in child.names]
                if not set(names) <= set(MODULES):  # names of the module itself, not only modules of a package
                    yield (child.module or "", within)
                yield from ((name, within) for name in names)
            elif isinstance(child, ast.Call) and ast.unparse(child.func).endswith(("import_module", "__import__")):
                yield from ((each.value, within) for each in child.args if isinstance(each, ast.Constant))
            yield from walk(child, within)

    yield from walk(ast.parse(source), False)


@cache
def imports_of(name: str) -> frozenset[tuple[str, bool]]:
    """What a module of mien imports."""
    return frozenset(imported(MODULES[name].read_text("utf-8")))


def edges(name: str) -> Iterator[tuple[str, bool]]:
    """The modules of mien that a module imports."""
    for target, inside in imports_of(name):
        if target in MODULES and target not in (name, "mien"):
            yield target, inside


def test_every_folder_has_a_tier() -> None:
    folders = {path.parent.relative_to(SOURCE).parts[0] for path in SOURCE.rglob("*.py") if path.parent != SOURCE}
    assert folders == set(TIERS)


def test_the_documentation_gives_the_same_tiers() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    titles = {INFERENCE: "inference", JUDGING: "judging", TRAINING: "training", APPLICATION: "applications"}
    for folder, tier in TIERS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {titles[tier]} |"))
        assert f"`{folder}/`" in row, folder


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
    assert any(name.split(".")[0] == "torch" or name.startswith("mien.training") for name, _ in imported(source))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_import_runs_upward(name: str) -> None:
    upward = {target for target, inside in edges(name) if tier_of(target) > tier_of(name)}
    if name == FACADE:
        upward = {target for target, inside in edges(name) if tier_of(target) > tier_of(name) and not inside}
    assert upward == set()


def test_no_circles() -> None:
    graph = {name: [to for to, inside in edges(name) if not (name == FACADE and inside)] for name in MODULES}
    assert circles(graph) == []


def circles(graph: dict[str, list[str]]) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    numbers, found = count(), list[list[str]]()

    def visit(node: str) -> None:
        index[node] = low[node] = next(numbers)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            place = stack.index(node)
            if len(stack) - place > 1:
                found.append(sorted(stack[place:]))
            del stack[place:]

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_circles_are_found() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["b"]}) == [["b", "c"]]


@pytest.mark.parametrize("name", [name for name in sorted(MODULES) if tier_of(name) == INFERENCE])
def test_inference_imports_no_library_of_training_and_extras_on_request_only(name: str) -> None:
    allowed = {"torch"} if name == "mien.runtimes.torch" else set()
    for target, inside in imports_of(name):
        library = target.split(".")[0]
        assert library not in LEARNING - allowed, f"{name} imports {target}"
        assert library not in DRAWING | ON_REQUEST or (inside and library in ON_REQUEST), f"{name} imports {target}"


@pytest.mark.parametrize("name", [name for name in sorted(MODULES) if tier_of(name) == JUDGING])
def test_judging_imports_no_library_of_training(name: str) -> None:
    libraries = {target.split(".")[0] for target, _ in imports_of(name)}
    assert libraries & LEARNING == set()


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: module_of(path))
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_no_two_classes_share_a_name() -> None:
    found: dict[str, str] = {}
    for name, path in MODULES.items():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                assert node.name not in found, f"{node.name} is in {found[node.name]} and in {name}"
                found[node.name] = name


@pytest.mark.parametrize("name", [name for name in sorted(MODULES) if tier_of(name) != APPLICATION])
def test_library_code_never_prints(name: str) -> None:
    """What users should know is logged; only the log handler and the progress bar write to standard error."""
    calls = [node for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))) if isinstance(node, ast.Call)]
    printed = [call for call in calls if ast.unparse(call.func) == "print"]
    assert not printed or name in ("mien.progress", "mien.logs")


def loaded_by(statement: str) -> set[str]:
    """The top-level modules in memory after a statement in a new process."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_inference_tier_loads_nothing_of_training() -> None:
    loaded = loaded_by("import mien, mien.recognizer, mien.evaluation.evaluate, mien.video.recording, mien.live.show")
    assert {"mien", "numpy"} <= loaded
    assert loaded & (LEARNING | DRAWING | {"pandas"}) == set()


def test_the_command_line_loads_no_library() -> None:
    loaded = loaded_by("import mien.cli.main; mien.cli.main.make_parser()")
    assert loaded & (LEARNING | DRAWING | {"numpy", "cv2", "onnxruntime", "PIL", "rich", "pandas"}) == set()


def test_reports_load_torch_only_when_they_need_it() -> None:
    loaded = loaded_by("import mien.report, mien.report.comparison")
    assert loaded & LEARNING == set()


def test_importing_mien_alone_loads_no_library() -> None:
    loaded = loaded_by("import mien")
    assert "mien" in loaded
    assert loaded & (LEARNING | {"numpy", "cv2", "onnxruntime", "matplotlib", "PIL", "rich", "pandas"}) == set()


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
        "SoundError",
        "VideoError",
        "Voice",
        "VoiceRecognizer",
        "Voices",
    ]
    assert dir(mien) == sorted(mien.__all__)


@pytest.mark.parametrize("name", mien.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mien, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mien' has no attribute 'Emotions'"):
        mien.Emotions  # noqa: B018
