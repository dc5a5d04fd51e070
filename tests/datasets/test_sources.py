from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.data_trees import write_classes
from mien.datasets import load_data, load_fer2013, summary
from mien.datasets.sources import ordered_splits
from mien.errors import DataError, InputError
from mien.labels import AFFECTNET, FER2013, FERPLUS

Csv = tuple[Path, Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_classes(tmp_path / "mine" / "train", ["happy", "sad", "contempt"])
    write_classes(tmp_path / "mine" / "val", ["happy"], start=50)
    return tmp_path / "mine"


def test_the_csv_is_read_as_ever(fer2013_csv: Csv) -> None:
    dataset = load_data(*fer2013_csv)
    assert dataset.digest == load_fer2013(*fer2013_csv).digest
    assert dataset.names[0] == "fer2013.csv#1"
    assert set(dataset.sources) == {"fer2013"}
    assert (dataset.weights, dataset.notes) == (None, ())


def test_an_archive_and_a_folder_that_holds_it(fer2013_csv: Csv, tmp_path: Path) -> None:
    folder = tmp_path / "kaggle"
    folder.mkdir()
    with zipfile.ZipFile(folder / "fer2013.zip", "w") as packed:
        packed.write(fer2013_csv[0], "fer2013.csv")
    for path in (folder / "fer2013.zip", folder):
        dataset = load_data([path])
        assert dataset.digest == load_fer2013(fer2013_csv[0]).digest
        assert dataset.names[0] == "fer2013.csv#1"
    assert set(load_data(folder).sources) == {"kaggle"}


def test_several_sources(fer2013_csv: Csv, folder: Path) -> None:
    seen: list[float] = []
    dataset = load_data([fer2013_csv[0], folder], fer2013_csv[1], weights=[1, 0.25], progress=seen.append)
    assert len(dataset) == 84 + 8
    assert dataset.sources[[83, 84]].tolist() == ["fer2013", "mine"]
    assert dataset.votes is not None
    assert dataset.votes.any(axis=1).tolist() == [True] * 84 + [False] * 8
    assert dataset.weights is not None
    assert dataset.weights.tolist() == [1] * 84 + [0.25] * 8
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_the_summary_counts(fer2013_csv: Csv, folder: Path) -> None:
    lines = summary(load_data([fer2013_csv[0], folder], weights=[1, 0.25])).splitlines()
    assert lines[0].split() == ["source", "split", "faces", *FER2013.names, "weight"]
    rows = [line.split() for line in lines[2:]]
    assert rows == [
        ["fer2013", "Training", "63", *["9"] * 7, "1"],
        ["fer2013", "PublicTest", "21", *["3"] * 7, "1"],
        ["mine", "Training", "6", "0", "2", "0", "2", "2", "0", "0", "0.25"],
        ["mine", "Validation", "2", "0", "0", "0", "2", "0", "0", "0", "0.25"],
    ]


def test_sources_with_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for where in ("a", "b"):
        write_classes(tmp_path / where / "faces" / "test", ["happy"])
    dataset = load_data([tmp_path / "a" / "faces", tmp_path / "b" / "faces"])
    assert set(dataset.sources) == {"faces", "faces-2"}


@pytest.mark.parametrize("labels", [AFFECTNET, FERPLUS])
def test_other_label_sets(fer2013_csv: Csv, folder: Path, labels: Any) -> None:
    dataset = load_data([fer2013_csv[0], folder], label_set=labels)
    plain = load_fer2013(fer2013_csv[0])
    assert dataset.label_set == labels
    for ours, theirs in zip(dataset.labels[:84], plain.labels, strict=True):
        assert labels.names[ours] == FER2013.names[theirs]
    assert (dataset.labels[84:] == labels.index("contempt")).sum() == 2


def test_a_path_in_no_known_form(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such file.*\nFER2013's fer2013\.csv"):
        load_data(tmp_path / "nowhere")
    (tmp_path / "other" / "beach").mkdir(parents=True)
    (tmp_path / "other" / "holiday").mkdir()
    with pytest.raises(DataError, match=r"got a folder with beach, holiday\. What is understood:\n.*\nfolders of"):
        load_data(tmp_path / "other")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="a folder with nothing"):
        load_data(tmp_path / "empty")
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(DataError, match=r"got 'model\.onnx'"):
        load_data(tmp_path / "model.onnx")
    (tmp_path / "folders" / "happy").mkdir(parents=True)
    with pytest.raises(DataError, match="expected pictures in its class folders"):
        load_data(tmp_path / "folders")


def test_arguments_that_make_no_sense(fer2013_csv: Csv, folder: Path) -> None:
    csv, votes = fer2013_csv
    with pytest.raises(InputError, match="at least one path"):
        load_data([])
    with pytest.raises(InputError, match="each path once"):
        load_data([csv, csv.parent / "." / csv.name])
    with pytest.raises(InputError, match="one for each of 2 paths, got 1"):
        load_data([csv, folder], weights=[1])
    for weights in ([-1.0], [float("nan")], [0.0]):
        with pytest.raises(InputError, match="finite numbers from 0 up"):
            load_data(csv, weights=weights)
    with pytest.raises(DataError, match="expected FER2013's csv among the data"):
        load_data(folder, votes)


def test_splits_in_order() -> None:
    splits = np.array(["Other", "Test", "PublicTest", "Training", "Test", "Validation", "PrivateTest"])
    expected = ["Training", "PublicTest", "Validation", "PrivateTest", "Test", "Other"]
    assert ordered_splits(splits.tolist()) == expected
