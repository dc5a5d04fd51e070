from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.data_trees import textures, write_picture
from mien.datasets import DataWarning, load_data
from mien.errors import DataError
from mien.labels import AFFECTNET, FER2013

HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"


class TestArrays:
    """The official form of 2021."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for split, number in (("train_set", 16), ("val_set", 8)):
            for k in range(number):
                picture = tmp_path / split / "images" / f"{k}.jpg"
                write_picture(picture, k, (224, 224), "RGB")
                self.annotate(tmp_path / split, k, str(k % 8) if split == "train_set" else k % 8)
        return tmp_path

    def annotate(self, folder: Path, k: int, expression: object) -> None:
        (folder / "annotations").mkdir(exist_ok=True)
        for kind, value in (("exp", expression), ("val", "0.5"), ("aro", "-0.1"), ("lnd", np.zeros(136))):
            np.save(folder / "annotations" / f"{k}_{kind}.npy", value)  # type: ignore[arg-type]

    def test_reads_both_sets(self, root: Path) -> None:
        dataset = load_data(root, label_set=AFFECTNET)
        training, validation = dataset.split("Training"), dataset.split("Validation")
        assert sorted(training.labels.tolist()) == sorted(list(range(8)) * 2)
        for name, label in zip(validation.names, validation.labels, strict=True):
            assert name == f"val_set/images/{label}.jpg"  # ids stand in both sets
        assert len(set(dataset.names)) == 24
        assert not dataset.notes

    def test_labels_by_name(self, root: Path) -> None:
        labels = load_data(root).split("Validation").labels
        names = [FER2013.names[label] for label in labels]
        assert names == ["neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "disgust"]

    def test_one_level_down_and_one_set(self, root: Path) -> None:
        assert len(load_data(root / "train_set")) == 16
        assert set(load_data(root / "val_set").splits) == {"Validation"}
        outer = root.parent / "outer"
        outer.mkdir()
        root.rename(outer / "AffectNet")
        assert len(load_data(outer)) == 24

    def test_what_has_no_expression_is_counted(self, root: Path) -> None:
        self.annotate(root / "train_set", 3, 8)
        self.annotate(root / "train_set", 4, "10")
        (root / "train_set" / "annotations" / "5_exp.npy").unlink()
        (root / "val_set" / "annotations" / "0_exp.npy").write_bytes(b"no array")
        np.save(root / "val_set" / "annotations" / "1_exp.npy", np.array([object()]), allow_pickle=True)
        dataset = load_data(root)
        assert len(dataset) == 19
        (note,) = dataset.notes
        for reason in (
            "1 with expression 8 (none)",
            "1 with expression 10 (no face)",
            "3 with no readable annotation",
        ):
            assert reason in note

    def test_a_changed_annotation_is_read_again(self, root: Path) -> None:
        assert load_data(root).split("Validation").labels[0] == FER2013.index("neutral")
        self.annotate(root / "val_set", 0, "6")
        assert load_data(root).split("Validation").labels[0] == FER2013.index("angry")

    def test_nothing_left(self, root: Path) -> None:
        for path in root.rglob("*_exp.npy"):
            path.unlink()
        with pytest.raises(DataError, match="expressions 0 to 7, got 24 with no readable annotation"):
            load_data(root)


class TestTables:
    """The official form of 2017."""

    def row(self, file: str, expression: object, box: str = "10,20,48,48") -> str:
        return f"{file},{box},1.5;2.5;3,{expression},0.1,-0.2"

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        pictures = tmp_path / "Manually_Annotated_Images"
        for k in range(8):
            canvas = np.zeros((100, 120), np.uint8)
            canvas[20:68, 10:58] = textures(1, k)[0]
            (pictures / str(k)).mkdir(parents=True)
            Image.fromarray(canvas).convert("RGB").save(pictures / str(k) / f"{k}ab.png")
        rows = [self.row(f"{k}/{k}ab.png", k) for k in range(8)]
        dropped = [self.row("9/none.png", 8), self.row("9/none.png", 9), self.row("9/none.png", 10, "NULL,,,")]
        lists = tmp_path / "Manually_Annotated_file_lists"
        lists.mkdir()
        (lists / "training.csv").write_text("\n".join([HEADER, *rows, *dropped]) + "\n")
        (lists / "validation.csv").write_text("\r\n".join([HEADER, *rows[:2]]))
        return tmp_path

    def test_reads_both_tables_and_crops(self, root: Path) -> None:
        dataset = load_data(root, label_set=AFFECTNET)
        training, validation = dataset.split("Training"), dataset.split("Validation")
        assert training.labels.tolist() == list(range(8))
        assert np.array_equal(training.faces, np.concatenate([textures(1, k) for k in range(8)]))
        assert validation.names.tolist() == ["0/0ab.png#2", "1/1ab.png#2"]
        (note,) = dataset.notes
        assert "1 with expression 10 (no face), 1 with expression 8 (none), 1 with expression 9 (uncertain)" in note

    def test_one_table(self, root: Path) -> None:
        table = root / "Manually_Annotated_file_lists" / "validation.csv"
        dataset = load_data(table)
        assert dataset.splits.tolist() == ["Validation"] * 2
        assert set(dataset.sources) == {"validation"}

    def test_a_table_without_its_header(self, root: Path) -> None:
        whole = load_data(root)
        table = root / "Manually_Annotated_file_lists" / "validation.csv"
        table.write_text(table.read_text().partition("\n")[2])
        assert load_data(root).splits.tolist() == whole.splits.tolist()
        assert load_data(table).labels.tolist() == whole.split("Validation").labels.tolist()

    def test_a_bad_box_and_a_missing_picture_are_named(self, root: Path) -> None:
        table = root / "Manually_Annotated_file_lists" / "training.csv"
        text = table.read_text() + self.row("1/1ab.png", 1, "NULL,0,0,0") + "\n" + self.row("5/gone.png", 2) + "\n"
        table.write_text(text)
        with pytest.warns(DataWarning, match=r"2 of 12 .*1/1ab\.png \(expected a face box.*5/gone\.png \(no such"):
            assert len(load_data(root)) == 10

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("a.png,1,1,1,1,x,happy,0,0", r"data row 12: expected an expression from 0 to 10, got 'happy'"),
            ("a.png,1,1,1,1,x,11,0,0", r"data row 12: expected an expression from 0 to 10, got 11"),
            ("a.png,1,1", r"data row 12: expected 9 columns, got 3"),
        ],
    )
    def test_a_bad_row(self, root: Path, row: str, message: str) -> None:
        table = root / "Manually_Annotated_file_lists" / "training.csv"
        table.write_text(table.read_text() + row + "\n")
        with pytest.raises(DataError, match=message):
            load_data(root)

    def test_pictures_elsewhere(self, root: Path) -> None:
        (root / "Manually_Annotated_Images").rename(root.parent / "pictures of another folder")
        with pytest.raises(DataError, match=r"expected its pictures in a folder beside it, got none that holds 0/0ab"):
            load_data(root)

    def test_a_header_that_lacks_a_column(self, root: Path) -> None:
        table = root / "Manually_Annotated_file_lists" / "training.csv"
        table.write_text(table.read_text().replace("face_width", "width"))
        with pytest.raises(DataError, match=r"without \['face_width'\]"):
            load_data(root)
