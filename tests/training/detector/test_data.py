"""Every form of labels is read into the same scenes; what is damaged says where."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import DataError
from mien.training.detector.data import FaceScenes, load_scenes, save_csv

BOX = [10.0, 20.0, 40.0, 60.0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one picture of 100x80."""
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((80, 100, 3), np.uint8))
    return tmp_path


def only(scenes: FaceScenes, folder: Path) -> None:
    """One picture, one face, at BOX."""
    assert scenes.files == (folder / "a.png",)
    np.testing.assert_allclose(scenes.boxes, [BOX], atol=1e-3)
    assert scenes.ignored.tolist() == [False]


def test_own_csv_comes_back(scenes: FaceScenes, tmp_path: Path) -> None:
    path = save_csv(tmp_path / "labels.csv", scenes, np.full(len(scenes.boxes), 0.5, np.float32))
    again = load_scenes(path, tmp_path)
    assert again.files == scenes.files
    assert again.starts.tolist() == scenes.starts.tolist()
    np.testing.assert_allclose(again.boxes, scenes.boxes, atol=0.051)
    np.testing.assert_allclose(again.landmarks, scenes.landmarks, atol=0.051)


def test_wider_face(folder: Path) -> None:
    labels = folder / "wider.txt"
    labels.write_text("a.png\n1\n10 20 30 40 0 0 0 0 0 0\n")
    only(load_scenes(labels, folder), folder)
    labels.write_text("a.png\n1\n10 20 30 40 0 0 0 1 0 0\n")
    assert load_scenes(labels, folder).ignored.tolist() == [True]
    labels.write_text("a.png\n0\n0 0 0 0 0 0 0 0 0 0\n")
    assert len(load_scenes(labels, folder).boxes) == 0


def test_wider_face_with_landmarks(folder: Path) -> None:
    labels = folder / "label.txt"
    points = "15 30 0 35 30 0 25 40 0 18 50 0 32 50 0"
    labels.write_text(f"# a.png\n10 20 30 40 {points} 0.8\n10 20 30 40 {' -1' * 15}\n")
    scenes = load_scenes(labels, folder)
    assert scenes.landmarks[0, 2].tolist() == [25, 40]
    assert np.isnan(scenes.landmarks[1]).all()


def test_voc(folder: Path) -> None:
    (folder / "xml").mkdir()
    box = "<bndbox><xmin>10</xmin><ymin>20</ymin><xmax>40</xmax><ymax>60</ymax></bndbox>"
    text = f"<annotation><filename>a.png</filename><object><name>face</name>{box}</object></annotation>"
    (folder / "xml" / "a.xml").write_text(text)
    only(load_scenes(folder / "xml", folder), folder)
    (folder / "xml" / "a.xml").write_text(text.replace("</name>", "</name><difficult>1</difficult>"))
    assert load_scenes(folder / "xml", folder).ignored.tolist() == [True]


def test_yolo(folder: Path) -> None:
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text("0 0.25 0.5 0.3 0.5\n")
    only(load_scenes(folder / "labels", folder), folder)
    (folder / "labels" / "a.txt").write_text("0 0.25 0.5 0.3 0.5" + " 0.2 0.4" * 5)
    assert load_scenes(folder / "labels", folder).landmarks[0, 0].tolist() == pytest.approx([20, 32])


def test_coco(folder: Path) -> None:
    labels = folder / "coco.json"
    item = {"image_id": 1, "bbox": [10, 20, 30, 40], "keypoints": [15, 30, 2] * 5}
    labels.write_text(json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "annotations": [item]}))
    scenes = load_scenes(labels, folder)
    only(scenes, folder)
    assert scenes.landmarks[0, 0].tolist() == [15, 30]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.csv", "name,x\n", "none called 'file'"),
        ("x.csv", "file,kind,x1,y1,x2,y2\na.png,cat,1,2,3,4\n", "line 2: expected the kind face or ignore, got 'cat'"),
        ("x.csv", "file,kind,x1,y1,x2,y2\na.png,face,1,2,x,4\n", "line 2: expected numbers"),
        ("x.csv", "file,kind,x1,y1,x2,y2\na.png,face,9,2,3,4\n", "expected boxes as left, top, right, bottom"),
        ("x.csv", "file,kind,x1,y1,x2,y2\n", "expected at least one picture"),
        ("x.json", "{}", "expected COCO's images and annotations"),
        ("x.txt", "a.png\n1\n1 2 3 4 5 6\n", "line 3: expected 4, 10 or 19 numbers a face, got 6"),
        ("x.tsv", "", "no form '.tsv'"),
    ],
)
def test_damaged_labels_say_where(folder: Path, name: str, text: str, words: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=words.replace("(", r"\(")):
        load_scenes(folder / name, folder)


def test_yolo_without_its_picture(folder: Path) -> None:
    (folder / "labels").mkdir()
    (folder / "labels" / "b.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DataError, match="expected a picture of that name"):
        load_scenes(folder / "labels", folder)


def test_some_scenes_and_several_sets(scenes: FaceScenes) -> None:
    some = scenes.select([5, 0])
    assert some.files == (scenes.files[5], scenes.files[0])
    assert some.starts.tolist() == [0, 1, 3]
    both = FaceScenes.joined([some, scenes.select([7, 1])])
    assert both.starts.tolist() == [0, 1, 3, 3, 5]
    np.testing.assert_array_equal(both.boxes[3:], scenes.boxes[scenes.rows(1)])


def test_arrays_of_the_wrong_shape(scenes: FaceScenes) -> None:
    with pytest.raises(DataError, match=r"FaceScenes.landmarks: expected shape \(9, 5, 2\)"):
        FaceScenes(scenes.files, scenes.starts, scenes.boxes, scenes.landmarks[:1], scenes.ignored)
