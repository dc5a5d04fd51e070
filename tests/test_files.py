"""Files are written whole or not at all."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from mien.errors import InputError
from mien.files import check_outputs, replacing, write_atomically


@pytest.mark.parametrize(
    ("content", "written"), [(b"\x00\xff", b"\x00\xff"), ("größe 🙂\n", "größe 🙂\n".encode()), ("", b"")]
)
def test_write(content: bytes | str, written: bytes, tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "ü b.json"
    assert write_atomically(path, content) == path
    assert path.read_bytes() == written
    assert list(path.parent.iterdir()) == [path]
    assert write_atomically(str(path), b"again") == path
    assert path.read_bytes() == b"again"


def test_file_names_that_are_no_utf8_survive_in_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")  # as a Latin-1 disk holds it
    path = write_atomically(tmp_path / "a.json", json.dumps({"source": name}, ensure_ascii=False))
    assert json.loads(path.read_text("utf-8")) == {"source": name}


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def stopped_halfway() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_halfway()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent  # the same disk, or the replacement would not be one step
        assert temporary.suffix == ".txt"
    assert path.read_text() == "half"
    assert not temporary.exists()


@pytest.mark.skipif(os.name != "posix", reason="permissions are others here")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        path = write_atomically(tmp_path / "a.txt", "x")
        (tmp_path / "b.txt").write_text("x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert path.stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_a_folder_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", "x")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


POSIX = pytest.mark.skipif(os.name != "posix", reason="links, pipes and modes are POSIX's")


@POSIX
def test_links_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    for name in ("there.csv", "dangling.csv"):
        (tmp_path / name).symlink_to(tmp_path / "real" / name)
    (tmp_path / "real" / "there.csv").write_text("old")
    for name in ("there.csv", "dangling.csv"):
        write_atomically(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "real" / name).read_text() == "new"


@POSIX
def test_mode_and_hard_links_are_kept(tmp_path: Path) -> None:
    path, other = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text("old and longer")
    path.chmod(0o600)
    write_atomically(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    os.link(path, other)
    write_atomically(path, "newer")
    assert (other.read_text(), path.stat().st_nlink, path.stat().st_mode & 0o777) == ("newer", 2, 0o600)


@POSIX
def test_pipes_and_devices_are_written_to(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe.csv", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, "through")
    reader.join(30)
    assert got == [b"through"]
    assert pipe.is_fifo()
    link = tmp_path / "null.csv"
    link.symlink_to("/dev/null")
    write_atomically(link, "gone")
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["null.csv", "pipe.csv"]


@POSIX
def test_an_output_must_not_be_an_input(tmp_path: Path) -> None:
    source, link, hard = tmp_path / "a.csv", tmp_path / "link.csv", tmp_path / "hard.csv"
    source.write_text("x")
    link.symlink_to(source)
    os.link(source, hard)
    for output in (source, link, hard, tmp_path / "." / "a.csv"):
        with pytest.raises(InputError, match="is an input"):
            check_outputs([output], [source])
    with pytest.raises(InputError, match="only one of them can be written there"):
        check_outputs([tmp_path / "b.csv", tmp_path / "b.csv"])
    check_outputs([None, "-", tmp_path / "new" / "b.csv"], [source, "-", None])
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize("name", ["a.jpg", "a.PNG", "talk.mp4"])
def test_text_has_no_name_of_a_picture_or_video(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a file for text"):
        check_outputs([tmp_path / name])
    check_outputs([tmp_path / name], text=False)
    check_outputs([tmp_path / "no suffix", tmp_path / "a.txt"])
