"""`mien batch` as people type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.batch_files import rows_in
from helpers.paths import ROOT
from mien.batch import cluster
from mien.batch.table import SCHEMA, schema
from mien.cli.main import main, make_parser
from mien.errors import MissingExtraError
from mien.labels import FERPLUS

pytestmark = pytest.mark.slow

Output = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("serial")
def test_what_it_says_and_its_exit_codes(tree: Path, tmp_path: Path, fast: list[str], capsys: Output) -> None:
    out = tmp_path / "out"
    words = ["batch", f"{tree}/*.png", f"{tree}/talk.mp4", "--out", str(out), "--every", "4", *fast]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"{out}: 21 of 21 files, 22 faces, 0 errors in ")
    assert said.endswith("1 workers)\n")
    assert len(rows_in(out)) == 22
    assert main(words) == 0
    assert capsys.readouterr().err == f"{out}: nothing to do; 21 were done before\n"
    assert main(["batch", str(tree), *words[3:]]) == 1  # one of the new files is broken
    assert "21 of 21 files, 20 faces, 1 errors" in capsys.readouterr().err
    assert main([*words, "--flip"]) == 2
    assert "flip was False, now True" in capsys.readouterr().err
    assert main(["batch", f"{tree}/nothing", "--out", str(out), *fast]) == 2


def test_without_ray_it_says_how_to_install_it(
    tree: Path, tmp_path: Path, fast: list[str], capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise MissingExtraError("mien batch", "scale")

    monkeypatch.setattr(cluster, "import_ray", missing)
    assert main(["batch", str(tree), "--out", str(tmp_path / "out"), *fast]) == 2
    assert "pip install -c constraints.txt '.[scale]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--workers", "0"], ["--threads", "none"], ["--fps", "-1"], ["--detector", "x"]])
def test_wrong_words_are_told_before_anything_is_read(tree: Path, tmp_path: Path, words: list[str]) -> None:
    pytest.importorskip("ray", reason="needs the extra 'scale'")
    try:
        code = main(["batch", str(tree), "--out", str(tmp_path / "out"), *words])
    except SystemExit as left:
        code = int(left.code or 0)
    assert code == 2
    assert not (tmp_path / "out").exists()


def test_an_address_where_nobody_answers_is_told_at_once(
    tree: Path, tmp_path: Path, fast: list[str], capsys: Output
) -> None:
    pytest.importorskip("ray", reason="needs the extra 'scale'")
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        assert main(["batch", str(tree), "--out", str(tmp_path / "out"), "--address", address, *fast]) == 2
        assert f"--address {address}: no Ray cluster answers there" in capsys.readouterr().err


def test_the_documentation_names_every_option_and_every_column() -> None:
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    commands = make_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    options = {word for action in commands["batch"]._actions for word in action.option_strings} - {"-h", "--help"}
    assert {option for option in options if f"`{option}" not in page} == set()
    columns = set(schema(FERPLUS).names) - set(FERPLUS.names)
    assert {column for column in columns if f"`{column}`" not in page} == set()
    assert f"The version of these columns is {SCHEMA};" in page
