"""Files are written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mien.files import replacing, write_atomically


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
