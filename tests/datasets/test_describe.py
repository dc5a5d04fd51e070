from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.data_trees import textures
from mien.datasets import FaceDataset, load_data
from mien.datasets.describe import describe
from mien.datasets.duplicates import copy_groups
from mien.labels import FERPLUS


@pytest.fixture
def dataset() -> FaceDataset:
    """14 Training faces and 6 of Test: copies, near copies and conflicts within and across."""
    faces = textures(20)
    labels = np.arange(20) % 7
    faces[1] = faces[0]  # angry and disgust
    faces[14] = faces[0]  # in Test, angry
    faces[15] = np.roll(faces[2], 1, axis=0)  # in Test, nearly
    faces[19] = 0
    votes = np.zeros((20, 10), np.uint8)
    votes[np.arange(20), [FERPLUS.index(("angry", "sad")[k % 2]) for k in range(20)]] = 9
    votes[18:] = 0
    votes[19, 9] = 10
    return FaceDataset(faces, labels, np.array(["Training"] * 14 + ["Test"] * 6), votes, notes=("a note",))


def test_the_numbers(dataset: FaceDataset) -> None:
    answer = describe(dataset).to_dict()
    assert answer["faces"] == 20
    assert answer["classes"]["faces"]["Training"] == dict.fromkeys(dataset.label_set.names, 2)
    exact = answer["exact_copies"]
    assert (exact["redundant"], exact["groups"], exact["largest_group"]) == (2, 1, 3)
    assert exact["redundant_within"] == {"Training": 1, "Test": 0}
    assert exact["found_also_in"] == {"Training": {"Test": 2}, "Test": {"Training": 1}}
    assert (exact["groups_with_several_labels"], exact["faces_with_several_labels"]) == (1, 3)
    assert exact["label_pairs"] == {"angry and disgust": 1}
    near = answer["near_copies"]
    assert (near["pairs"], near["mirrored_pairs"]) == (1, 0)
    assert near["with_exact_copies"]["redundant"] == 3
    assert near["with_exact_copies"]["found_also_in"] == {"Training": {"Test": 3}, "Test": {"Training": 2}}
    assert answer["flat"] == {"Training": 0, "Test": 1}
    assert answer["no_face"] == {"Training": 0, "Test": 1}
    assert answer["notes"] == ["a note"]


def test_agreement_with_ferplus(dataset: FaceDataset) -> None:
    agreement = describe(dataset, near=False).to_dict()["ferplus"]
    voted = range(18)
    opinions = [("angry", "sad")[k % 2] for k in voted]
    same = [dataset.label_set.names[dataset.labels[k]] == opinions[k] for k in voted]
    assert agreement["faces"] == 18
    assert agreement["agreement"] == round(sum(same) / 18, 4)
    assert agreement["by_split"]["Training"] == round(sum(same[:14]) / 14, 4)
    assert agreement["by_label"]["happy"] == 0
    assert np.sum(agreement["table"]) == 18
    assert np.trace(agreement["table"]) == sum(same)


def test_without_votes_and_near(dataset: FaceDataset) -> None:
    answer = describe(replace(dataset, votes=None), near=False)
    plain = answer.to_dict()
    assert (plain["near_copies"], plain["no_face"], plain["ferplus"]) == (None, None, None)
    assert "nearly" not in answer.table()


def test_the_table_and_the_json(dataset: FaceDataset, tmp_path: Path) -> None:
    description = describe(dataset)
    table = description.table()
    for line in (
        "Training  Test",
        "redundant within  identical",
        "angry and disgust",
        "one shade",
        "a note",
        "label is FER+'s plurality",
    ):
        assert line in table
    path = description.to_json(tmp_path / "out" / "data.json")
    assert json.loads(path.read_text()) == description.to_dict()


def test_one_face_is_enough() -> None:
    one = FaceDataset(textures(1), np.array([0]), np.array(["Training"]))
    assert describe(one).to_dict()["exact_copies"]["redundant"] == 0


@pytest.mark.real_data
@pytest.mark.skipif("MIEN_DATA" not in os.environ, reason="set MIEN_DATA to the folder of fer2013.csv")
def test_the_real_faces() -> None:
    folder = Path(os.environ["MIEN_DATA"])
    description = describe(load_data(folder / "fer2013.csv", folder / "fer2013new.csv"), near=False)
    assert description.shared_between(description.copies)["PublicTest"]["Training"] == 280
    agreement = description.agreement()
    assert agreement is not None
    assert agreement["agreement"] == pytest.approx(0.63, abs=0.005)
    unique = len(np.unique(copy_groups(description.dataset.faces)))
    assert len(description.dataset) - unique == {32_298: 1_530, 35_887: 1_853}[len(description.dataset)]
