"""Intervals and tests, against scipy where it has the same, and on made-up studies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mien.errors import InputError
from mien.studies.statistics import contrasts, curves, intervals


def drawn(*size: int) -> Any:
    return np.random.default_rng(3).normal(size=size)


def study(a: Any, b: Any, *, within: bool = True) -> pd.DataFrame:
    """A table of two conditions; (participants, outcomes) each."""
    parts = []
    for name, values in (("A", a), ("B", b)):
        for k, row in enumerate(np.atleast_2d(np.asarray(values, float).T).T):
            who = f"{k}" if within else f"{name}{k}"
            parts += [{"participant": who, "condition": name, "outcome": f"o{j}", "v": v} for j, v in enumerate(row)]
    return pd.DataFrame(parts)


def test_t_is_that_of_scipy() -> None:
    a, b = drawn(2, 12, 3)
    paired = contrasts(study(a, b), "v", rounds=200)
    assert paired["t"].to_numpy() == pytest.approx(stats.ttest_rel(a, b).statistic)
    welch = contrasts(study(a, b[:9], within=False), "v", rounds=200)
    assert welch["t"].to_numpy() == pytest.approx(stats.ttest_ind(a, b[:9], equal_var=False).statistic)
    assert (welch["n_a"].tolist(), welch["n_b"].tolist()) == ([12] * 3, [9] * 3)


@pytest.mark.parametrize("within", [True, False])
def test_p_and_interval_agree_with_those_of_normal_theory(within: bool) -> None:
    a, b = drawn(2, 20)
    a = a + 0.5
    (found,) = contrasts(study(a, b, within=within), "v", rounds=20_000).to_dict("records")
    theory = stats.ttest_rel(a, b) if within else stats.ttest_ind(a, b, equal_var=False)
    interval = theory.confidence_interval()
    assert found["p"] == pytest.approx(theory.pvalue, abs=0.02)
    assert found["p_corrected"] == pytest.approx(found["p"], abs=1e-9)  # there is only one test
    assert (found["low"], found["high"]) == pytest.approx((interval.low, interval.high), abs=0.1)


@pytest.mark.parametrize("within", [True, False])
def test_only_the_planted_effect_is_found_after_correction(within: bool) -> None:
    a, b = drawn(2, 25, 8)
    a[:, 2] += 2.0
    found = contrasts(study(a, b, within=within), "v", rounds=1000)
    assert found[found["p_corrected"] <= 0.05]["outcome"].tolist() == ["o2"]
    assert (found["p_corrected"] >= found["p"] - 1e-12).all()
    assert found["effect"][2] > 1


@pytest.mark.parametrize("within", [True, False])
def test_three_conditions_give_three_pairs(within: bool) -> None:
    table = study(*drawn(2, 10, 2), within=within)
    third = table[table["condition"] == "A"].assign(condition="C")
    third["v"] += 3
    if not within:
        third["participant"] = "c" + third["participant"]
    found = contrasts(pd.concat([table, third]), "v", rounds=500)
    assert found[["a", "b"]].drop_duplicates().to_numpy().tolist() == [["A", "B"], ["A", "C"], ["B", "C"]]
    assert (found[found["b"] == "C"]["p_corrected"] < 0.05).all()
    assert (found[found["b"] == "B"]["p_corrected"] > 0.05).all()


def test_who_lacks_a_condition_is_left_out_of_its_pairs() -> None:
    table = study(*drawn(2, 10, 1))
    partly = table[~((table["participant"] == "3") & (table["condition"] == "B"))]
    with pytest.raises(InputError, match="only one"):
        contrasts(partly, "v")
    found = contrasts(partly, "v", design="within", rounds=200)
    assert found["n_a"].tolist() == found["n_b"].tolist() == [9]


def test_equal_values_give_no_interval_and_no_effect() -> None:
    found = contrasts(study(np.zeros((8, 1)), np.zeros((8, 1))), "v", rounds=200)
    assert found["p"].tolist() == [1.0]
    assert found["low"].isna().all()


@pytest.mark.parametrize(
    ("within", "people", "known"), [(True, 5, False), (True, 6, True), (False, 3, False), (False, 4, True)]
)
def test_too_few_participants_for_a_test_give_no_interval(within: bool, people: int, known: bool) -> None:
    """Five flipped signs have 16 values of |t|: p is never below .0625."""
    found = contrasts(study(*drawn(2, people, 2), within=within), "v", rounds=500)
    assert found["low"].notna().tolist() == [known] * 2
    assert found["p"].notna().all()


def test_repeated_presentations_are_averaged_first() -> None:
    table = study(*drawn(2, 10, 1))
    one = contrasts(table, "v", rounds=200)
    pd.testing.assert_frame_equal(contrasts(pd.concat([table, table]), "v", rounds=200), one)


def test_bands_hold_the_mean_and_need_three_people() -> None:
    table = study(*drawn(2, 20, 3) ** 2)
    found = curves(table, "v", over=("outcome",), by=("condition",), rounds=500)
    assert ((found["low"] < found["mean"]) & (found["mean"] < found["high"])).all()
    assert len(found) == 6
    few = curves(table[table["participant"].isin(["1", "2"])], "v", over=(), rounds=100)
    assert few["low"].isna().all()
    assert few["mean"].notna().all()


def test_intervals_of_large_samples_are_normal() -> None:
    values = drawn(400, 1)
    low, high = intervals(values, rounds=4000)
    error = values.std(ddof=1) / 20
    assert (low[0], high[0]) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.01)


def test_many_columns_are_resampled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = drawn(20, 7)
    whole = intervals(values, rounds=100)
    monkeypatch.setattr("mien.studies.statistics.AT_ONCE", 300)
    np.testing.assert_allclose(intervals(values, rounds=100), whole)


def test_missing_values_count_nowhere() -> None:
    values = drawn(20, 2)
    values[5:8, 0] = np.nan
    low, high = intervals(values, rounds=2000)
    alone_low, alone_high = intervals(values[~np.isnan(values[:, 0])][:, :1], rounds=2000)
    assert (low[0], high[0]) == pytest.approx((alone_low[0], alone_high[0]), abs=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"level": 1.0}, "level"), ({"rounds": 0}, "rounds"), ({"design": "witin"}, "did you mean 'within'")],
)
def test_wrong_arguments_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        contrasts(study(*drawn(2, 5, 1)), "v", **change)


def test_designs_are_checked_against_the_table() -> None:
    within, between = (study(*drawn(2, 5, 1), within=each) for each in (True, False))
    with pytest.raises(InputError, match="got several"):
        contrasts(within, "v", design="between")
    with pytest.raises(InputError, match="got one for each"):
        contrasts(between, "v", design="within")
    with pytest.raises(InputError, match="two or more"):
        contrasts(between[between["condition"] == "A"], "v")
    with pytest.raises(InputError, match="column"):
        contrasts(between, "w")
