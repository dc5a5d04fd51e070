from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.data_trees import textures
from mien.datasets import VOTE_COLUMNS, FaceDataset, leave_out, near_copies
from mien.datasets.clean import DEFAULT_REASONS, REASONS, find_unfit, is_no_face, write_list
from mien.errors import DataError, InputError


@pytest.fixture
def dataset() -> FaceDataset:
    """20 Training faces and 6 of PublicTest, with one fault of each kind."""
    faces = textures(26)
    labels = np.arange(26) % 7
    votes = np.zeros((26, 10), np.uint8)
    votes[:, 0] = 10
    faces[20] = faces[0]  # Training's 0 stands in PublicTest
    faces[21] = np.roll(faces[1], 1, axis=1)  # and 1 nearly
    faces[3], labels[3] = faces[2], labels[2]  # a copy with the same label
    faces[5], labels[5] = faces[4], labels[4] + 1  # and one with another
    votes[[6, 22]] = np.eye(10, dtype=np.uint8)[VOTE_COLUMNS.index("NF")] * 6
    faces[[7, 23]] = np.array([0, 90])[:, None, None]
    faces[9] = faces[8][:, ::-1]  # mirrored
    splits = np.array(["Training"] * 20 + ["PublicTest"] * 6)
    return FaceDataset(faces, labels, splits, votes, names=np.array([f"{k}.png" for k in range(26)]))


def found(dataset: FaceDataset, **options: object) -> dict[int, tuple[str, ...]]:
    unfit = find_unfit(dataset, near_copies(dataset.faces), **options)  # type: ignore[arg-type]
    return dict(zip(unfit.indices.tolist(), unfit.reasons, strict=True))


def test_every_fault_is_found_in_training_alone(dataset: FaceDataset) -> None:
    assert found(dataset) == {
        0: ("copy-of-test",),
        1: ("near-copy-of-test",),
        3: ("copy",),
        4: ("conflict",),
        5: ("conflict", "copy"),
        6: ("no-face",),
        7: ("flat",),
    }
    assert found(dataset, reasons=["near-copy"]) == {9: ("near-copy",)}


def test_all_splits_on_request(dataset: FaceDataset) -> None:
    everywhere = found(dataset, all_splits=True)
    assert {place: everywhere[place] for place in (0, 20, 22, 23)} == {
        0: ("copy-of-test", "conflict"),
        20: ("conflict",),
        22: ("no-face",),
        23: ("flat",),
    }
    assert max(everywhere) == 23


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_alone(dataset: FaceDataset, reason: str) -> None:
    answers = set(found(dataset, reasons=[reason]).values())
    assert answers == {(reason,)}


def test_without_near_copies(dataset: FaceDataset) -> None:
    rest = [reason for reason in DEFAULT_REASONS if reason != "near-copy-of-test"]
    assert find_unfit(dataset, reasons=rest).counts() == {
        "copy-of-test": 1,
        "conflict": 2,
        "no-face": 1,
        "flat": 1,
        "copy": 2,
    }
    with pytest.raises(InputError, match="near-copy-of-test: expected near copies as well"):
        find_unfit(dataset)
    with pytest.raises(InputError, match=r"no reason 'copies' .*did you mean 'copy'\?"):
        find_unfit(dataset, reasons=["copies"])


def test_no_votes_no_judgement(dataset: FaceDataset) -> None:
    assert not is_no_face(replace(dataset, votes=None)).any()
    assert not is_no_face(replace(dataset, votes=np.zeros((26, 10), np.uint8))).any()


def test_the_list_is_obeyed(dataset: FaceDataset, tmp_path: Path) -> None:
    unfit = find_unfit(dataset, near_copies(dataset.faces))
    path = write_list(tmp_path / "lists" / "leave_out.csv", dataset, unfit)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["name", "source", "split", "label", "digest", "reason"]
    assert rows[4]["reason"] == "conflict; copy"
    assert (rows[0]["name"], rows[0]["split"], rows[0]["label"]) == ("0.png", "Training", "angry")
    rest = leave_out(dataset, path)
    assert sorted({*rest.names}) == sorted(f"{k}.png" for k in range(26) if k not in unfit.indices)
    assert rest.notes == ("leave_out.csv: faces left out: 7, all of Training.",)
    shuffled = dataset.take(np.random.default_rng(0).permutation(26))
    assert len(leave_out(shuffled, path)) == 19


def test_other_splits_are_said(dataset: FaceDataset, tmp_path: Path) -> None:
    path = write_list(tmp_path / "a.csv", dataset, find_unfit(dataset, reasons=["flat"], all_splits=True))
    assert leave_out(dataset, path).notes == (
        "a.csv: faces left out: 2, 1 of them not in Training: scores are not comparable.",
    )


def test_what_is_judged_stays(dataset: FaceDataset, tmp_path: Path) -> None:
    path = write_list(tmp_path / "a.csv", dataset, find_unfit(dataset, reasons=["flat", "no-face"]))
    splits = dataset.splits.astype("<U12")
    splits[6] = "Validation"
    rest = leave_out(replace(dataset, splits=splits), path)
    assert (len(rest), "6.png" in rest.names) == (25, True)
    assert rest.notes == ("a.csv: faces left out: 1, all of Training. Kept, since they are in validation now: 1.",)


def test_a_list_made_from_other_data(dataset: FaceDataset, tmp_path: Path) -> None:
    path = write_list(tmp_path / "a.csv", dataset, find_unfit(dataset, reasons=["flat"]))
    text = path.read_text()
    path.write_text(text + "27.png,faces,Training,sad,0000,flat\n")
    with pytest.raises(DataError, match=r"data row 2: expected '27\.png' of 'faces' .*no face of that name"):
        leave_out(dataset, path)
    path.write_text(text.replace("7.png", "8.png"))
    with pytest.raises(DataError, match=r"data row 1: .*another face of that name.*mien data clean"):
        leave_out(dataset, path)
    path.write_text(text.replace(",faces,", ",elsewhere,"))
    assert len(leave_out(dataset, path)) == 26  # a list for more sources than are loaded


def test_what_is_no_list(dataset: FaceDataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: expected a list to leave out, got No such file"):
        leave_out(dataset, tmp_path / "gone.csv")
    (tmp_path / "a.csv").write_text("name,split\n")
    with pytest.raises(DataError, match="without source, digest"):
        leave_out(dataset, tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="as text"):
        leave_out(dataset, tmp_path / "a.csv")
    flat = dataset.take(np.array([7]))
    path = write_list(tmp_path / "all.csv", flat, find_unfit(flat, reasons=["flat"]))
    with pytest.raises(DataError, match="a list of all 1"):
        leave_out(flat, path)
