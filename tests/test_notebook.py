"""The notebook runs on other data than its own, and what is kept of its own run is small and tells of no machine."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.paths import ROOT

pytestmark = pytest.mark.slow

NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"
SHORT = {"DATA = None": "DATA = {data!r}", "EPOCHS = 10": "EPOCHS = 1"}


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def kinds(notebook: nbformat.NotebookNode) -> set[str]:
    return {kind for output in outputs(notebook) for kind in output.get("data", ())}


# jupyter_client tells of a port without encryption; on 127.0.0.1 it does not matter.
@pytest.mark.filterwarnings("ignore:.*TCP without encryption")
def test_runs_on_fer2013(
    notebook: nbformat.NotebookNode, fer2013_csv: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line, other in SHORT.items():
        assert line in notebook.cells[1].source
        notebook.cells[1].source = notebook.cells[1].source.replace(line, other.format(data=str(fer2013_csv[0])))
    home = tmp_path / "notebooks"
    home.mkdir()
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.setenv("PYTHONWARNINGS", "error,ignore:IProgress not found")  # tqdm's, without ipywidgets
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(home)}}).execute()
    printed = "".join(output.text for output in outputs(notebook) if output.output_type == "stream")
    assert re.search(r"on PublicTest +n", printed)
    assert kinds(notebook) >= {"image/png", "image/jpeg", "text/html"}
    assert (home / "emotion_model.onnx").is_file()


def test_is_kept_as_it_ran(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert {output.output_type for output in outputs(notebook)} <= {"stream", "execute_result", "display_data"}
    assert kinds(notebook) >= {"image/png", "image/jpeg", "text/html"}


def test_is_small_and_tells_of_no_machine(notebook: nbformat.NotebookNode) -> None:
    assert NOTEBOOK.stat().st_size < 500_000
    texts = [output.get("text", "") for output in outputs(notebook)]
    texts += [str(value) for output in outputs(notebook) for kind, value in output.get("data", {}).items()
              if kind.startswith("text/")]  # fmt: skip
    for text in texts:
        assert not re.search(r"(?<![.\w])/(home|root|tmp|usr|var|work|Users)\b|site-packages|Warning", text)


def test_its_links_lead_somewhere(notebook: nbformat.NotebookNode) -> None:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    found = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert found
    assert all((NOTEBOOK.parent / target).is_file() for target in found)
