from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers import tiny_bundle
from helpers.finished_runs import write_predictions, write_run
from mien.bundle import Bundle
from mien.datasets import FaceDataset, load_fer2013
from mien.errors import BundleError, DataError, InputError
from mien.runs import flatten, open_model_source, read_history


@pytest.fixture
def faces(fer2013_csv: tuple[Path, Path]) -> FaceDataset:
    return load_fer2013(*fer2013_csv, cache=False).split("PublicTest")


class TestARun:
    def test_is_read_whole(self, tmp_path: Path, faces: FaceDataset) -> None:
        folder = write_run(tmp_path / "first", faces)
        subject = open_model_source(folder)
        assert subject.name == "first"
        assert subject.folder == folder
        assert subject.path == folder / "tiny.onnx"
        assert subject.bundle.heads == ("fer2013", "ferplus")
        assert subject.recipe["augment"] == {"mixup": 0.2}
        assert subject.facts["best_epoch"] == 2
        assert subject.checkpoint is None
        assert [row["val_loss"] for row in subject.history] == [2.25, 2.0, 2.125]
        assert "learning_rate" not in subject.history[2]

    def test_keeps_predictions(self, tmp_path: Path, faces: FaceDataset) -> None:
        kept = open_model_source(write_run(tmp_path / "first", faces)).predictions()
        assert kept is not None
        assert (kept.split, kept.digest) == ("PublicTest", faces.faces_digest)
        assert np.array_equal(kept.labels, faces.labels)
        assert np.array_equal(kept.votes, faces.votes)
        assert set(kept.probabilities) == {"fer2013", "ferplus"}

    def test_may_keep_none(self, tmp_path: Path) -> None:
        assert open_model_source(write_run(tmp_path / "old")).predictions() is None

    def test_may_have_no_history(self, tmp_path: Path) -> None:
        folder = write_run(tmp_path / "old")
        (folder / "history.csv").unlink()
        assert open_model_source(folder).history == ()

    def test_that_is_none_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"is no run: expected the folder of a `mien train --out`.*\.onnx file"):
            open_model_source(tmp_path)

    def test_that_is_not_finished_is_told(self, tmp_path: Path) -> None:
        folder = write_run(tmp_path / "stopped")
        (folder / "tiny.onnx").unlink()
        with pytest.raises(BundleError, match=r"without a finished bundle \(tiny.onnx\).*--resume"):
            open_model_source(folder)

    @pytest.mark.parametrize("name", ["recipe.toml", "run.json"])
    def test_that_is_damaged_is_told(self, tmp_path: Path, name: str) -> None:
        folder = write_run(tmp_path / "damaged")
        (folder / name).write_text("{[")
        with pytest.raises(DataError, match=name):
            open_model_source(folder)

    def test_with_damaged_predictions_is_told(self, tmp_path: Path, faces: FaceDataset) -> None:
        folder = write_run(tmp_path / "damaged")
        (folder / "predictions.npz").write_bytes(b"PK nothing")
        with pytest.raises(DataError, match="damaged"):
            open_model_source(folder).predictions()
        write_predictions(folder, faces, labels=faces.labels[:-1])
        with pytest.raises(DataError, match="expected probabilities of 20 faces"):
            open_model_source(folder).predictions()


def test_a_released_name_is_no_folder_unless_that_is_a_run(
    tmp_path: Path, faces: FaceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mien").mkdir()  # a clone of mien, say
    assert open_model_source("mien").folder is None
    with pytest.raises(InputError, match="is no run"):
        open_model_source("./mien")
    write_run(tmp_path / "run", faces).rename(tmp_path / "mien")  # an empty folder gives way
    assert open_model_source("mien").folder == Path("mien")


def test_a_bundle_alone_tells_what_its_card_says(tmp_path: Path) -> None:
    path = tmp_path / "some.onnx"
    path.write_bytes(tiny_bundle.content())
    subject = open_model_source(path)
    assert (subject.name, subject.folder, subject.history, subject.recipe) == ("some", None, (), {})
    released = open_model_source("mien")
    assert released.facts == Bundle.load("mien").metadata.card["training"]
    assert released.predictions() is None


def test_a_history_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_history(tmp_path / "history.csv")
    (tmp_path / "history.csv").write_text("epoch,loss\n1,high\n")
    with pytest.raises(DataError, match="rows of numbers"):
        read_history(tmp_path / "history.csv")


def test_keys_are_dotted() -> None:
    assert flatten({"a": 1, "b": {"c": [2], "d": {"e": "f"}}}) == {"a": 1, "b.c": [2], "b.d.e": "f"}
