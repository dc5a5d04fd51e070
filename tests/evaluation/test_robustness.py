from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import tiny_bundle
from helpers.finished_runs import write_run
from mien.bundle import Bundle
from mien.cli.main import main
from mien.datasets import FaceDataset, load_fer2013, plurality
from mien.errors import DataError, InputError
from mien.evaluation import metrics
from mien.evaluation.corruptions import CORRUPTIONS, LEVELS, corrupt
from mien.evaluation.robustness import measure_robustness
from mien.report.robustness import draw_robustness

pytestmark = pytest.mark.slow


@pytest.fixture
def data(fer2013_csv: tuple[Path, Path]) -> FaceDataset:
    return load_fer2013(*fer2013_csv, cache=False)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_bundle.content())
    return path


def test_every_figure_is_that_of_the_spoilt_faces(data: FaceDataset, bundle: Path) -> None:
    model, faces = Bundle.load(bundle), data.split("PublicTest")
    shares: list[float] = []
    got = measure_robustness(model, data, progress=shares.append)
    voted, votes = plurality(faces.votes)
    assert got.clean["fer2013"]["accuracy"] == metrics.accuracy(
        model.probabilities(faces.faces)["fer2013"], faces.labels
    )
    for name, level in (("blur", 1), ("low light", 5), ("rotation", 3)):
        p = model.probabilities(corrupt(faces.faces, name, level))
        scores = got.corrupted["fer2013"]
        assert scores["accuracy"][name][level - 1] == metrics.accuracy(p["fer2013"], faces.labels)
        assert scores["ece"][name][level - 1] == pytest.approx(metrics.ece(p["fer2013"], faces.labels))
        seen = got.corrupted["ferplus, plurality of eight"]["accuracy"]
        assert seen[name][level - 1] == metrics.accuracy(p["ferplus"][voted], votes)
    assert got.mean("fer2013", "blur") == np.mean(got.corrupted["fer2013"]["accuracy"]["blur"])
    assert got.mean("fer2013") == pytest.approx(np.mean(list(got.corrupted["fer2013"]["accuracy"].values())))
    assert shares == pytest.approx(np.arange(1, 52) / 51)


def test_the_table_and_the_file_have_every_corruption(data: FaceDataset, bundle: Path, tmp_path: Path) -> None:
    got = measure_robustness(Bundle.load(bundle), data)
    table = got.table()
    assert all(f"\n{name} " in table for name in CORRUPTIONS)
    written = json.loads(got.to_json(tmp_path / "r.json").read_text())
    assert written["strengths"]["resolution"]["levels"][-1] == 16
    assert len(written["corrupted"]["fer2013"]["accuracy"]["noise"]) == len(LEVELS)
    assert written["n"] == 21


def test_without_votes_only_the_labels_are_scored(fer2013_csv: tuple[Path, Path], bundle: Path) -> None:
    got = measure_robustness(Bundle.load(bundle), load_fer2013(fer2013_csv[0], cache=False))
    assert list(got.clean) == ["fer2013"]


def test_what_cannot_be_scored_is_said(data: FaceDataset, bundle: Path) -> None:
    with pytest.raises(DataError, match="Nowhere"):
        measure_robustness(Bundle.load(bundle), data, "Nowhere")

    class Other:
        def logits(self, crops: np.ndarray, *, flip: bool = False) -> dict[str, np.ndarray]:
            return {"affectnet": np.zeros((len(crops), 8), np.float32)}

        def calibrate(self, logits: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return logits

        def vote_shares(self, logits: dict[str, np.ndarray]) -> None:
            return None

    with pytest.raises(InputError, match="no head for the data's labels, fer2013"):
        measure_robustness(Other(), data)


def test_the_command_judges_models_side_by_side_and_draws(
    data: FaceDataset, fer2013_csv: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv, votes = map(str, fer2013_csv)
    runs = [str(write_run(tmp_path / name, scale=scale)) for name, scale in (("one", 1.0), ("two", -2.0))]
    out = tmp_path / "out"
    assert main(["robustness", *runs, "--data", csv, "--votes", votes, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "one, 21 faces of PublicTest" in told
    assert "two, 21 faces of PublicTest" in told
    pictures = ["corruptions.png", "robustness-ferplus.png", "robustness-fer2013.png"]
    assert sorted(path.name for path in out.iterdir()) == sorted(["one.json", "two.json", *pictures])
    for name in pictures:
        assert np.asarray(Image.open(out / name).convert("L")).std() > 5


def test_models_that_differ_in_heads_and_share_names_are_all_drawn(
    data: FaceDataset, bundle: Path, tmp_path: Path
) -> None:
    whole = measure_robustness(Bundle.load(bundle), data)
    labels = [name for name in whole.clean if "," not in name]
    half = replace(whole, clean={name: whole.clean[name] for name in labels})
    written = draw_robustness({"labels alone": half, "with votes": whole}, data.faces[0], tmp_path)
    assert {path.name for path in written} == {"corruptions.png", "robustness-fer2013.png", "robustness-ferplus.png"}
    with pytest.raises(InputError, match="expected at most 8 to draw beside each other, got 9"):
        draw_robustness(dict.fromkeys("abcdefghi", whole), data.faces[0], tmp_path)


def test_files_of_one_name_do_not_take_each_others_place(fer2013_csv: tuple[Path, Path], tmp_path: Path) -> None:
    models = [tmp_path / folder / "m.onnx" for folder in "abc"]
    for model in models:
        model.parent.mkdir()
        model.write_bytes(tiny_bundle.content())
    out = tmp_path / "out"
    assert main(["robustness", *map(str, models), "--data", str(fer2013_csv[0]), "--out", str(out)]) == 0
    assert len(list(out.glob("*.json"))) == 3


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(InputError, match="seed: expected a whole number from 0, got -1"):
        corrupt(np.zeros((1, 48, 48), np.uint8), "noise", 1, -1)
