"""Divide Training faces among clients. This module knows arrays only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.errors import InputError

SPLITS = ("iid", "dirichlet")
FEWEST = 2
"""Least faces of a client: batch norm needs more than one."""

Indices = npt.NDArray[np.int64]


def divide(
    labels: npt.NDArray[np.int64], clients: int, split: str = "iid", alpha: float = 0.5, seed: int = 0
) -> list[Indices]:
    """Divide faces among clients; each face goes to exactly one client, and each client gets at least `FEWEST`.

    Args:
        labels: the label of each face, int64 (N,).
        clients: number of clients.
        split: "iid": the shuffled faces in equal parts. "dirichlet": every label by shares from a Dirichlet
            distribution (Hsu et al. 2019).
        alpha: concentration of that distribution: at 100 all clients are similar, at 0.1 most have only a few labels.
        seed: seed of the random division.

    Returns:
        The sorted indices of each client's faces, int64.

    Raises:
        InputError: an argument is out of range, or there are too few faces.
    """
    if split not in SPLITS:
        raise InputError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if clients < 1 or len(labels) < clients * FEWEST:
        raise InputError(f"clients: expected 1 to {len(labels) // FEWEST} for {len(labels)} faces, got {clients}")
    if not alpha > 0:
        raise InputError(f"alpha: expected a number above 0, got {alpha}")
    rng = np.random.default_rng(seed)
    if split == "iid":
        parts = np.array_split(rng.permutation(len(labels)), clients)
    else:
        parts = _filled(_by_label(labels, clients, alpha, rng))
    return [np.sort(part) for part in parts]


def _by_label(labels: npt.NDArray[np.int64], clients: int, alpha: float, rng: np.random.Generator) -> list[Indices]:
    parts: list[list[Indices]] = [[] for _ in range(clients)]
    for label in np.unique(labels):
        places = rng.permutation(np.flatnonzero(labels == label))
        ends = np.cumsum(rng.dirichlet(np.full(clients, alpha)))[:-1]
        cuts = np.round(ends * len(places)).astype(np.int64)
        for part, piece in zip(parts, np.split(places, cuts), strict=True):
            part.append(piece)
    return [np.concatenate(part) for part in parts]


def _filled(parts: list[Indices]) -> list[Indices]:
    """Move faces from the client with the most to those with fewer than `FEWEST`."""
    for k in range(len(parts)):
        while len(parts[k]) < FEWEST:
            richest = max(range(len(parts)), key=lambda other: len(parts[other]))
            parts[k] = np.append(parts[k], parts[richest][0])
            parts[richest] = parts[richest][1:]
    return parts
