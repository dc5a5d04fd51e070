from __future__ import annotations

import numpy as np
import pytest

from mien.datasets import (
    VOTE_COLUMNS,
    majority,
    plurality,
    vote_shares,
)
from mien.errors import InputError
from mien.labels import FERPLUS


def votes_of(**counts: int) -> np.ndarray:
    row = np.zeros((1, 10), np.uint8)
    for name, count in counts.items():
        row[0, VOTE_COLUMNS.index(name)] = count
    return row


@pytest.mark.parametrize(
    ("votes", "by_majority", "by_plurality"),
    [
        (votes_of(happy=6, sad=4), "happy", "happy"),
        (votes_of(happy=5, sad=5), None, "happy"),  # half is no majority; FER+'s order decides
        (votes_of(sad=5, fear=1, disgust=1, NF=1, unknown=2), "sad", "sad"),  # single votes do not count
        (votes_of(sad=5, fear=2, unknown=3), None, "sad"),
        (votes_of(happy=3, NF=7), None, "happy"),
        (votes_of(happy=4, unknown=6), None, "happy"),
        (votes_of(NF=10), None, None),
        (votes_of(unknown=5, NF=5), None, None),
        (votes_of(sad=1, NF=1), None, "sad"),  # nothing is left of single votes
    ],
)
def test_ferplus_subsets(votes: np.ndarray, by_majority: str | None, by_plurality: str | None) -> None:
    for choose, expected in ((majority, by_majority), (plurality, by_plurality)):
        indices, labels = choose(votes)
        assert (indices.dtype, labels.dtype) == (np.int64, np.int64)
        assert [FERPLUS.names[label] for label in labels] == ([] if expected is None else [expected])
        assert indices.tolist() == ([] if expected is None else [0])


def test_vote_shares() -> None:
    votes = np.concatenate([votes_of(happy=3, sad=1, unknown=6), votes_of(NF=10)])
    shares = vote_shares(votes)
    assert shares.dtype == np.float32
    assert shares.shape == (2, 8)
    assert shares[0, FERPLUS.index("happy")] == pytest.approx(0.75)
    assert shares[0].sum() == pytest.approx(1)
    assert not shares[1].any()
    with pytest.raises(InputError, match="votes: expected"):
        vote_shares(votes[:, :8])
