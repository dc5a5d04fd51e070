"""The page as a whole: that it says what was measured, needs nothing else, and says how far to trust it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.cli.main import main
from mien.datasets import FaceDataset
from mien.errors import BundleError, DataError, InputError
from mien.labels import FER2013, FERPLUS
from mien.report import write_report
from mien.report.evaluations import evaluate_heads
from mien.report.write import _notes
from mien.runs import open_model_source

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What the tests ask of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag

    def every(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self) -> str:
        """The text without tags, every space one space."""
        body = re.sub(r"<style>.*?</style>", "", self.text, flags=re.DOTALL)
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))

    def rows(self, caption: str) -> dict[str, list[str]]:
        """The first table of this caption: first cell -> the others."""
        table = self.text.split(f"<caption>{caption}</caption>")[1].split("</table>")[0]
        lines = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
        cells = [[re.sub(r"<[^>]+>", "", cell) for cell in line] for line in lines]
        return {line[0]: line[1:] for line in cells}


@dataclass
class Written:
    path: Path
    page: Page
    stages: list[tuple[str, float]]


@pytest.fixture(scope="module")
def kept_pages() -> dict[str, Written]:
    return {}


def write(source: Path, data: FaceDataset, out: Path, split: str = "PublicTest") -> Written:
    stages: list[tuple[str, float]] = []
    path = write_report(source, data, out, split, progress=lambda stage, share: stages.append((stage, share)))
    return Written(path, Page(path.read_text(encoding="utf-8")), stages)


@pytest.fixture
def of_run(kept_pages: dict[str, Written], run: Path, data: FaceDataset, tmp_path: Path) -> Written:
    """The report of the run, written once."""
    if "run" not in kept_pages:
        kept_pages["run"] = write(run, data, tmp_path / "report")
    return kept_pages["run"]


@pytest.fixture
def of_bundle(kept_pages: dict[str, Written], bundle: Path, data: FaceDataset, tmp_path: Path) -> Written:
    """The report of the bundle, written once."""
    if "bundle" not in kept_pages:
        kept_pages["bundle"] = write(bundle, data, tmp_path / "report")
    return kept_pages["bundle"]


@pytest.fixture(params=["run", "bundle"])
def any_page(request: pytest.FixtureRequest) -> Written:
    return request.getfixturevalue(f"of_{request.param}")


class TestEveryPage:
    def test_needs_nothing_else(self, any_page: Written) -> None:
        assert "http:" not in any_page.page.text
        assert "https:" not in any_page.page.text
        assert "//" not in re.sub(r"base64,[^\"]+", "", any_page.page.text)
        for _, attributes in any_page.page.tags:
            for name in ("src", "href", "xlink:href"):
                assert (attributes.get(name) or "#").startswith(("#", "data:image/"))
        assert not any_page.page.every("script")
        assert not any_page.page.every("link")
        assert "@import" not in any_page.page.text

    def test_is_small(self, any_page: Written) -> None:
        assert any_page.path.stat().st_size < 5_000_000

    def test_has_words_for_every_figure(self, any_page: Written) -> None:
        figures = any_page.page.every("figure")
        pictures = any_page.page.every("svg")
        assert len(figures) == len(pictures) > 10
        for picture in pictures:
            assert picture["role"] == "img"
            assert len(picture["aria-label"] or "") > 20
        captions = re.findall(r"<figcaption>(.*?)</figcaption>", any_page.page.text, re.DOTALL)
        assert len(captions) == len(figures)
        assert all(len(caption) > 20 for caption in captions)

    def test_has_every_figure_as_png(self, any_page: Written) -> None:
        names = {str(figure["id"]) for figure in any_page.page.every("figure")}
        assert {path.stem for path in (any_page.path.parent / "figures").iterdir()} == names
        for name in names:
            with Image.open(any_page.path.parent / "figures" / f"{name}.png") as picture:
                assert picture.format == "PNG"
                assert picture.width > 600

    def test_has_no_id_twice_and_no_link_to_nowhere(self, any_page: Written) -> None:
        ids = [attributes["id"] for _, attributes in any_page.page.tags if attributes.get("id")]
        assert len(ids) == len(set(ids))
        for _, attributes in any_page.page.tags:
            target = attributes.get("href") or ""
            if target.startswith("#"):
                assert target[1:] in ids

    def test_is_for_light_dark_and_paper(self, any_page: Written) -> None:
        style = any_page.page.text.split("<style>")[1].split("</style>")[0]
        assert "prefers-color-scheme: dark" in style
        assert "@media print" in style
        assert "break-inside: avoid" in style
        drawn = any_page.page.text.split("</style>")[1]
        assert "#1f2328" not in drawn  # the ink of a light page
        assert "var(--ink)" in drawn

    def test_has_both_heads(self, any_page: Written) -> None:
        sections = {str(section["id"]) for section in any_page.page.every("section")}
        assert {"part-fer2013", "part-ferplus", "part-network", "part-looking"} <= sections

    def test_tells_its_progress(self, any_page: Written) -> None:
        stages = any_page.stages
        assert stages[0][0] == "reading the faces"
        assert len({stage for stage, _ in stages}) == 4
        shares = [share for _, share in stages]
        assert (np.diff(shares) > -1e-9).all()
        assert shares[-1] == pytest.approx(1)


class TestARun:
    def test_says_what_was_measured(self, of_run: Written, run: Path) -> None:
        results = {each["name"]: each for each in json.loads((run / "evaluation.json").read_text())["results"]}
        for name in ("fer2013", "ferplus, plurality of eight"):
            result = results[name]
            low, high = result["intervals"]["accuracy"]
            percent = f"{100 * result['metrics']['accuracy']:.1f} % accuracy, 95 % interval"
            assert f"{percent} [{100 * low:.1f}, {100 * high:.1f}]".replace(" %", "\xa0%", 2) in unescape(
                re.sub(r"<[^>]+>", "", of_run.page.text).replace("%accuracy", "% accuracy")
            )
            assert f"{result['metrics']['ece']:.3f}" in of_run.page.words
            assert f"{result['metrics']['macro_f1']:.3f}" in of_run.page.words

    def test_has_the_classification_report(self, of_run: Written, run: Path) -> None:
        result = json.loads((run / "evaluation.json").read_text())["results"][0]
        rows = of_run.page.rows("Classification report")
        for emotion in FER2013.names:
            scores = result["per_class"][emotion]
            expected = [f"{scores[column]:.3f}" for column in ("precision", "recall", "f1")]
            assert rows[emotion] == [*expected, str(scores["support"])]
        assert rows["mean over classes"][2] == f"{result['metrics']['macro_f1']:.3f}"
        assert rows["weighted by faces"][1] == f"{result['metrics']['accuracy']:.3f}"  # weighted recall is accuracy

    def test_says_where_it_comes_from(self, of_run: Written, run: Path) -> None:
        facts = json.loads((run / "run.json").read_text())
        evaluation = json.loads((run / "evaluation.json").read_text())
        words = of_run.page.words
        assert evaluation["data_digest"][:16] in words
        assert f"{facts['parameters']:,} parameters" in words
        assert f"kept: epoch {facts['best_epoch']}" in words
        assert facts["started"][:16].replace("T", " ") in words
        assert f"commit {facts['commit'] or 'unknown'}" in words

    def test_is_honest(self, of_run: Written) -> None:
        words = of_run.page.words
        assert "were chosen on these faces" in words
        assert "1 of the split's faces (5 %) stand pixel for pixel in Training too" in words
        assert "not comparable" in words
        assert "not a feeling" in words

    def test_has_curves_gradients_and_attention(self, of_run: Written) -> None:
        names = {str(figure["id"]) for figure in of_run.page.every("figure")}
        assert {"training-curves", "fer2013-gradcam", "ferplus-gradcam", "attention-channels"} <= names
        assert "cclusion" not in of_run.page.words


class TestABundle:
    def test_has_occlusion_and_says_so(self, of_bundle: Written) -> None:
        names = {str(figure["id"]) for figure in of_bundle.page.every("figure")}
        assert {"fer2013-occlusion", "fer2013-mistakes"} <= names
        assert not {name for name in names if "gradcam" in name or "attention" in name or "training" in name}
        assert "Where it looks: occlusion sensitivity" in of_bundle.page.words
        assert "Not Grad-CAM" in of_bundle.page.words

    def test_claims_nothing_about_its_choice(self, of_bundle: Written) -> None:
        assert "were chosen on" not in of_bundle.page.words


def notes(source: Path, data: FaceDataset, split: str) -> str:
    """What a report would say of how far to trust it."""
    subject = open_model_source(source)
    evaluation, views = evaluate_heads(subject.bundle, data, split, lambda share: None)
    return " ".join(_notes(subject, data, evaluation, views))


def test_training_faces_and_other_data_are_noted(run: Path, data: FaceDataset) -> None:
    words = notes(run, data.take(np.arange(0, len(data), 2)), "Training")
    assert "trained on these very faces" in words
    assert "not the data that the model was trained with" in words
    assert "pixel for pixel" not in words
    assert "not the data" not in notes(run, data, "PublicTest")


def test_a_split_that_chose_nothing_is_noted(run: Path, data: FaceDataset) -> None:
    turned = replace(data, faces=data.faces[:, ::-1])
    private = replace(turned, splits=np.where(data.splits == "PublicTest", "PrivateTest", data.splits))
    assert "to be opened once" in notes(run, private, "PrivateTest")
    assert "were chosen on other faces (PublicTest)" in notes(run, turned, "PublicTest")
    other = replace(turned, splits=np.where(data.splits == "PublicTest", "Test", data.splits))
    assert "were chosen on other faces (PublicTest)" in notes(run, other, "Test")
    assert "on the split PublicTest of the data that it was trained with" in notes(run / "mien.onnx", other, "Test")


def test_the_faces_that_chose_are_known_by_any_name(run: Path, data: FaceDataset) -> None:
    renamed = replace(data, splits=np.where(data.splits == "PublicTest", "Test", data.splits))
    assert "were chosen on these faces" in notes(run, renamed, "Test")


class TestRefusals:
    def test_no_run(self, data: FaceDataset, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is no run"):
            write_report(tmp_path, data)

    def test_no_bundle(self, data: FaceDataset, tmp_path: Path) -> None:
        with pytest.raises(BundleError, match="neither a file nor a released bundle"):
            write_report(tmp_path / "nothing.onnx", data)

    def test_no_such_split(self, bundle: Path, data: FaceDataset, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="present: PublicTest"):
            write_report(bundle, data, tmp_path, "PrivateTest")
        assert not list(tmp_path.glob("*.html"))


def test_the_command_writes_a_page(
    bundle: Path, fer2013_csv: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(bundle), "--data", str(fer2013_csv[0])]) == 0
    assert capsys.readouterr().out == f"wrote {Path('tiny-report') / 'report.html'}\n"
    page = Page((tmp_path / "tiny-report" / "report.html").read_text(encoding="utf-8"))
    assert {"part-fer2013", "part-network", "part-looking"} == {section["id"] for section in page.every("section")}
    assert "not comparable" not in page.words  # without votes there is one head
    assert main(["report", str(tmp_path), "--data", str(fer2013_csv[0])]) == 2
    assert "is no run" in capsys.readouterr().err


def test_emotions_have_dots_of_their_colours(of_run: Written) -> None:
    for labels in (FER2013, FERPLUS):
        assert of_run.page.text.count('class="dot"') >= len(labels)
    assert '<span class="dot" style="background:#f0e442"></span>happy' in of_run.page.text


@pytest.mark.parametrize("package", ["matplotlib", "sklearn", "jinja2"])
def test_a_missing_extra_says_what_to_install(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; import mien.report"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install -c constraints.txt '.[report]'" in answer.stderr
