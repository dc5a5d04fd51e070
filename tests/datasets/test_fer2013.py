from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mien.datasets import (
    FERPLUS_TEST_SETS,
    VOTE_COLUMNS,
    FaceDataset,
    exact_copies,
    load_fer2013,
)
from mien.errors import DataError

Csv = tuple[Path, Path]


def same(a: FaceDataset, b: FaceDataset) -> bool:
    return a.digest == b.digest


def edit(path: Path, row: int, change: Callable[[bytes], bytes]) -> Path:
    """Changes one line; 0 is the header, so that data rows count from 1."""
    lines = path.read_bytes().split(b"\n")
    lines[row] = change(lines[row])
    path.write_bytes(b"\n".join(lines))
    return path


def pixels(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    def changed(line: bytes) -> bytes:
        emotion, text, usage = line.split(b",")
        return b",".join([emotion, b" ".join(change(text.split())), usage])

    return changed


def replaced(place: int, value: bytes) -> Callable[[bytes], bytes]:
    return pixels(lambda values: [*values[:place], value, *values[place + 1 :]])


def test_reads_what_python_reads(fer2013_csv: Csv) -> None:
    dataset = load_fer2013(fer2013_csv[0])
    lines = fer2013_csv[0].read_text().splitlines()[1:]
    for i, line in enumerate(lines):
        emotion, text, usage = line.split(",")
        assert dataset.labels[i] == int(emotion)
        assert dataset.splits[i] == usage
        assert dataset.faces[i].ravel().tolist() == list(map(int, text.split()))
    assert (dataset.faces.dtype, dataset.faces.shape) == (np.uint8, (84, 48, 48))
    assert dataset.labels.dtype == np.int64
    assert dataset.votes is None
    assert len(dataset) == 84


def test_votes_follow_the_columns(fer2013_csv: Csv) -> None:
    dataset = load_fer2013(*fer2013_csv)
    assert dataset.votes is not None
    assert (dataset.votes.dtype, dataset.votes.shape) == (np.uint8, (84, 10))
    assert (dataset.votes.sum(axis=1) == 10).all()
    assert dataset.label_set.names[dataset.labels[0]] == "angry"
    assert dataset.votes[0].argmax() == VOTE_COLUMNS.index("angry")


def test_votes_in_another_order_of_columns(fer2013_csv: Csv, tmp_path: Path) -> None:
    expected = load_fer2013(*fer2013_csv).votes
    rows = [line.split(",") for line in fer2013_csv[1].read_text().splitlines()]
    other = tmp_path / "other.csv"
    # Without image names, one column of someone's own, the rest reversed, and mien's own spellings.
    lines = [",".join(["x", *row[:1:-1], row[0]]) for row in rows]
    other.write_text("\r\n".join(lines).replace("happiness", "Happy"))
    assert np.array_equal(load_fer2013(fer2013_csv[0], other).votes, expected)  # type: ignore[arg-type]


def as_zip(csv: Path, folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(csv, "some/where/fer2013.csv")
        packed.writestr("readme.txt", "hello")
    return folder / "a.zip"


def as_tar(ending: str, mode: str) -> Callable[[Path, Path], Path]:
    def pack(csv: Path, folder: Path) -> Path:
        with tarfile.open(folder / f"a{ending}", mode) as tar:  # type: ignore[call-overload]
            tar.add(csv, "fer2013/fer2013.csv")
        return folder / f"a{ending}"

    return pack


def as_gz(csv: Path, folder: Path) -> Path:
    (folder / "fer2013.csv.gz").write_bytes(gzip.compress(csv.read_bytes()))
    return folder / "fer2013.csv.gz"


def as_folder(csv: Path, folder: Path) -> Path:
    return csv.parent


def as_crlf(csv: Path, folder: Path) -> Path:
    (folder / "crlf.csv").write_bytes(csv.read_bytes().replace(b"\n", b"\r\n"))
    return folder / "crlf.csv"


def as_quoted(csv: Path, folder: Path) -> Path:
    text = re.sub(r"(?m)^(\d),([\d ]+),(\w+)$", r'"\1","\2","\3"', csv.read_text())
    (folder / "quoted.csv").write_text(text.rstrip("\n"))  # and without the last line break
    return folder / "quoted.csv"


def as_icml(csv: Path, folder: Path) -> Path:
    text = csv.read_text().replace("emotion,pixels,Usage", "emotion, pixels, Usage")
    text = re.sub(r"(?m)^([^,\n]+),([^,\n]+),([^,\n]+)$", r"\1,\3,\2", text)
    assert text.startswith("emotion, Usage, pixels\n")
    (folder / "icml_face_data.csv").write_text("\ufeff" + text)
    return folder / "icml_face_data.csv"


def as_odd_spaces(csv: Path, folder: Path) -> Path:
    text = re.sub(r"(\d) (\d)", r"\1  00\2", csv.read_text())  # the slow way must read the same
    (folder / "odd.csv").write_text(text)
    return folder / "odd.csv"


@pytest.mark.parametrize(
    "pack",
    [
        as_zip,
        as_tar(".tar", "w"),
        as_tar(".tar.gz", "w:gz"),
        as_tar(".tgz", "w:gz"),
        as_gz,
        as_folder,
        as_crlf,
        as_quoted,
        as_icml,
        as_odd_spaces,
    ],
)
def test_every_packing_gives_the_same(fer2013_csv: Csv, tmp_path: Path, pack: Callable[[Path, Path], Path]) -> None:
    folder = tmp_path / "packed"
    folder.mkdir()
    packed = pack(fer2013_csv[0], folder)
    seen: list[float] = []
    assert same(load_fer2013(packed, cache=False, progress=seen.append), load_fer2013(fer2013_csv[0]))
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= 1


@pytest.mark.parametrize(
    ("names", "count"), [([], 0), (["x.csv", "train.csv"], 0), (["a/fer2013.csv", "b/fer2013.csv"], 2)]
)
def test_an_archive_must_hold_one_csv(tmp_path: Path, names: list[str], count: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for name in names:
            packed.writestr(name, "x")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    for archive in ("a.zip", "a.tar.gz"):
        with pytest.raises(DataError, match=rf"exactly one .* got {count}\..*Members: {names[0] if names else 'none'}"):
            load_fer2013(tmp_path / archive)


@pytest.mark.parametrize("pack", [as_zip, as_tar(".tar", "w"), as_tar(".tar.gz", "w:gz"), as_gz])
@pytest.mark.parametrize("keep", [0, 1, 300, 0.5, 0.99])
def test_a_truncated_archive(fer2013_csv: Csv, tmp_path: Path, pack: Callable[[Path, Path], Path], keep: float) -> None:
    packed = pack(fer2013_csv[0], tmp_path)
    content = packed.read_bytes()
    end = int(keep * len(content)) if isinstance(keep, float) else keep
    if packed.suffix == ".tar":
        end = min(end, len(content) - 20_000)  # a tar ends in padding, which may go
    packed.write_bytes(content[:end])
    with pytest.raises(DataError, match=re.escape(str(packed))):
        load_fer2013(packed)


def test_a_gzip_whose_checksum_is_wrong(fer2013_csv: Csv, tmp_path: Path) -> None:
    packed = as_gz(fer2013_csv[0], tmp_path)
    content = bytearray(packed.read_bytes())
    content[-6] ^= 1
    packed.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged.*CRC"):
        load_fer2013(packed)


@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        (1, pixels(lambda values: values[:-1]), "data row 1 .*expected 2304 pixels.*got 2303"),
        (84, pixels(lambda values: [*values, b"7"]), "data row 84 .*expected 2304 pixels.*got 2305"),
        (5, pixels(lambda values: []), "data row 5 .*got 0"),
        (5, replaced(9, b"256"), "data row 5 .*from 0 to 255, got '256' as pixel 10"),
        (5, replaced(2303, b"1000"), "got '1000' as pixel 2304"),
        (5, replaced(0, b"-1"), "got '-1' as pixel 1"),
        (5, replaced(0, b"1.5"), "got '1.5'"),
        (5, replaced(0, b"x"), "got 'x'"),
        (5, replaced(0, b"\xff"), "data row 5"),
        (5, replaced(0, b"9" * 5000), "got '9{40}\\.\\.\\.'"),
        (7, lambda line: b"7" + line[1:], "data row 7 .*emotion from 0 to 6, got '7'"),
        (7, lambda line: b"-1" + line[1:], "emotion from 0 to 6, got '-1'"),
        (7, lambda line: b"happy" + line[1:], "got 'happy'"),
        (7, lambda line: line[1:], "got ''"),
        (
            7,
            lambda line: line + b"s",
            "Usage to be one of Training, PublicTest, PrivateTest, got 'Trainings'",
        ),
        (7, lambda line: line + b",1", "data row 7 .*expected 3 columns, got 4"),
        (7, lambda line: b"7", "expected 3 columns, got 1"),
        (84, lambda line: line[:-3], "data row 84 .*Usage.*cut short"),
        (84, lambda line: line[:900], "data row 84 .*expected 3 columns, got 2.*cut short"),
        (0, lambda line: b"emotion,pixels", "header with one column each.*amiss: usage"),
        (0, lambda line: b"emotion,pixels,pixels,Usage", "amiss: pixels"),
        (0, lambda line: b"\x89PNG", "header"),
    ],
)
def test_a_bad_row_is_named(fer2013_csv: Csv, row: int, change: Callable[[bytes], bytes], message: str) -> None:
    path = edit(fer2013_csv[0], row, change)
    with pytest.raises(DataError, match=message) as caught:
        load_fer2013(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty file"), (b"\n", "empty file"), (b"emotion,pixels,Usage\n\n", "at least one row")],
)
def test_no_rows(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_fer2013(path)


def test_no_file(tmp_path: Path, fer2013_csv: Csv) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv: .*No such file"):
        load_fer2013(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="No such file"):
        load_fer2013(fer2013_csv[0], tmp_path / "nowhere.csv")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"fer2013\.csv.*got none"):
        load_fer2013(empty)


def vote(place: int, value: bytes) -> Callable[[bytes], bytes]:
    def changed(line: bytes) -> bytes:
        fields = line.split(b",")
        fields[place] = value
        return b",".join(fields)

    return changed


@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        (3, vote(2, b"-1"), "data row 3 .*votes for 'neutral' .*got '-1'"),
        (3, vote(11, b"1.5"), "votes for 'NF' .*got '1.5'"),
        (3, vote(6, b"300"), "votes for 'angry' .*got '300'"),
        (3, vote(6, b""), "got ''"),
        (3, vote(0, b"PublicTest"), "data row 3 .*Usage 'Training'.*got 'PublicTest'"),
        (3, vote(1, b"face.png"), "data row 3 .*image name"),
        (3, lambda line: line + b",1", "data row 3 .*expected 12 columns, got 13"),
        (3, lambda line: b"", "expected 84 rows.*got 83"),
        (0, vote(9, b"boredom"), "lacks .'contempt'"),
        (0, vote(9, b"happy"), "one column for 'happy', got two"),
        (0, vote(0, b"usages"), "lacks .'usage'"),
    ],
)
def test_bad_votes_are_named(fer2013_csv: Csv, row: int, change: Callable[[bytes], bytes], message: str) -> None:
    path = edit(fer2013_csv[1], row, change)
    with pytest.raises(DataError, match=message) as caught:
        load_fer2013(fer2013_csv[0], path)
    assert str(caught.value).startswith(str(path))


def test_votes_without_a_name_are_normal(fer2013_csv: Csv) -> None:
    edit(fer2013_csv[1], 3, vote(1, b""))
    assert load_fer2013(*fer2013_csv).votes is not None


def test_shuffled_votes_are_noticed(fer2013_csv: Csv) -> None:
    lines = fer2013_csv[1].read_text().splitlines()
    lines[1:64] = lines[63:0:-1]
    fer2013_csv[1].write_text("\n".join(lines))
    with pytest.raises(DataError, match="sorted or shuffled"):
        load_fer2013(*fer2013_csv)


def test_empty_votes(fer2013_csv: Csv) -> None:
    fer2013_csv[1].write_bytes(b"")
    with pytest.raises(DataError, match="empty file"):
        load_fer2013(*fer2013_csv)
    fer2013_csv[1].write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="as text"):
        load_fer2013(*fer2013_csv)


class TestCache:
    def test_is_used_and_follows_the_content(
        self, fer2013_csv: Csv, own_cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = fer2013_csv[0]
        first = load_fer2013(path)
        (kept,) = (own_cache / "datasets").iterdir()
        before = path.stat()
        with monkeypatch.context() as patch:
            patch.setattr("mien.datasets.fer2013.parse_csv", None)  # a second parse would fail
            assert same(load_fer2013(path), first)
        edit(path, 1, replaced(0, b"1"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        changed = load_fer2013(path)
        assert changed.faces[0, 0, 0] == 1
        assert len(list((own_cache / "datasets").iterdir())) == 2
        assert kept.exists()

    @pytest.mark.parametrize("damage", [b"", b"PK", b"nonsense" * 100, None, 0.5])
    def test_a_damaged_file_is_written_anew(
        self, fer2013_csv: Csv, own_cache: Path, damage: bytes | float | None
    ) -> None:
        first = load_fer2013(fer2013_csv[0])
        (kept,) = (own_cache / "datasets").iterdir()
        good = kept.read_bytes()
        if damage is None:
            np.savez(kept, faces=first.faces, labels=first.labels + 9, splits=first.splits)
        else:
            kept.write_bytes(good[: len(good) // 2] if isinstance(damage, float) else damage)
        assert same(load_fer2013(fer2013_csv[0]), first)
        assert same(load_fer2013(fer2013_csv[0]), first)
        assert len(kept.read_bytes()) == len(good)
        assert list((own_cache / "datasets").iterdir()) == [kept]

    def test_never_unpickles(self, fer2013_csv: Csv, own_cache: Path) -> None:
        first = load_fer2013(fer2013_csv[0])
        (kept,) = (own_cache / "datasets").iterdir()
        np.savez(kept, faces=first.faces, labels=first.labels, splits=np.array([{}] * 84))
        assert same(load_fer2013(fer2013_csv[0]), first)

    def test_a_folder_that_cannot_be_written(
        self, fer2013_csv: Csv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("not a folder")
        monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "file" / "below"))
        assert len(load_fer2013(fer2013_csv[0])) == 84

    def test_off(self, fer2013_csv: Csv, own_cache: Path) -> None:
        load_fer2013(fer2013_csv[0], cache=False)
        assert not own_cache.exists() or not list(own_cache.iterdir())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 3 * 9000), replacement=st.binary(max_size=4), removed=st.integers(0, 3))
def test_a_mutated_file_reads_or_is_refused(
    fer2013_csv: Csv, tmp_path: Path, place: int, replacement: bytes, removed: int
) -> None:
    content = b"".join(fer2013_csv[0].read_bytes().splitlines(keepends=True)[:4])
    mutated = tmp_path / "mutated.csv"
    mutated.write_bytes(content[:place] + replacement + content[place + removed :])
    with contextlib.suppress(DataError):
        assert 1 <= len(load_fer2013(mutated, cache=False)) <= 4


def test_needs_neither_torch_nor_pandas() -> None:
    import subprocess

    code = "import sys, mien.datasets, mien.evaluation.evaluate; print({'torch', 'pandas', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.real_data
@pytest.mark.skipif("MIEN_DATA" not in os.environ, reason="set MIEN_DATA to the folder of fer2013.csv")
def test_the_real_files() -> None:
    folder = Path(os.environ["MIEN_DATA"])
    dataset = load_fer2013(folder, folder / "fer2013new.csv", cache=False)
    training, test = dataset.split("Training"), dataset.split("PublicTest")
    assert (len(training), len(test)) == (28_709, 3_589)
    assert exact_copies(test.faces, training.faces).sum() == 280
    assert test.votes is not None
    sizes = {name: len(choose(test.votes)[0]) for name, choose in FERPLUS_TEST_SETS.items()}
    assert sizes == {"majority (Microsoft's rule)": 3_199, "plurality of eight": 3_579}
