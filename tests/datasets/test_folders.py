from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.data_trees import textures, write_classes, write_picture
from mien.datasets import DataWarning, FaceDataset, load_data
from mien.errors import DataError, InputError
from mien.labels import AFFECTNET, FER2013

WORDS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def emotions(dataset: FaceDataset, split: str | None = None) -> list[str]:
    labels = dataset.labels if split is None else dataset.labels[dataset.splits == split]
    return sorted(dataset.label_set.names[label] for label in labels)


def splits(dataset: FaceDataset) -> dict[str, int]:
    return dict(zip(*(each.tolist() for each in np.unique(dataset.splits, return_counts=True)), strict=True))


@pytest.mark.parametrize(
    "names",
    [
        WORDS,
        [word.upper() for word in WORDS],
        ["Anger", "Disgusted", "fearful", "happiness", "Sadness", "Surprised", "Neutral"],
        [f"{k}_{word}" for k, word in enumerate(WORDS)],
        [f"{k:02d} - {word}" for k, word in enumerate(WORDS)],
        [f"{word}-{k}" for k, word in enumerate(WORDS)],
        [" angry", "disgusting", "scared", "happy", "sad", "suprise", "neutral"],
    ],
)
def test_every_usual_spelling(tmp_path: Path, names: list[str]) -> None:
    write_classes(tmp_path / "train", names)
    write_classes(tmp_path / "test", names, each=1, start=100)
    dataset = load_data(tmp_path)
    assert emotions(dataset, "Training") == sorted(WORDS * 2)
    assert emotions(dataset, "Test") == sorted(WORDS)
    assert dataset.label_set == FER2013


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "Training"),
        ("Training", "Training"),
        ("train_set", "Training"),
        ("val", "Validation"),
        ("Valid", "Validation"),
        ("validation", "Validation"),
        ("validation-set", "Validation"),
        ("TEST", "Test"),
        ("testing", "Test"),
        ("PublicTest", "PublicTest"),
        ("privatetest", "PrivateTest"),
    ],
)
def test_every_usual_split(tmp_path: Path, folder: str, split: str) -> None:
    write_classes(tmp_path / "train", WORDS)
    write_classes(tmp_path / folder, WORDS, start=100)
    assert splits(load_data(tmp_path))[split] >= 14


def test_names_are_paths_and_unique(tmp_path: Path) -> None:
    write_classes(tmp_path / "faces" / "train", ["happy", "sad"])
    write_classes(tmp_path / "faces" / "val", ["happy", "sad"], start=50)
    dataset = load_data(tmp_path / "faces")
    assert dataset.names[0] == "train/happy/a0.png"
    assert len(set(dataset.names)) == len(dataset) == 8
    assert set(dataset.sources) == {"faces"}
    place = dataset.names.tolist().index("val/sad/a1.png")
    assert np.array_equal(dataset.faces[place], textures(1, 53)[0])


def test_one_folder_of_classes_is_divided(tmp_path: Path) -> None:
    write_classes(tmp_path, ["happy", "sad"], each=20)
    shutil.copy(tmp_path / "happy" / "a3.png", tmp_path / "happy" / "copy of a3.png")
    dataset = load_data(tmp_path, seed=4)
    assert splits(dataset)["Validation"] in (3, 4, 5)
    assert emotions(dataset, "Validation").count("sad") == 2
    copies = dataset.splits[[dataset.names.tolist().index(f"happy/{name}") for name in ("a3.png", "copy of a3.png")]]
    assert copies[0] == copies[1]
    assert "10% are set aside" in dataset.notes[0]
    assert load_data(tmp_path, seed=4).digest == dataset.digest != load_data(tmp_path, seed=5).digest


def test_a_training_folder_alone_is_divided_too(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", ["happy", "sad"], each=10)
    assert splits(load_data(tmp_path)) == splits(load_data(tmp_path / "train")) == {"Training": 18, "Validation": 2}


def test_a_test_folder_alone_is_a_test(tmp_path: Path) -> None:
    write_classes(tmp_path / "test", ["happy", "sad"], each=10)
    assert splits(load_data(tmp_path / "test")) == {"Test": 20}


def test_too_few_to_divide(tmp_path: Path) -> None:
    dataset = load_data(write_classes(tmp_path, ["happy", "sad"]))
    assert splits(dataset) == {"Training": 4}
    assert "too few" in dataset.notes[0]


def test_fer2013_files_tell_public_from_private(tmp_path: Path) -> None:
    for k, word in enumerate(WORDS):
        write_picture(tmp_path / "train" / word / f"Training_{k}.jpg", k)
        write_picture(tmp_path / "test" / word / f"PublicTest_{k}.jpg", k + 10)
        write_picture(tmp_path / "test" / word / f"PrivateTest_{k}.jpg", k + 20)
    assert splits(load_data(tmp_path)) == {"Training": 7, "PublicTest": 7, "PrivateTest": 7}


def test_fer2013_files_in_one_folder(tmp_path: Path) -> None:
    for k, word in enumerate(WORDS):
        for split in ("Training", "PublicTest", "PrivateTest"):
            write_picture(tmp_path / word / f"{split}_{k}.png", k)
    assert splits(load_data(tmp_path)) == {"Training": 7, "PublicTest": 7, "PrivateTest": 7}


def test_a_division_of_ones_own_counts(tmp_path: Path) -> None:
    for k, word in enumerate(WORDS):
        write_picture(tmp_path / "train" / word / f"Training_{k}.png", k)
        write_picture(tmp_path / "val" / word / f"Training_{k + 10}.png", k + 10)
    assert splits(load_data(tmp_path)) == {"Training": 7, "Validation": 7}


def test_a_broken_picture_is_named_not_fatal(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", WORDS)
    write_classes(tmp_path / "test", WORDS, start=50)
    (tmp_path / "train" / "sad" / "a1.png").write_bytes(b"nothing")
    (tmp_path / "test" / "fear" / "a0.png").write_bytes(b"")
    with pytest.warns(DataWarning, match=r"2 of 28 pictures cannot be.*test/fear/a0\.png .*train/sad/a1\.png") as w:
        dataset = load_data(tmp_path)
    assert len(w) == 1
    assert w[0].filename == __file__
    assert len(dataset) == 26
    assert "2 of 28 pictures" in dataset.notes[0]


def test_many_broken_pictures_are_counted(tmp_path: Path) -> None:
    write_classes(tmp_path, ["happy"], each=15)
    for path in sorted((tmp_path / "happy").iterdir())[1:]:
        path.write_bytes(b"nothing")
    with pytest.warns(DataWarning, match=r"14 of 15 .*; and 4 more\."):
        assert len(load_data(tmp_path)) == 1


def test_nothing_left(tmp_path: Path) -> None:
    write_classes(tmp_path, ["happy", "sad"])
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="got none that can be read"):
        load_data(tmp_path)


def test_an_unknown_class(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", [*WORDS, "suprised"])
    with pytest.raises(DataError, match=r"suprised: expected a class folder .*did you mean 'surprise'\?"):
        load_data(tmp_path)
    shutil.rmtree(tmp_path / "train" / "suprised")
    (tmp_path / "train" / "notes").mkdir()
    assert len(load_data(tmp_path)) == 14  # no pictures, no class


def test_a_test_set_without_labels_is_passed_over(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", WORDS)
    write_classes(tmp_path / "val", WORDS, start=50)
    write_picture(tmp_path / "test" / "1.png")
    (tmp_path / "docs").mkdir()
    dataset = load_data(tmp_path)
    assert splits(dataset) == {"Training": 14, "Validation": 14}
    assert dataset.notes == (f"{tmp_path.name}: passed over, since they hold no class folders: test.",)


def test_contempt_folds_unless_there_is_room(tmp_path: Path) -> None:
    write_classes(tmp_path, ["contempt", "disgust"])
    assert emotions(load_data(tmp_path)) == ["disgust"] * 4
    assert emotions(load_data(tmp_path, label_set=AFFECTNET)) == ["contempt"] * 2 + ["disgust"] * 2


class TestNumbers:
    def test_eight_are_affectnets(self, tmp_path: Path) -> None:
        write_classes(tmp_path / "train", list("01234567"), each=1)
        write_classes(tmp_path / "val", list("012"), each=1, start=40)
        dataset = load_data(tmp_path, label_set=AFFECTNET)
        assert dataset.labels.tolist() == [*range(8), 0, 1, 2]
        assert "AffectNet's order (0 neutral, 1 happy" in dataset.notes[0]

    def test_seven_could_be_anyones(self, tmp_path: Path) -> None:
        write_classes(tmp_path, list("0123456"), each=1)
        with pytest.raises(DataError, match=r"order is not known.*fer2013: 0 angry.*affectnet: 0 neutral"):
            load_data(tmp_path)
        assert load_data(tmp_path, numbers="fer2013").labels.tolist() == list(range(7))
        by_affectnet = load_data(tmp_path, numbers="affectnet")
        assert [FER2013.names[label] for label in by_affectnet.labels] == list(AFFECTNET.names[:7])

    def test_what_cannot_be(self, tmp_path: Path) -> None:
        write_classes(tmp_path, list("1234567"), each=1)  # as RAF-DB has them
        with pytest.raises(DataError, match="got 1, 2, 3, 4, 5, 6, 7, whose order"):
            load_data(tmp_path)
        with pytest.raises(DataError, match=r"0 to 6 \(fer2013\)"):
            load_data(tmp_path, numbers="fer2013")
        with pytest.raises(InputError, match="numbers: expected one of"):
            load_data(tmp_path, numbers="rafdb")


class TestKaggleAffectNet:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        names = ["anger", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
        root = tmp_path / "affectnet"
        for split, words in (("Train", names), ("Test", [name.capitalize() for name in names])):
            for k, word in enumerate(words):
                folder = root / "archive (3)" / split / word
                write_picture(folder / f"image{k:07d}{split}.jpg", k, (96, 96), "RGB")
        (root / "labels.csv").write_text(
            ",pth,label,relFCs\n0,anger/image0000000Train.jpg,surprise,0.87\n1,Fear/image0000003Test.jpg,fear,0.8\n"
            "2,fear/elsewhere.jpg,fear,0.9\n"
        )
        return root

    def test_eight(self, root: Path) -> None:
        dataset = load_data(root, label_set=AFFECTNET)
        assert emotions(dataset, "Training") == emotions(dataset, "Test") == sorted(AFFECTNET.names)
        assert dataset.names[0].startswith("archive (3)/T")
        assert set(dataset.sources) == {"affectnet"}

    def test_seven(self, root: Path) -> None:
        assert emotions(load_data(root)).count("disgust") == 4

    def test_the_folder_counts_and_the_csv_is_mentioned(self, root: Path) -> None:
        (note,) = load_data(root).notes
        assert note == "affectnet: labels.csv gives another label for 1 of 2 pictures; the folders count."
