from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.stats.bounded import bounded_mean
from residue.stats.intervals import clopper_pearson

UNIT = st.lists(st.floats(0, 1, width=16), min_size=1, max_size=25)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_zeros_and_ones_give_clopper_pearson(case: tuple[int, int]) -> None:
    count, n = case
    found = bounded_mean([1.0] * count + [0.0] * (n - count), (0.0, 1.0))
    exact = clopper_pearson(count, n)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(UNIT, st.data())
def test_raising_a_value_raises_both_ends(values: list[float], data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(values) - 1))
    raised = list(values)
    raised[which] = data.draw(st.floats(values[which], 1.0))
    before, after = bounded_mean(values, (0.0, 1.0)), bounded_mean(raised, (0.0, 1.0))
    assert after.low >= before.low - 1e-6
    assert after.high >= before.high - 1e-6
    assert before.low <= before.estimate <= before.high


@settings(deadline=None, max_examples=40)
@given(UNIT, st.floats(-3, 3), st.floats(0.1, 4), st.randoms())
def test_units_and_order_do_not_matter(values, shift, scale, random) -> None:
    plain = bounded_mean(values, (0.0, 1.0))
    moved = [shift + scale * value for value in values]
    random.shuffle(moved)
    found = bounded_mean(np.clip(moved, shift, shift + scale), (shift, shift + scale))
    assert found.low == pytest.approx(shift + scale * plain.low, abs=1e-5)
    assert found.high == pytest.approx(shift + scale * plain.high, abs=1e-5)
    mirrored = bounded_mean([-value for value in values], (-1.0, 0.0))
    assert (-mirrored.high, -mirrored.low) == pytest.approx((plain.low, plain.high), abs=1e-6)


def test_weighted_end_is_the_quantile_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.uniform(-0.5, 0.5, 9), rng.uniform(1.0, 4.0, 9)
    found = bounded_mean(values, (-1.0, 1.0), weights=weights)
    mass = rng.exponential(size=(200_000, 10)) * np.append(weights, weights.max())
    for end, unseen, tail in ((found.low, -1.0, 0.025), (found.high, 1.0, 0.975)):
        draws = mass @ np.append(values, unseen) / mass.sum(axis=1)
        assert (draws <= end).mean() == pytest.approx(tail, abs=0.0015)


def test_values_beyond_the_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="leave the bounds"):
        bounded_mean([0.5, 1.5], (0.0, 1.0))
    with pytest.raises(ValueError, match="low < high"):
        bounded_mean([0.5], (1.0, 1.0))
    with pytest.raises(ValueError, match="weights"):
        bounded_mean([0.5], (0.0, 1.0), weights=[0.0])
