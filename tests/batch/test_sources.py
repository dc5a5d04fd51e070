"""Which files a batch reads, and what it is given of them."""

from __future__ import annotations

import os
from pathlib import Path

import fsspec
import pytest

from mien.batch import sources
from mien.batch.sources import as_file, fetch, find_files, is_video
from mien.errors import ImageError, InputError, MissingExtraError


def names(found: list[str], folder: Path) -> list[str]:
    return [os.path.relpath(name, folder) for name in found]


def test_a_folder_gives_its_pictures_and_videos_and_those_of_its_folders(tree: Path) -> None:
    found = names(find_files([str(tree)]), tree)
    assert len(found) == 42
    assert found == sorted(found)
    assert {"talk.mp4", "deep/broken.jpg", "deep/er/b00.jpg"} <= set(found)
    assert not {"notes.txt", "._a00.png"} & set(found)


def test_files_globs_and_folders_that_overlap_give_each_file_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    found = find_files(["a01.png", "a0?.png", str(tree / "a01.png"), "deep/../a02.png", f"file://{tree}/a03.png"])
    assert names(found, tree) == [f"a{number:02}.png" for number in range(10)]
    assert names(find_files(["**/b0[12].jpg"]), tree) == ["deep/er/b01.jpg", "deep/er/b02.jpg"]


def test_a_glob_that_matches_a_folder_gives_what_is_in_it(tree: Path) -> None:
    assert len(find_files([f"{tree}/d*"])) == 21


def test_what_is_named_is_taken_whatever_it_is_called(tree: Path) -> None:
    assert find_files([str(tree / "notes.txt")]) == [str(tree / "notes.txt")]


def test_a_list_names_files_that_nobody_looks_for(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    listing = tmp_path / "list.txt"
    listing.write_text("a00.png\n\n  gone.jpg\ns3://bucket/a b.jpg\na00.png\n")
    expected = sorted([str(tree / "a00.png"), str(tree / "gone.jpg"), "s3://bucket/a b.jpg"])
    assert find_files([f"@{listing}"]) == expected


def test_a_store_is_listed_like_a_folder() -> None:
    system = fsspec.filesystem("memory")
    system.pipe({"/bucket/x/1.jpg": b"1", "/bucket/x/y/2.MP4": b"2", "/bucket/x/readme": b"3"})
    found = find_files(["memory://bucket/x"])
    assert [name.rpartition("/x/")[2] for name in found] == ["1.jpg", "y/2.MP4"]
    assert all(name.startswith("memory://") for name in found)
    assert find_files(["memory://bucket/x/*.jpg"]) == found[:1]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere.jpg", "no such file or folder"),
        ("nowhere/*.jpg", "expected pictures .* found none"),
        ("@nowhere.txt", "expected a list"),
        ("@empty.txt", "got an empty file"),
        ("empty", "found none"),
        ("nonsense://x", "expected a path or an address"),
    ],
)
def test_what_gives_no_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(InputError, match=said):
        find_files([source])


def test_videos_are_known_by_their_names() -> None:
    assert is_video("s3://bucket/talk.MP4")
    assert not is_video("/x/talk.gif")


@pytest.mark.parametrize(("scheme", "extra"), [("s3", "s3"), ("gs", "gs"), ("gcs", "gs"), ("az", "az"), ("abfs", "az")])
def test_a_store_without_its_client_names_the_extra(monkeypatch: pytest.MonkeyPatch, scheme: str, extra: str) -> None:
    def missing(url: str) -> None:
        raise ImportError(url)

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(MissingExtraError, match=rf"pip install -c constraints.txt '\.\[{extra}\]'"):
        find_files([f"{scheme}://bucket/in"])
    with pytest.raises(InputError, match=r"dropbox://in.*Install the package"):
        find_files(["dropbox://in"])


def test_remote_files_come_as_bytes_in_their_order_and_missing_ones_as_errors() -> None:
    fsspec.filesystem("memory").pipe({"/fetch/1.jpg": b"one", "/fetch/2.jpg": b"two"})
    fsspec.filesystem("memory").pipe_file("/fetch/2[1].jpg", b"odd")
    local, first, gone, odd, second = fetch(
        ["/local.jpg", *(f"memory://fetch/{name}.jpg" for name in ("1", "gone", "2[1]", "2"))]
    )
    assert (local, first, odd, second) == ("/local.jpg", b"one", b"odd", b"two")
    assert isinstance(gone, ImageError)
    assert "no such file" in str(gone)


def test_a_store_that_fails_is_asked_again_and_then_it_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def cat(names: list[str]) -> dict[str, bytes | Exception]:
        asked.append(list(names))
        good = len(asked) >= 2
        return {name: b"ok" if good or name.endswith("1.jpg") else TimeoutError("slow") for name in names}

    monkeypatch.setattr(sources, "PAUSE", 0)
    monkeypatch.setattr(sources, "read_contents", cat)
    assert fetch(["s3://b/1.jpg", "s3://b/2.jpg"]) == [b"ok", b"ok"]
    assert asked == [["s3://b/1.jpg", "s3://b/2.jpg"], ["s3://b/2.jpg"]]
    asked.clear()
    monkeypatch.setattr(sources, "read_contents", lambda names: {name: TimeoutError("slow") for name in names})
    with pytest.raises(OSError, match=r"s3://b/2.jpg: its store does not give it \(TimeoutError: slow\)"):
        fetch(["s3://b/2.jpg"])


def test_a_remote_video_is_a_local_file_for_a_while() -> None:
    fsspec.filesystem("memory").pipe("/films/a.mp4", b"film")
    with as_file("memory://films/a.mp4") as path:
        assert Path(path).read_bytes() == b"film"
        assert path.endswith(".mp4")
    assert not Path(path).exists()
    with pytest.raises(ImageError, match="no such file"), as_file("memory://films/gone.mp4"):
        pass
