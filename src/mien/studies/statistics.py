"""Compute intervals of means over participants, curves with bands, and contrasts of conditions with corrected tests.

The unit is the participant: sightings, bins and repeated presentations of one person are averaged before anything is
resampled or permuted. This module knows tables of values, not rows of videos.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from math import comb

import numpy as np
import numpy.typing as npt
import pandas as pd

from mien.errors import InputError, suggest
from mien.studies.reading import Frame

WITHIN, BETWEEN, AUTO = "within", "between", "auto"
DESIGNS = (WITHIN, BETWEEN, AUTO)

FEWEST = 3
"""Participants below whom no interval and no test is computed."""

AT_ONCE = 10_000_000
"""Numbers of a matrix of resamples that are in memory at once."""

RIDGE = 0.03
"""Share of the sample's squared standard error that is added to each resample's in the studentised bootstrap.

Without it a resample without the few participants who showed a rare emotion has a standard error near 0, and the
interval has no end. It was chosen on simulated studies: docs/studies.md."""

Floats = npt.NDArray[np.float64]
Batches = Callable[[], list[Floats]]
"""Gives t of permutations, (rounds, tests) in several parts."""


def intervals(values: Floats, *, level: float = 0.95, rounds: int = 2000, seed: int = 0) -> tuple[Floats, Floats]:
    """Compute studentised bootstrap intervals of means over participants.

    Args:
        values: float64 (participants, columns); NaN is missing.
        level: confidence level, between 0 and 1.
        rounds: number of resamples.
        seed: seed of the resamples; all columns use the same ones.

    Returns:
        Lower and upper ends, float64 (columns,) each; NaN in columns with fewer than FEWEST values, or without
        variation.

    Raises:
        InputError: the level or the rounds are out of range.
    """
    _check_numbers(level, rounds)
    values = np.asarray(values, np.float64)
    generator, people = np.random.default_rng(seed), len(values)
    count, center, variance = (each[0] for each in _moments(np.ones((1, people)), values))
    known = (count >= FEWEST) & (variance > 0)
    if not known.any():
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    most = max(1, AT_ONCE // rounds)
    if known.sum() > most:  # in parts of the columns, with the same resamples
        cuts = range(0, values.shape[1], most)
        ends = [intervals(values[:, cut : cut + most], level=level, rounds=rounds, seed=seed) for cut in cuts]
        return np.concatenate([low for low, _ in ends]), np.concatenate([high for _, high in ends])
    parts = []
    for size in _batches(rounds, sum(values.shape)):
        drawn = generator.multinomial(people, np.full(people, 1 / people), size=size)
        _, means, variances = _moments(drawn, values[:, known])
        t = (means - center[known]) / np.sqrt(variances + RIDGE * variance[known])
        parts.append(np.nan_to_num(t, nan=0.0))  # a resample without values says nothing of the mean
    low_t, high_t = np.quantile(np.concatenate(parts), [(1 - level) / 2, (1 + level) / 2], axis=0)
    error = np.sqrt(variance[known] * (1 + RIDGE))
    low, high = np.full((2, values.shape[1]), np.nan)
    low[known], high[known] = center[known] - high_t * error, center[known] - low_t * error
    return low, high


def curves(
    table: Frame,
    value: str = "proportion",
    *,
    by: Sequence[str] = ("condition", "outcome"),
    over: Sequence[str] = ("bin",),
    level: float = 0.95,
    rounds: int = 2000,
    seed: int = 0,
) -> Frame:
    """Compute the mean over participants at each point, with a pointwise interval (a band).

    Args:
        table: measures with the columns participant, `by`, `over` and the value.
        value: the column that is averaged.
        by: columns that tell curves apart.
        over: columns that tell the points of a curve apart; none: one mean for each `by`.
        level: confidence level of the band.
        rounds: number of resamples of participants.
        seed: their seed.

    Returns:
        The columns `by` and `over`, mean, low, high, and participants (how many have a value there).

    Raises:
        InputError: a column is missing, or an argument is out of range.
    """
    _check_columns(table, ["participant", *by, *over, value])
    keys = [*by, *over]
    wide = _wide(table, keys, value)
    matrix = wide.to_numpy(np.float64)
    low, high = intervals(matrix, level=level, rounds=rounds, seed=seed)
    count, mean, _ = _moments(np.ones((1, len(matrix))), matrix)
    found = wide.columns.to_frame(index=False)
    found["mean"], found["low"], found["high"] = np.where(count[0] > 0, mean[0], np.nan), low, high
    found["participants"] = count[0].astype(int)
    return found


def contrasts(
    table: Frame,
    value: str = "proportion",
    *,
    by: Sequence[str] = ("outcome",),
    design: str = AUTO,
    level: float = 0.95,
    rounds: int = 5000,
    seed: int = 0,
) -> Frame:
    """Compare every two conditions by differences of means, intervals and permutation tests.

    Within participants the signs of each participant's differences are flipped; between participants their conditions
    are permuted (with more than two conditions: those of the deviations from each condition's mean). The statistic is
    Student's t of the differences, or Welch's t. The corrected p is of the largest |t| of all rows of the result
    (Westfall and Young's max-T), so that the chance of any false positive among them is held.

    Args:
        table: measures with the columns participant, condition, `by` and the value; several rows of a participant and
            condition are averaged.
        value: the column that is compared.
        by: columns that tell tests apart; ("outcome", "bin") compares at each time.
        design: "within": every participant has both conditions; "between": each has one; "auto": what the table has.
        level: confidence level of the intervals, which use the quantile of |t| under flips or permutations of the
            participants' deviations from the means: difference plus or minus quantile times standard error. NaN where
            there are too few participants for any p of 1 - level: five or fewer within at .95.
        rounds: number of permutations.
        seed: their seed.

    Returns:
        One row for each two conditions and `by`: a and b (the conditions), `by`, mean_a, mean_b, difference (a minus
        b), low, high, t, p (two-sided, uncorrected), p_corrected, effect (Hedges' g between, the standardized mean of
        the differences within, both corrected for small samples), n_a and n_b (participants with a value).

    Raises:
        InputError: there are fewer than two conditions, or the design is not the table's.
    """
    _check_columns(table, ["participant", "condition", *by, value])
    _check_numbers(level, rounds)
    conditions = list(dict.fromkeys(table["condition"]))
    if len(conditions) < 2:
        raise InputError(f"condition: expected two or more, got {conditions}. Name them in the list of participants")
    design = _design(table, design)
    parts = [_wide(table[table["condition"] == name], by, value) for name in conditions]
    columns = parts[0].columns
    for part in parts[1:]:
        columns = columns.union(part.columns, sort=False)
    people = parts[0].index
    for part in parts[1:]:
        people = people.union(part.index, sort=False)
    pairs = list(combinations(range(len(conditions)), 2))
    if design == WITHIN:
        groups = [part.reindex(index=people, columns=columns).to_numpy(np.float64) for part in parts]
        found = [_paired(groups[a], groups[b]) for a, b in pairs]
        differences = np.hstack([groups[a] - groups[b] for a, b in pairs])
        null = _flipped(differences, rounds, seed)
        spread = _flipped(_deviations(differences), rounds, seed)
    else:
        groups = [part.reindex(columns=columns).to_numpy(np.float64) for part in parts]
        found = [_independent(groups[a], groups[b]) for a, b in pairs]
        spread = _permuted([_deviations(group) for group in groups], pairs, rounds, seed)
        # Conditions that differ must not widen the distribution of those that do not.
        null = spread if len(groups) > 2 else _permuted(groups, pairs, rounds, seed)
    result = pd.concat([columns.to_frame(index=False).assign(**each) for each in found], ignore_index=True)
    result.insert(0, "a", np.repeat([conditions[a] for a, _ in pairs], len(columns)))
    result.insert(1, "b", np.repeat([conditions[b] for _, b in pairs], len(columns)))
    t = result["t"].to_numpy(np.float64)
    margin = result.pop("error") * np.quantile(np.abs(np.nan_to_num(np.vstack(spread()))), level, axis=0)
    fewest = _arrangements(result["n_a"].to_numpy(), result["n_b"].to_numpy(), design)
    margin = margin.where(np.isfinite(t) & (margin > 0) & (fewest * (1 - level) >= 1 - 1e-9))
    result["low"], result["high"] = result["difference"] - margin, result["difference"] + margin
    result["p"], result["p_corrected"] = _p_values(t, null)
    order = ("mean_a", "mean_b", "difference", "low", "high", "t", "p", "p_corrected", "effect", "n_a", "n_b")
    return result[["a", "b", *by, *order]]


def _arrangements(n_a: npt.NDArray[np.int64], n_b: npt.NDArray[np.int64], design: str) -> Floats:
    """Return how many values |t| can have under flips or permutations: 1 / the smallest p that is possible."""
    if design == WITHIN:
        return np.asarray(2.0 ** (n_a - 1), np.float64)
    return np.array([comb(a + b, a) / (2 if a == b else 1) for a, b in zip(n_a, n_b, strict=True)], np.float64)


def _deviations(values: Floats) -> Floats:
    return np.asarray(values - _moments(np.ones((1, len(values))), values)[1], np.float64)


def _paired(a: Floats, b: Floats) -> dict[str, Floats]:
    """Describe the difference of two conditions of the same participants, by column."""
    both = a - b
    count, mean, variance = (each[0] for each in _moments(np.ones((1, len(both))), both))
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = mean / np.sqrt(variance * count) * _small_sample(count - 1)
    missing = np.isnan(both)
    a, b = np.where(missing, np.nan, a), np.where(missing, np.nan, b)
    return _described(a, b, variance, _t(mean, variance, count), effect)


def _independent(a: Floats, b: Floats) -> dict[str, Floats]:
    """Describe the difference of two conditions of different participants, by column."""
    (n_a, mean_a, var_a), (n_b, mean_b, var_b) = (
        [each[0] for each in _moments(np.ones((1, len(x))), x)] for x in (a, b)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = ((n_a - 1) * var_a * n_a + (n_b - 1) * var_b * n_b) / (n_a + n_b - 2)
        effect = (mean_a - mean_b) / np.sqrt(pooled) * _small_sample(n_a + n_b - 2)
    return _described(a, b, var_a + var_b, _t(mean_a - mean_b, var_a + var_b, np.minimum(n_a, n_b)), effect)


def _described(a: Floats, b: Floats, variance: Floats, t: Floats, effect: Floats) -> dict[str, Floats]:
    (n_a, mean_a, _), (n_b, mean_b, _) = ([each[0] for each in _moments(np.ones((1, len(x))), x)] for x in (a, b))
    mean_a, mean_b = np.where(n_a > 0, mean_a, np.nan), np.where(n_b > 0, mean_b, np.nan)
    numbers = {"mean_a": mean_a, "mean_b": mean_b, "difference": mean_a - mean_b, "error": np.sqrt(variance), "t": t}
    return {**numbers, "effect": effect, "n_a": n_a.astype(int), "n_b": n_b.astype(int)}


def _small_sample(freedom: Floats) -> Floats:
    """Return Hedges' correction of a standardized difference."""
    return np.asarray(1 - 3 / (4 * freedom - 1), np.float64)


def _moments(weights: npt.NDArray[np.number], values: Floats) -> tuple[Floats, Floats, Floats]:
    """Return count, mean and squared standard error of weighted samples, each (weightings, columns).

    Args:
        weights: how often each participant counts, (weightings, participants).
        values: (participants, columns); NaN is missing.
    """
    known = ~np.isnan(values)
    weights = weights.astype(np.float64)
    count = weights @ known.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        center = np.nan_to_num(np.where(known, values, 0).sum(axis=0) / known.sum(axis=0))
        clean = np.where(known, values - center, 0.0)
        mean = weights @ clean / count
        variance = np.maximum(weights @ clean**2 / count - mean**2, 0.0) / (count - 1)
    variance[~(count >= 2)] = 0.0
    variance[variance < 1e-24 * np.maximum(1.0, center**2)] = 0.0  # what rounding leaves of equal values
    return np.asarray(count, np.float64), np.asarray(mean + center, np.float64), np.asarray(variance, np.float64)


def _t(difference: Floats, variance: Floats, count: Floats) -> Floats:
    """Return difference / standard error; 0 without any difference, NaN below FEWEST participants."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = difference / np.sqrt(variance)
    t = np.where((variance == 0) & (np.abs(difference) < 1e-12), 0.0, t)
    return np.where(count >= FEWEST, t, np.nan)


def _flipped(differences: Floats, rounds: int, seed: int) -> Batches:
    """Return t under random signs of participants: one sign for all tests of a person."""
    known = ~np.isnan(differences)
    clean, count = np.where(known, differences, 0.0), known.sum(axis=0).astype(np.float64)
    squares = (clean**2).sum(axis=0)

    def batches() -> list[Floats]:
        found, generator = [], np.random.default_rng(seed)
        for size in _batches(rounds, sum(clean.shape)):
            mean = generator.choice([-1.0, 1.0], size=(size, len(clean))) @ clean / np.maximum(count, 1)
            variance = np.maximum(squares / np.maximum(count, 1) - mean**2, 0) / np.maximum(count - 1, 1)
            found.append(_t(mean, variance, np.broadcast_to(count, mean.shape)))
        return found

    return batches


def _permuted(groups: Sequence[Floats], pairs: Sequence[tuple[int, int]], rounds: int, seed: int) -> Batches:
    """Return Welch's t of all pairs of groups under permuted groups of participants."""
    everyone = np.vstack(groups)
    borders = np.cumsum([0, *map(len, groups)])

    def batches() -> list[Floats]:
        found, generator = [], np.random.default_rng(seed)
        for size in _batches(rounds, everyone.shape[1] * len(pairs) + len(everyone)):
            place = generator.permuted(np.tile(np.arange(len(everyone)), (size, 1)), axis=1)
            drawn = [_moments((place >= low) & (place < high), everyone) for low, high in pairwise(borders)]
            tests = [
                _t(drawn[a][1] - drawn[b][1], drawn[a][2] + drawn[b][2], np.minimum(drawn[a][0], drawn[b][0]))
                for a, b in pairs
            ]
            found.append(np.hstack(tests))
        return found

    return batches


def _p_values(t: Floats, null: Batches) -> tuple[Floats, Floats]:
    """Return p and the p corrected by max-T; the observed arrangement counts as one of the permutations."""
    size, above, above_all = 1, np.ones(len(t)), np.ones(len(t))
    observed = np.abs(t) - 1e-9
    for batch in null():
        batch = np.nan_to_num(np.abs(batch), nan=0.0, posinf=np.inf)
        size += len(batch)
        above += (batch >= observed).sum(axis=0)
        above_all += (batch[:, ~np.isnan(t)].max(axis=1, initial=0.0)[:, None] >= observed).sum(axis=0)
    missing = np.isnan(t)
    return np.where(missing, np.nan, above / size), np.where(missing, np.nan, above_all / size)


def _batches(rounds: int, width: int) -> list[int]:
    """Divide rounds so that matrices of this width stay within AT_ONCE."""
    most = max(1, AT_ONCE // max(1, width))
    return [min(most, rounds - start) for start in range(0, rounds, most)]


def _wide(table: Frame, keys: Sequence[str], value: str) -> Frame:
    """Return participants by keys, averaged over everything else; all keys stay, those without values too."""
    mean = table.groupby(["participant", *keys], sort=False)[value].mean()
    return mean.unstack(list(keys)) if len(keys) == 1 else mean.unstack(list(range(1, 1 + len(keys))))


def _design(table: Frame, design: str) -> str:
    """Return "within" or "between", checked against the table."""
    if design not in DESIGNS:
        raise InputError(f"design: expected {', '.join(DESIGNS)}, got {design!r}; {suggest(design, DESIGNS)}")
    numbers = table.groupby("participant")["condition"].nunique()
    several, one = numbers[numbers > 1].index, numbers[numbers == 1].index
    if design == AUTO:
        if len(several) and len(one):
            raise InputError(
                f"design: {len(several)} participants have several conditions, {len(one)} only one ({one[0]}). "
                f'Say "{WITHIN}" (those with one are left out of a pair that they lack) or remove them'
            )
        return WITHIN if len(several) else BETWEEN
    if design == BETWEEN and len(several):
        raise InputError(f"design: expected one condition for each participant, got several for {several[0]}")
    if design == WITHIN and not len(several):
        raise InputError("design: expected several conditions for each participant, got one for each")
    return design


def _check_numbers(level: float, rounds: int) -> None:
    if rounds < 1 or not 0 < level < 1:
        raise InputError(f"expected rounds from 1 and a level between 0 and 1, got {rounds} and {level}")


def _check_columns(table: Frame, names: Sequence[str]) -> None:
    absent = [name for name in names if name not in table]
    if absent:
        raise InputError(f"expected the column {absent[0]!r}; {suggest(absent[0], map(str, table.columns))}")
