"""Whether the statistics of studies hold what they say, on simulated studies whose truth is known.

    python -m benchmarks studies [--runs 500]

Each study has 30 participants, whose reported emotions change as those in rows of videos do: a person's own
frequencies, different ones in each presentation, episodes of a second and a half, a face that is lost 6 % of the time;
some emotions are rare, so that most people never show them. The sightings are measured with `mien.studies.measures`
and compared with `mien.studies.statistics`. Truth is the mean of 40,000 participants of the same kind. Writes
`results/studies.json`, the tables in docs/studies.md, and how long an hour of rows takes.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from tqdm import tqdm

from benchmarks.machine import describe, write_results
from benchmarks.page import write_table
from mien.labels import FERPLUS
from mien.studies.measures import bin_windows, measure
from mien.studies.statistics import contrasts, curves

PEOPLE, POPULATION, LEVEL, ROUNDS = 30, 40_000, 0.95, 1000
STEP, SECONDS = 0.2, 40.0
FREQUENCIES = np.array([0.52, 0.18, 0.07, 0.12, 0.05, 0.03, 0.02, 0.01])
"""Of FERPLUS's emotions in their order; of all participants."""
PERSON, PRESENTATION = 6.0, 15.0
"""Concentrations of the Dirichlet distributions of a person's frequencies, and of those of one presentation."""
CHANGE, LOST, FOUND = STEP / 1.5, 0.01, 0.16
"""Chance per step that an episode ends, that a face is lost, and that it is found again."""
HAPPY = FERPLUS.index("happy")
EFFECTS = {"within": 0.2, "between": 0.4}
"""Share of neutral that becomes happy in the condition with the planted effect: a power of about 80 %."""

Ints = npt.NDArray[np.int8]


def simulate(generator: np.random.Generator, people: int, effects: list[float], same_people: bool) -> tuple[Any, Any]:
    """Emotions (-1: no face), int8 (conditions, people, steps), and the persons' names in each condition."""
    base = generator.dirichlet(PERSON * FREQUENCIES, size=people)
    codes, names = [], []
    for number, effect in enumerate(effects):
        person = base if same_people or number == 0 else generator.dirichlet(PERSON * FREQUENCIES, size=people)
        gammas = generator.standard_gamma(PRESENTATION * np.maximum(person, 1e-9))
        own = gammas / gammas.sum(axis=1, keepdims=True)
        moved = effect * own[:, 0]
        own[:, 0] -= moved
        own[:, HAPPY] += moved
        codes.append(chain(generator, own))
        names.append([f"{0 if same_people else number}-{k}" for k in range(people)])
    return np.stack(codes), names


def chain(generator: np.random.Generator, frequencies: npt.NDArray[np.float64]) -> Ints:
    steps, people = round(SECONDS / STEP), len(frequencies)
    limits = frequencies.cumsum(axis=1)

    def drawn() -> npt.NDArray[np.intp]:
        return np.minimum((generator.random((people, 1)) > limits).sum(axis=1), len(FREQUENCIES) - 1)

    now, seen = drawn(), generator.random(people) < FOUND / (FOUND + LOST)
    codes = np.empty((people, steps), np.int8)
    for step in range(steps):
        codes[:, step] = np.where(seen, now, -1)
        now = np.where(generator.random(people) < CHANGE, drawn(), now)
        chance = generator.random(people)
        seen = np.where(seen, chance >= LOST, chance < FOUND)
    return codes


def shares(codes: Ints) -> npt.NDArray[np.float64]:
    """Proportion of the time seen of each emotion, (..., K); NaN where the face was never seen."""
    seen = (codes >= 0).sum(axis=-1)[..., None]
    counts = np.stack([(codes == k).sum(axis=-1) for k in range(len(FREQUENCIES))], axis=-1)
    return np.where(seen > 0, counts / np.maximum(seen, 1), np.nan)


def sightings(codes: Ints) -> pd.DataFrame:
    """The sightings of one presentation, or of several one after the other: int8 (steps,)."""
    seen = np.flatnonzero(codes >= 0)
    columns = {name: np.where(codes[seen] == k, 0.86, 0.02) for k, name in enumerate(FERPLUS.names)}
    emotion = np.array(FERPLUS.names, object)[codes[seen]]
    return pd.DataFrame({**columns, "time": seen * STEP, "seconds": STEP, "emotion": emotion})


def measured(codes: Ints, names: list[list[str]]) -> pd.DataFrame:
    """The table of measures of studies, int8 (conditions, people, steps): one window for each presentation."""
    conditions, people, _ = codes.shape
    letters = np.repeat(list("ABC"[:conditions]), people)
    windows = pd.DataFrame({"condition": letters, "participant": np.concatenate(names)})
    windows["start"] = SECONDS * np.arange(len(windows))
    windows["end"] = windows["start"] + SECONDS
    return measure(sightings(codes.reshape(-1)), windows, FERPLUS)


def theory(values: npt.NDArray[np.float64], people: int, two_groups: bool) -> dict[str, float]:
    """Power of Student's t of "happy": at the t of p = .05, and at the limit of the largest t of all emotions.

    Power is that of noncentral t with the population's mean difference and variances; the limit is the 95 % quantile of
    the largest |t| in 20,000 studies drawn of the population's deviations, with random signs, where nothing differs.
    """
    freedom = (2 * people if two_groups else people) - (2 if two_groups else 1)
    difference = (values[0] - values[1]).mean(axis=0)
    variance = values.var(axis=1).sum(axis=0) if two_groups else (values[0] - values[1]).var(axis=0)
    noncentrality = difference[HAPPY] / np.sqrt(variance[HAPPY] / people)
    generator = np.random.default_rng(1)
    population = values[:1] if two_groups else (values[0] - values[1] - difference)[None]
    drawn = population[0][generator.integers(0, population.shape[1], (20_000, people))]
    if two_groups:
        other = population[0][generator.integers(0, population.shape[1], (20_000, people))]
        error = np.sqrt((drawn.var(axis=1, ddof=1) + other.var(axis=1, ddof=1)) / people)
        mean = drawn.mean(axis=1) - other.mean(axis=1)
    else:
        drawn *= generator.choice([-1, 1], (20_000, people, 1))
        error, mean = drawn.std(axis=1, ddof=1) / np.sqrt(people), drawn.mean(axis=1)
    t = np.abs(np.divide(mean, error, out=np.zeros_like(mean), where=error > 0))
    limits = {"alone": stats.t.ppf(0.975, freedom), "corrected": np.quantile(t.max(axis=1), 0.95)}
    return {
        name: float(stats.nct.sf(limit, freedom, noncentrality) + stats.nct.cdf(-limit, freedom, noncentrality))
        for name, limit in limits.items()
    }


def judge(design: str, effects: list[float], runs: int) -> dict[str, Any]:
    """Coverage, false positives and power of one kind of study."""
    same = design == "within"
    size = PEOPLE if same else PEOPLE // len(effects)
    codes, _ = simulate(np.random.default_rng(99), POPULATION, effects, same)
    values = shares(codes)
    values = values[:, ~np.isnan(values).any(axis=(0, 2))]
    truth = values.mean(axis=1)
    studies, names = simulate(np.random.default_rng(1), size * runs, effects, same)
    every = measured(studies, names)
    every["run"] = np.tile(np.arange(len(every) // len(effects)) // (size * len(FERPLUS)), len(effects))
    inside, inside_means, wrong, found = [], [], [], []
    for run, table in tqdm(every.groupby("run"), desc=f"{design}, {effects}", mininterval=10):
        result = contrasts(table, design=design, rounds=ROUNDS, seed=run)
        a, b = (np.array(["ABC".index(name) for name in result[side]]) for side in "ab")
        k = np.array([FERPLUS.index(name) for name in result["outcome"]])
        real = truth[a, k] - truth[b, k]
        none = np.array(effects)[a] == np.array(effects)[b]
        none |= ~np.isin(k, (0, HAPPY))
        inside.append(within(real, result).where(result["difference"].notna()).groupby(result["outcome"]).mean())
        wrong.append(bool((result["p_corrected"][none] <= 0.05).any()))
        planted = (k == HAPPY) & (a == 0) & (b == 1)
        found.append([bool((result[name][planted] <= 0.05).iloc[0]) for name in ("p", "p_corrected")])
        means = curves(table, over=(), rounds=ROUNDS, seed=run)
        own = np.array([truth["ABC".index(c), FERPLUS.index(o)] for c, o in means[["condition", "outcome"]].to_numpy()])
        inside_means.append(within(own, means).groupby(means["outcome"]).mean())
    answer: dict[str, Any] = {
        "design": design,
        "effects": effects,
        "participants": size * (1 if same else len(effects)),
        "runs": runs,
        "coverage_of_differences": by_outcome(inside),
        "coverage_of_means": by_outcome(inside_means),
        "family_wise_false_positives": float(np.mean(wrong)),
    }
    if any(effects):
        power = np.mean(found, axis=0)
        answer["power"] = {"alone": float(power[0]), "corrected": float(power[1])}
        if len(effects) == 2:
            answer["theory"] = theory(values, size, not same)
    return answer


def within(real: npt.NDArray[np.float64], result: pd.DataFrame) -> pd.Series:
    """1 where the interval holds the truth, 0 where it does not, NaN where there is none."""
    held = ((result["low"] <= real) & (real <= result["high"])).astype(float)
    return held.where(result["low"].notna())


def by_outcome(parts: list[pd.Series]) -> dict[str, Any]:
    """Coverage by emotion and of all, and how often there was no interval."""
    table = pd.DataFrame(parts)[list(FERPLUS.names)]
    each = {name: float(value) for name, value in table.mean().items()}
    return {"all": float(np.nanmean(table.to_numpy())), **each, "no_interval": float(table.isna().to_numpy().mean())}


def speed() -> dict[str, float]:
    """Seconds to measure an hour of sightings at 30 a second in bins of a second."""
    generator = np.random.default_rng(0)
    codes = np.repeat(generator.integers(0, len(FERPLUS), 2700), 40).astype(np.int8)
    table = sightings(codes)
    table["time"], table["seconds"] = table.index / 30, 1 / 30
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        measure(table, bin_windows(0, 3600, 1), FERPLUS)
        taken.append(time.perf_counter() - begin)
    return {"rows": len(table), "bins": 3600, "median": float(np.median(taken)), "most": max(taken)}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--runs", type=int, default=500)
    options = words.parse_args()
    kinds = [(design, effects) for design in EFFECTS for effects in ([0.0, 0.0], [0.0, EFFECTS[design]])]
    kinds += [(design, [0.0, EFFECTS[design], 0.0]) for design in EFFECTS]
    results: dict[str, Any] = {"machine": describe(), "rounds": ROUNDS, "an_hour_of_rows": speed(), "studies": []}
    for design, effects in kinds:
        results["studies"].append(judge(design, effects, options.runs))
        write_results("studies", results)
        write_tables(results)


def write_tables(results: dict[str, Any]) -> None:
    def percent(value: float) -> str:
        return f"{100 * value:.1f} %"

    def named(each: dict[str, Any]) -> str:
        effect = "an effect" if any(each["effects"]) else "no effect"
        return f"{each['design']}, {len(each['effects'])} conditions, {effect}"

    studies = results["studies"]
    rows = [
        [
            named(each),
            percent(each["coverage_of_means"]["all"]),
            percent(each["coverage_of_differences"]["all"]),
            percent(each["family_wise_false_positives"]),
            *(
                f"{percent(each['power'][kind])} ({percent(each['theory'][kind])})" if "theory" in each else ""
                for kind in ("alone", "corrected")
            ),
        ]
        for each in studies
    ]
    heading = ["studies", "means inside", "differences inside", "any false positive", "power, p", "power, p corrected"]
    write_table("studies", heading, rows, "studies")
    kinds = [(each, kind) for each in studies for kind in ("means", "differences") if len(each["effects"]) == 2]
    rows = [
        [
            f"{kind}; {named(each)}",
            *(percent(each[f"coverage_of_{kind}"][name]) for name in FERPLUS.names),
            percent(each[f"coverage_of_{kind}"]["no_interval"]),
        ]
        for each, kind in kinds
    ]
    write_table("studies by emotion", ["", *FERPLUS.names, "no interval"], rows, "studies")
