from __future__ import annotations

import pickle

import pytest

from mien import errors
from mien.errors import ImageError, MienError, MissingExtraError, suggest


@pytest.mark.parametrize(
    "error", [ImageError("is empty. Copy it again", "a.jpg"), MissingExtraError("training", "train")]
)
def test_errors_cross_processes_unchanged(error: MienError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_every_error_is_in_the_tree_and_its_drawing() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(classes) >= 10
    for error in classes:
        assert issubclass(error, MienError)
        assert error.__name__ in (errors.__doc__ or "")


def test_a_missing_extra_prints_the_line_that_installs_it() -> None:
    error = MissingExtraError("training", "train")
    assert "pip install -c constraints.txt '.[train]'" in str(error)
    assert isinstance(error, ImportError)


@pytest.mark.parametrize(
    ("word", "hint"), [("centerfase", "did you mean 'centerface'?"), ("zzz", "known: centerface, yunet")]
)
def test_nearest(word: str, hint: str) -> None:
    assert suggest(word, ["yunet", "centerface"]) == hint
