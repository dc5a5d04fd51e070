"""Read labelled faces into numpy arrays, from every form of data that mien knows. No torch, no pandas."""

from mien.datasets.clean import leave_out
from mien.datasets.duplicates import exact_copies, near_copies
from mien.datasets.faces import (
    TEST,
    TEST_SPLITS,
    TRAINING,
    VALIDATION,
    VALIDATION_SPLITS,
    FaceDataset,
    combine,
)
from mien.datasets.fer2013 import load_fer2013
from mien.datasets.ferplus import (
    FERPLUS_TEST_SETS,
    VOTE_COLUMNS,
    majority,
    plurality,
    read_votes,
    vote_shares,
)
from mien.datasets.listing import DataWarning
from mien.datasets.sources import as_dataset, default_split, load_data, summary, with_validation
from mien.datasets.splits import fold, hold_out

__all__ = [
    "FERPLUS_TEST_SETS",
    "TEST",
    "TEST_SPLITS",
    "TRAINING",
    "VALIDATION",
    "VALIDATION_SPLITS",
    "VOTE_COLUMNS",
    "DataWarning",
    "FaceDataset",
    "as_dataset",
    "combine",
    "default_split",
    "exact_copies",
    "fold",
    "hold_out",
    "leave_out",
    "load_data",
    "load_fer2013",
    "majority",
    "near_copies",
    "plurality",
    "read_votes",
    "summary",
    "vote_shares",
    "with_validation",
]
