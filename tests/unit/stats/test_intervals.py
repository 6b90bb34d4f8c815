from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from residue.stats.intervals import clopper_pearson, t_interval

VALUES = st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=30)


@given(VALUES, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_t_interval_is_scipys(values: list[float], level: float) -> None:
    ours = t_interval(values, level)
    if np.ptp(values) == 0.0:
        assert (ours.low, ours.high) == (ours.estimate, ours.estimate)
        return
    theirs = stats.ttest_1samp(values, 0.0).confidence_interval(level)
    assert ours.low == pytest.approx(theirs.low, rel=1e-6, abs=1e-6)
    assert ours.high == pytest.approx(theirs.high, rel=1e-6, abs=1e-6)


@given(VALUES, st.floats(-10, 10), st.floats(0.1, 10), st.randoms())
def test_t_interval_moves_with_the_data_and_ignores_their_order(values, shift, scale, random):
    plain = t_interval(values)
    shuffled = [shift + scale * value for value in values]
    random.shuffle(shuffled)
    moved = t_interval(shuffled)
    for name in ("estimate", "low", "high"):
        expected = shift + scale * getattr(plain, name)
        assert getattr(moved, name) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert plain.low <= plain.estimate <= plain.high


def test_one_value_is_not_certainty() -> None:
    alone = t_interval([0.3])
    assert (alone.estimate, alone.low, alone.high) == (0.3, -math.inf, math.inf)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_clopper_pearson_is_scipys(case: tuple[int, int]) -> None:
    count, n = case
    ours = clopper_pearson(count, n, 0.9)
    theirs = stats.binomtest(count, n).proportion_ci(0.9, method="exact")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert ours.low <= ours.estimate <= ours.high


def test_zero_of_n_is_the_rule_of_three() -> None:
    assert clopper_pearson(0, 208, 0.90).high == pytest.approx(3 / 208, rel=0.01)
    assert clopper_pearson(0, 208).high == pytest.approx(1 - 0.025 ** (1 / 208))


@pytest.mark.parametrize("level", [0.0, 1.0, -0.05, 1.95, math.nan, 95])
def test_a_level_outside_zero_and_one_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        t_interval([1.0, 2.0], level)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        clopper_pearson(1, 2, level)


@pytest.mark.parametrize(
    ("values", "message"),
    [([], "no values"), ([1.0, math.nan], "index 1"), ([math.inf], "finite"), ([[1.0]], "flat")],
)
def test_unusable_values_are_named(values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        t_interval(values)


@pytest.mark.parametrize(("count", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_impossible_counts_are_refused(count: int, n: int) -> None:
    with pytest.raises(ValueError, match="0 <= count <= n"):
        clopper_pearson(count, n)
