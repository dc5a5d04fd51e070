"""Data sets as numpy arrays: index -> (uint8 face, label). No torch, no pandas."""

from mien.datasets.fer2013 import FaceDataset, exact_copies, load_fer2013
from mien.datasets.ferplus import (
    FERPLUS_TEST_SETS,
    PLURALITY,
    VOTE_COLUMNS,
    majority,
    plurality,
    read_votes,
    vote_shares,
)

__all__ = [
    "FERPLUS_TEST_SETS",
    "PLURALITY",
    "VOTE_COLUMNS",
    "FaceDataset",
    "exact_copies",
    "load_fer2013",
    "majority",
    "plurality",
    "read_votes",
    "vote_shares",
]
