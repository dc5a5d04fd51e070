"""Compute intervals and tests over speakers, whose clips are alike: speakers are drawn again, not clips.

This module knows numbers and speakers' names; nothing of sound or networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mien.errors import InputError
from mien.evaluation.metrics import METRICS, Floats, LabelArray, ProbabilityArray, check

Names = npt.NDArray[np.str_]

FEWEST = 10
"""Speakers that a group must have to be compared."""


def over_speakers(
    statistics: Callable[[npt.NDArray[np.int64]], Mapping[str, float]],
    speakers: Names,
    rounds: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return the percentile bootstrap interval of each statistic, speakers drawn with all their clips.

    Args:
        statistics: gets the numbers of clips, int64 (n,), some of them repeated; returns values by name.
        speakers: of each clip, str (N,).
        rounds: number of resamples.
        level: confidence level, between 0 and 1.
        seed: seed of the resamples.

    Raises:
        InputError: there are fewer than two speakers, or an argument is out of range.
    """
    names, owners = np.unique(speakers, return_inverse=True)
    if len(names) < 2 or rounds < 1 or not 0 < level < 1:
        raise InputError(
            f"expected at least 2 speakers, 1 round and a level between 0 and 1, got {len(names)}, {rounds}, {level}"
        )
    rows = [np.flatnonzero(owners == k) for k in range(len(names))]
    rng = np.random.default_rng(seed)
    found = [
        statistics(np.concatenate([rows[k] for k in rng.integers(0, len(names), len(names))])) for _ in range(rounds)
    ]
    tail = (1 - level) / 2
    samples = {name: np.array([each[name] for each in found]) for name in found[0]}
    return {
        name: (float(np.nanquantile(values, tail)), float(np.nanquantile(values, 1 - tail)))
        for name, values in samples.items()
        if np.isfinite(values).any()
    }


def metric_intervals(
    probabilities: ProbabilityArray,
    labels: LabelArray,
    speakers: Names,
    metrics: Sequence[str] = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece"),
    rounds: int = 500,
) -> dict[str, tuple[float, float]]:
    """Return the interval of each metric over speakers; one speaker alone has none.

    Repeated clips bias ECE upwards, so its samples are shifted by the difference between the ECE of the data and their
    mean.
    """
    values, labels = check(probabilities, labels)
    if len(np.unique(speakers)) < 2:
        return {}
    means: list[float] = []

    def statistics(rows: npt.NDArray[np.int64]) -> dict[str, float]:
        found = {name: METRICS[name](values[rows], labels[rows]) for name in metrics}
        means.append(found.get("ece", 0.0))
        return found

    intervals = over_speakers(statistics, speakers, rounds)
    if "ece" in intervals:
        shift = METRICS["ece"](values, labels) - float(np.mean(means))
        low, high = intervals["ece"]
        intervals["ece"] = (max(low + shift, 0.0), high + shift)
    return intervals


@dataclass(frozen=True)
class GroupScore:
    """The score of one group of speakers.

    Attributes:
        group: its name.
        speakers: how many there are.
        clips: how many clips they speak.
        score: mean of the speakers' scores.
        low: lower end of the 95 % interval over speakers.
        high: upper end.
    """

    group: str
    speakers: int
    clips: int
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class GroupComparison:
    """Groups of speakers by one attribute, and whether they differ by more than chance.

    Attributes:
        attribute: "sex", "age", "race".
        groups: those with at least FEWEST speakers, by name.
        left_out: groups with fewer.
        gap: largest difference between two groups' scores.
        p: share of random divisions of the speakers with at least such a gap.
        corrected: the same after Holm's correction for several attributes.
    """

    attribute: str
    groups: tuple[GroupScore, ...]
    left_out: tuple[str, ...]
    gap: float
    p: float
    corrected: float


def compare_groups(
    scores: npt.NDArray[np.floating],
    speakers: Names,
    attributes: Mapping[str, Names],
    rounds: int = 10_000,
    seed: int = 0,
) -> list[GroupComparison]:
    """Compare groups of speakers by permutation tests, corrected for the number of attributes (Holm 1979).

    Args:
        scores: one per clip, float (N,): 1 for a right answer, 0 for a wrong one, or an error.
        speakers: of each clip, str (N,).
        attributes: name -> the group of each clip's speaker, str (N,).
        rounds: number of random divisions.
        seed: seed of the divisions.

    Returns:
        One comparison per attribute of which at least two groups have FEWEST speakers.
    """
    _, first, owners = np.unique(speakers, return_index=True, return_inverse=True)
    counts = np.bincount(owners)
    means = np.bincount(owners, scores) / counts
    found = []
    for attribute, values in attributes.items():
        groups = values[first]
        sizes = {group: int((groups == group).sum()) for group in np.unique(groups)}
        kept = [group for group, size in sizes.items() if size >= FEWEST]
        if len(kept) < 2:
            continue
        inside = np.isin(groups, kept)
        gap, p = _permuted(means[inside], groups[inside], rounds, seed)
        found.append(
            GroupComparison(
                attribute=attribute,
                groups=tuple(_score(str(group), means[groups == group], counts[groups == group]) for group in kept),
                left_out=tuple(str(group) for group in sizes if group not in kept),
                gap=gap,
                p=p,
                corrected=p,
            )
        )
    return _holm(found)


def _score(group: str, means: Floats, counts: npt.NDArray[np.int64]) -> GroupScore:
    rng = np.random.default_rng(0)
    draws = means[rng.integers(0, len(means), (2000, len(means)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return GroupScore(group, len(means), int(counts.sum()), float(means.mean()), float(low), float(high))


def _permuted(means: Floats, groups: Names, rounds: int, seed: int) -> tuple[float, float]:
    """Return the largest gap between groups' means, and the share of permutations with at least such a gap."""
    kinds, places = np.unique(groups, return_inverse=True)
    member = np.eye(len(kinds))[places] / np.bincount(places)
    rng = np.random.default_rng(seed)
    shuffled = np.stack([rng.permutation(means) for _ in range(rounds)])
    gap = float(np.ptp(means @ member))
    gaps = np.ptp(shuffled @ member, axis=1)
    return gap, float((1 + (gaps >= gap - 1e-12).sum()) / (1 + rounds))


def _holm(found: list[GroupComparison]) -> list[GroupComparison]:
    order = sorted(range(len(found)), key=lambda k: found[k].p)
    most = 0.0
    for place, k in enumerate(order):
        most = max(most, min(found[k].p * (len(found) - place), 1.0))
        found[k] = replace(found[k], corrected=most)
    return found
