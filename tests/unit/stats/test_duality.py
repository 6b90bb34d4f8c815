"""p and interval say the same: p is at most a tail exactly where the interval lies inside."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from residue.specs.statistics import StatisticsSpec
from residue.stats.crossed import crossed_interval
from residue.stats.duality import TAILS, Ladder, tails_for
from residue.stats.estimands import table_interval, table_intervals
from residue.stats.intervals import t_interval
from residue.stats.tables import Table
from residue.stats.verdicts import Region, decide


def ladder_of(values: np.ndarray, bounds: tuple[float, float] | None) -> Ladder:
    weights = np.ones_like(values)
    made = [crossed_interval(values, weights, level=1 - 2 * t, bounds=bounds) for t in TAILS]
    return Ladder.of(TAILS, [each.low for each in made], [each.high for each in made])


def test_for_a_t_interval_it_is_the_t_test() -> None:
    rng = np.random.default_rng(3)
    for n, shift in ((6, 0.4), (20, 0.3), (60, 0.0)):
        x = rng.normal(shift, 1.0, n)
        made = [t_interval(x, 1 - 2 * tail) for tail in TAILS]
        ladder = Ladder.of(TAILS, [each.low for each in made], [each.high for each in made])
        for limit in (-0.5, -0.2, 0.1, 0.3):
            exact = stats.ttest_1samp(x, limit, alternative="greater").pvalue
            if exact > TAILS[-1]:
                assert ladder.above(limit) == pytest.approx(exact, rel=0.06)
                assert ladder.below(limit) == pytest.approx(1 - exact, rel=0.06)
            tost = max(exact, stats.ttest_1samp(x, 0.6, alternative="less").pvalue)
            if limit < 0.6 and tost > TAILS[-1]:
                assert ladder.inside(Region(limit, 0.6)) == pytest.approx(tost, rel=0.06)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(0.0, 1.0), st.floats(0.02, 0.6))
def test_p_reaches_a_tail_exactly_where_the_interval_does(
    seed: int, seeds: int, rate: float, margin: float
) -> None:
    rng = np.random.default_rng(seed)
    country = rng.random((1, 18)) < rate
    flips = rng.random((seeds, 18)) < 0.1
    values = (country ^ flips).astype(np.float64) - (rng.random((1, 18)) < 0.05)
    ladder = ladder_of(values, (-1.0, 1.0))
    for region in (Region.within(margin), Region.above(-margin), Region.below(margin)):
        p, against = ladder.inside(region), ladder.outside(region)
        for t, low, high in zip(TAILS, ladder.lows, ladder.highs, strict=True):
            if min(abs(low - region.low), abs(high - region.high)) < 1e-9:
                continue  # an end upon the limit decides nothing
            found = decide(low, high, [math.nan], region, level=1 - 2 * t)
            inside = region.low < low and high < region.high
            assert (p <= t * (1 + 1e-9)) == inside
            outside = high < region.low or low > region.high
            assert (against <= t * (1 + 1e-9)) == outside
            assert found.verdict == "inconclusive"  # no seed agrees with anything
        assert p + against == pytest.approx(1.0, abs=1e-3)


def test_the_level_of_the_run_is_one_of_the_tails() -> None:
    for level in (0.95, 0.9, 0.99, 0.8675):
        tails = tails_for(level)
        assert min(abs(t - (1 - level) / 2) for t in tails) < 1e-12
        assert list(tails) == sorted(tails, reverse=True)


def test_p_falls_as_the_margin_grows_and_never_reaches_zero() -> None:
    ladder = ladder_of(np.zeros((3, 36)), (-1.0, 1.0))
    p = [ladder.inside(Region.within(margin)) for margin in (0.01, 0.05, 0.0973, 0.0975, 0.2, 0.9)]
    assert p == sorted(p, reverse=True)
    assert p[2] > 0.025 > p[3], "36 countries without a difference attain 1 - 0.025^(1/36)"
    assert p[-1] == TAILS[-1]


def test_ends_without_a_limit_prove_nothing() -> None:
    n = len(TAILS)
    ladder = Ladder.of(TAILS, [-math.inf] * n, [math.inf] * n)
    assert ladder.inside(Region.within(0.1)) >= 1 - TAILS[0]
    with pytest.raises(ValueError, match="must fall"):
        Ladder.of((0.1, 0.2), [0, 0], [1, 1])


def test_many_levels_of_a_bootstrap_come_from_the_same_resamples() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((12, 40))
    table = Table(
        name="t",
        values=values,
        weights=np.ones_like(values),
        items=tuple(map(str, range(40))),
        clusters=tuple(str(i // 4) for i in range(40)),
        replicates=tuple((0, n) for n in range(12)),
        failed=(),
    )
    spec = StatisticsSpec(n_bootstrap=1000)
    several = table_intervals(table, (0.0, 1.0), spec, (0.5, 0.95, 0.99))
    assert several[1] == table_interval(table, (0.0, 1.0), spec)
    assert several[0].low > several[1].low > several[2].low
