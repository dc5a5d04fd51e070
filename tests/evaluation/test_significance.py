from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binomtest, chi2, rankdata

from helpers.metric_cases import CASES, random_case
from mien.errors import InputError
from mien.evaluation import metrics, significance


def pair(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two models that see the same faces differently, the first one better."""
    p, y = random_case(n, 7, seed)
    q = p[:, ::-1].copy()
    q[: n // 2] = p[: n // 2]
    return p, q, y


class TestMcNemar:
    @pytest.mark.parametrize(("n", "exact"), [(12, True), (30, True), (400, False)])
    def test_agrees_with_scipy(self, n: int, exact: bool) -> None:
        for seed in range(5):
            p, q, y = pair(n, seed)
            got = significance.mcnemar(p, q, y)
            right_p, right_q = p.argmax(axis=1) == y, q.argmax(axis=1) == y
            assert (got.only_a, got.only_b) == ((right_p & ~right_q).sum(), (~right_p & right_q).sum())
            both = got.only_a + got.only_b
            assert (both < 25) == exact
            if exact:
                expected = binomtest(got.only_a, both).pvalue if both else 1.0
            else:
                expected = chi2.sf((abs(got.only_a - got.only_b) - 1) ** 2 / both, 1)
            assert got.p == pytest.approx(expected)

    def test_of_one_model_with_itself(self) -> None:
        p, y = CASES["usual"]
        assert significance.mcnemar(p, p, y) == significance.McNemar(0, 0, 1.0)

    def test_of_equally_good_models_is_certain_of_nothing(self) -> None:
        y = np.zeros(40, int)
        p = np.eye(2)[[0] * 20 + [1] * 20]
        assert significance.mcnemar(p, p[::-1].copy(), y) == significance.McNemar(20, 20, 1.0)

    def test_is_small_for_a_clear_difference(self) -> None:
        p, _, y = pair(400, 0)
        right = np.eye(7)[y]
        assert significance.mcnemar(right, p, y).p < 1e-6
        assert significance.mcnemar(right, p, y).only_b == 0


class TestPairedBootstrap:
    @pytest.mark.parametrize("metric", metrics.METRICS)
    def test_agrees_with_resampling_row_by_row(self, metric: str) -> None:
        p, q, y = pair(120, 3)
        got = significance.paired_bootstrap(p, q, y, metric, rounds=150, seed=3)
        rng = np.random.default_rng(3)
        counts = np.concatenate([rng.multinomial(120, np.full(120, 1 / 120), size=size) for size in (100, 50)])
        score = metrics.METRICS[metric]
        rows = [np.repeat(np.arange(120), row) for row in counts]
        samples = np.array([[score(m[chosen], y[chosen]) for m in (p, q)] for chosen in rows])
        if metric == "ece":
            samples += [score(p, y), score(q, y)] - samples.mean(axis=0)
            samples = samples.clip(0, 1)
        expected = samples[:, 0] - samples[:, 1]
        assert got.difference == pytest.approx(score(p, y) - score(q, y))
        assert (got.low, got.high) == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])), abs=1e-5)
        fewest = min((expected <= 0).sum(), (expected >= 0).sum())
        assert got.p == pytest.approx(min(1, 2 * (fewest + 1) / 151), abs=3 / 151)

    def test_of_one_model_with_itself(self) -> None:
        p, y = CASES["usual"]
        assert significance.paired_bootstrap(p, p, y, rounds=50) == significance.PairedDifference(0, 0, 0, 1)

    def test_turns_with_its_sides(self) -> None:
        p, q, y = pair(300, 4)
        one, other = significance.paired_bootstrap(p, q, y), significance.paired_bootstrap(q, p, y)
        assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))
        assert one.p == other.p

    def test_is_narrower_than_either_interval(self) -> None:
        p, q, y = pair(1000, 5)
        got = significance.paired_bootstrap(p, q, y)
        low, high = significance.bootstrap_interval(p, y, ["accuracy"])["accuracy"]
        assert got.high - got.low < high - low

    def test_agrees_with_mcnemar_on_chance(self) -> None:
        """Where nothing differs but noise, p is spread over 0 to 1, for both tests."""
        found = []
        for seed in range(40):
            p, y = random_case(200, 3, seed)
            p = np.random.default_rng(seed).permutation(p)
            q = p[::-1].copy()
            found.append((significance.paired_bootstrap(p, q, y, rounds=200).p, significance.mcnemar(p, q, y).p))
        boot, exact = np.array(found).T
        assert (boot < 0.05).mean() < 0.2
        assert np.corrcoef(rankdata(boot), rankdata(exact))[0, 1] > 0.9

    @pytest.mark.parametrize("changes", [{"rounds": 0}, {"level": 0.0}, {"metric": "macro_f2"}])
    def test_refuses(self, changes: dict[str, object]) -> None:
        p, q, y = pair(20, 6)
        with pytest.raises(InputError, match=r"expected|did you mean 'macro_f1'"):
            significance.paired_bootstrap(p, q, y, **changes)  # type: ignore[arg-type]

    @pytest.mark.parametrize("function", [significance.paired_bootstrap, significance.mcnemar])
    def test_refuses_other_faces_or_classes(self, function: Callable[..., object]) -> None:
        p, _, y = pair(20, 6)
        with pytest.raises(InputError, match="labels: expected an int array"):
            function(p, p[:10], y)
        with pytest.raises(InputError, match=r"same faces and classes, got \(20, 7\) and \(20, 8\)"):
            function(p, random_case(20, 8, 0)[0], y)


class TestBootstrap:
    def test_agrees_with_resampling_row_by_row(self) -> None:
        p, y = random_case(120, 7, 9)
        names = list(metrics.METRICS)
        got = significance.bootstrap_interval(p, y, names, rounds=150, seed=3)
        rng = np.random.default_rng(3)
        counts = np.concatenate([rng.multinomial(120, np.full(120, 1 / 120), size=size) for size in (100, 50)])
        for name in names:
            scores = []
            for row in counts:
                chosen = np.repeat(np.arange(120), row)
                scores.append(metrics.METRICS[name](p[chosen], y[chosen]))
            if name == "ece":  # its bias on resamples is taken off
                scores = np.array(scores) - np.mean(scores) + metrics.ece(p, y)
            assert got[name] == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])), abs=1e-5)

    def test_is_seeded_and_holds_the_value(self) -> None:
        p, y = CASES["usual"]
        first = significance.bootstrap_interval(p, y, rounds=200)
        assert first == significance.bootstrap_interval(p, y, rounds=200)
        assert first != significance.bootstrap_interval(p, y, rounds=200, seed=1)
        for name, (low, high) in first.items():
            assert low < metrics.METRICS[name](p, y) < high

    def test_has_the_width_of_theory(self) -> None:
        p, y = random_case(2000, 7, 10)
        low, high = significance.bootstrap_interval(p, y, ["accuracy"], rounds=1000)["accuracy"]
        accuracy = metrics.accuracy(p, y)
        assert high - low == pytest.approx(2 * 1.96 * np.sqrt(accuracy * (1 - accuracy) / 2000), rel=0.1)

    @pytest.mark.parametrize("changes", [{"rounds": 0}, {"level": 1.0}, {"metrics": ["acuracy"]}])
    def test_refuses(self, changes: dict[str, object]) -> None:
        with pytest.raises(InputError, match=r"expected|did you mean 'accuracy'"):
            significance.bootstrap_interval(*CASES["few"], **changes)  # type: ignore[arg-type]
