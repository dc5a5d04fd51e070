"""Every face is with exactly one client, whatever the split; and the splits are as even or uneven as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("flwr", reason="the extra 'federated' is not installed here: see docs/federated.md")

from mien.errors import InputError
from mien.federated.splits import FEWEST, divide


@settings(deadline=None)
@given(
    faces=st.integers(20, 300),
    clients=st.integers(1, 10),
    split=st.sampled_from(["iid", "dirichlet"]),
    alpha=st.sampled_from([0.01, 0.5, 100.0]),
    seed=st.integers(0, 5),
)
def test_every_face_is_with_exactly_one_client(faces: int, clients: int, split: str, alpha: float, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 7, faces)
    parts = divide(labels, clients, split, alpha, seed)
    assert len(parts) == clients
    assert min(len(part) for part in parts) >= FEWEST
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(faces))


def test_the_seed_decides() -> None:
    labels = np.arange(700) % 7
    for split in ("iid", "dirichlet"):
        first, again, other = (divide(labels, 5, split, 0.5, seed) for seed in (1, 1, 2))
        assert all((a == b).all() for a, b in zip(first, again, strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_iid_clients_have_as_many_faces() -> None:
    assert [len(part) for part in divide(np.zeros(103, np.int64), 5)] == [21, 21, 21, 20, 20]


def unevenness(alpha: float) -> float:
    """The largest share that one label has of a client's faces, in the mean over clients."""
    labels = np.arange(7000) % 7
    parts = divide(labels, 10, "dirichlet", alpha, 0)
    return float(np.mean([np.bincount(labels[part], minlength=7).max() / len(part) for part in parts]))


def test_a_small_alpha_makes_clients_differ() -> None:
    assert unevenness(0.05) > unevenness(0.5) > unevenness(1000.0)
    assert unevenness(1000.0) < 0.2  # a seventh is even


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"clients": 6}, "clients: expected 1 to 5 for 10 faces, got 6"),
        ({"clients": 0}, "got 0"),
        ({"clients": 2, "split": "random"}, "split: expected one of iid, dirichlet, got 'random'"),
        ({"clients": 2, "alpha": 0.0}, "alpha: expected a number above 0"),
    ],
)
def test_what_cannot_be_divided_is_told(words: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        divide(np.zeros(10, np.int64), **words)  # type: ignore[arg-type]
