"""The recognizer that people know from notebooks: train, evaluate, plot, save, load, predict."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger

from helpers.data_trees import write_classes
from mien import EmotionRecognizer
from mien.bundle import Bundle
from mien.datasets import load_data
from mien.errors import DataError, InputError, RecipeError
from mien.labels import AFFECTNET, FER2013

pytestmark = pytest.mark.slow

SHORT = {
    "compile": False,
    "precision": "32-true",
    "network.channels": [8, 8],
    "network.block_dropouts": [0, 0],
    "network.dense_widths": [16, 8],
}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """train/, validation/ and test/ with a folder of PNGs for each emotion."""
    for seed, (split, each) in enumerate({"train": 8, "validation": 3, "test": 3}.items()):
        write_classes(tmp_path / "data" / split, list(FER2013.names), each, 1000 * seed)
    return tmp_path / "data"


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_that_people_know(folders: Path, at_home: Path, mien_log: pytest.LogCaptureFixture) -> None:
    model = EmotionRecognizer(detector="whole")
    same = model.train(
        train_path=folders / "train",
        validation_path=folders / "validation",
        epochs=3,
        batch_size=28,
        recipe="leaky-cnn",
        settings=SHORT,
    )
    assert same is model
    assert model.run_folder == Path("runs/leaky-cnn")
    assert model.bundle.name == "leaky-cnn"
    assert re.search(r"train +Training +56", mien_log.text)

    evaluation = model.evaluate(test_path=folders / "test")
    assert evaluation.split == "Test"  # by the name of the folder
    assert evaluation["fer2013"].n == 21
    assert "fer2013" in str(evaluation)

    figure = model.plot_training_history()
    assert len(figure.axes) >= 3

    model.save("emotion_model.onnx")
    again = EmotionRecognizer.load("emotion_model.onnx", detector="whole")
    picture = folders / "test" / "happy" / "a0.png"
    faces = again.predict(picture)
    assert len(faces) == 1
    assert faces.labels == FER2013
    np.testing.assert_allclose(faces.probabilities, model.predict(picture).probabilities, atol=1e-6)


def test_the_whole_tree_brings_its_own_splits(folders: Path, at_home: Path) -> None:
    model = EmotionRecognizer(detector="whole").train(folders, epochs=1, recipe="leaky-cnn", settings=SHORT)
    assert model.evaluate(folders).split == "Test"
    assert model.evaluate(folders, split="Validation").results[0].n == 21


def test_fer2013_is_judged_on_public_test(fer2013_csv: tuple[Path, Path], at_home: Path) -> None:
    evaluation = EmotionRecognizer().evaluate(fer2013_csv[0], votes=fer2013_csv[1])
    assert evaluation.split == "PublicTest"
    assert {result.name.split(",")[0] for result in evaluation.results} == {"fer2013", "ferplus"}


def test_a_second_training_gets_a_folder_of_its_own(fer2013_csv: tuple[Path, Path], at_home: Path) -> None:
    model = EmotionRecognizer()
    for folder in ("runs/leaky-cnn", "runs/leaky-cnn-2"):
        model.train(fer2013_csv[0], epochs=1, recipe="leaky-cnn", settings=SHORT)
        assert model.run_folder == Path(folder)


def test_a_run_can_be_named_and_resumed(fer2013_csv: tuple[Path, Path], at_home: Path) -> None:
    options = {"epochs": 1, "recipe": "leaky-cnn", "settings": SHORT, "out": "here"}
    EmotionRecognizer().train(fer2013_csv[0], **options)  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="holds a run already"):
        EmotionRecognizer().train(fer2013_csv[0], **options)  # type: ignore[arg-type]
    model = EmotionRecognizer().train(fer2013_csv[0], resume=True, **options)  # type: ignore[arg-type]
    assert model.run_folder == Path("here")


def test_a_model_that_was_not_trained_here_has_no_history() -> None:
    with pytest.raises(InputError, match="Call train first"):
        EmotionRecognizer().plot_training_history()


def test_a_path_that_is_not_there_is_told(at_home: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        EmotionRecognizer().train("nowhere", recipe="leaky-cnn")
    assert not (at_home / "runs").exists()


def test_without_the_extra_training_says_what_to_install(at_home: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from mien import EmotionRecognizer, MienError\n"
        "try: EmotionRecognizer().train('data')\n"
        "except MienError as error: print(error)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install -c constraints.txt '.[train]'" in answer.stdout


def test_a_data_set_callbacks_and_loggers_of_the_user(fer2013_csv: tuple[Path, Path], at_home: Path) -> None:
    """The faces are a `FaceDataset`; Lightning's own callbacks and loggers see the run."""
    ends: list[int] = []

    class Count(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            ends.append(trainer.current_epoch)

    dataset = load_data(fer2013_csv[0])
    logger = CSVLogger(str(at_home), name="", version="csv")
    model = EmotionRecognizer(detector="whole").train(
        dataset, epochs=2, recipe="leaky-cnn", seed=3, settings=SHORT, callbacks=[Count()], loggers=[logger]
    )
    assert ends == [0, 1]
    assert "train_loss" in (at_home / "csv" / "metrics.csv").read_text()
    assert model.bundle.metadata.card["recipe"]["seed"] == 3
    assert model.evaluate(dataset)["fer2013"].n == 21
    with pytest.raises(InputError, match="votes: expected it with paths"):
        model.evaluate(dataset, votes=fer2013_csv[1])
    with pytest.raises(InputError, match="labels: expected 'fer2013', the data set's own, got 'ferplus'"):
        model.evaluate(dataset, labels="ferplus")


def test_labels_and_numbered_folders(tmp_path: Path, at_home: Path) -> None:
    """Eight emotions in folders named by AffectNet's numbers."""
    write_classes(tmp_path / "numbered", [str(number) for number in range(8)], 8)
    model = EmotionRecognizer(detector="whole").train(
        tmp_path / "numbered", epochs=1, recipe="leaky-cnn", settings=SHORT, labels="affectnet", numbers="affectnet"
    )
    assert model.labels == AFFECTNET
    assert model.evaluate(tmp_path / "numbered", numbers="affectnet", split="Training")["affectnet"].n == 64


def test_wrong_settings_name_the_key(fer2013_csv: tuple[Path, Path], at_home: Path) -> None:
    model = EmotionRecognizer(detector="whole")
    with pytest.raises(RecipeError, match=r"augment\.mixupp"):
        model.train(fer2013_csv[0], settings={"augment.mixupp": 0.2})
    with pytest.raises(InputError, match="labels 'fer': no such label set"):
        model.train(fer2013_csv[0], labels="fer")
    assert not (at_home / "runs").exists()


def test_a_released_model_is_not_loaded_to_be_replaced(
    fer2013_csv: tuple[Path, Path], at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = Bundle.load.__func__
    monkeypatch.setattr(
        Bundle,
        "load",
        classmethod(lambda cls, source, **options: loaded.append(str(source)) or load(cls, source, **options)),
    )
    EmotionRecognizer(detector="whole").train(fer2013_csv[0], epochs=1, recipe="leaky-cnn", settings=SHORT)
    assert all("leaky-cnn" in source for source in loaded)
