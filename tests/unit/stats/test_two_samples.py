"""AUC and KS against their definitions, pair by pair and step by step, and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from residue.stats.two_samples import auc, ks

SAMPLES = st.lists(st.integers(-4, 4), min_size=1, max_size=12)


@given(x=SAMPLES, y=SAMPLES)
@settings(max_examples=60, deadline=None)
def test_auc_counts_pairs_and_ks_the_greatest_step(x: list[int], y: list[int]) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in x for b in y]
    assert auc(x, y) == pytest.approx(np.mean(pairs))
    assert auc(y, x) == pytest.approx(1 - auc(x, y))
    steps = [abs(np.mean(np.array(x) <= t) - np.mean(np.array(y) <= t)) for t in (*x, *y)]
    assert ks(x, y) == pytest.approx(max(steps))
    # A growing transform changes neither: both see ranks alone.
    assert auc(np.exp(x), np.exp(y)) == auc(x, y)
    assert ks(np.exp(x), np.exp(y)) == ks(x, y)


def test_both_agree_with_scipy_where_values_tie() -> None:
    x, y = np.random.default_rng(0).integers(0, 9, (2, 40))
    assert ks(x, y) == pytest.approx(stats.ks_2samp(x, y, method="asymp").statistic)
    assert auc(x, y) == pytest.approx(stats.mannwhitneyu(x, y).statistic / 1600)


def test_what_is_apart_and_what_is_the_same() -> None:
    assert auc([2, 3], [0, 1]) == 1.0
    assert ks([2, 3], [0, 1]) == 1.0
    assert auc([1, 2, 3], [1, 2, 3]) == 0.5
    assert ks([1, 2, 3], [1, 2, 3]) == 0.0
    with pytest.raises(ValueError, match="not finite"):
        auc([1.0, np.nan], [0.0])
    with pytest.raises(ValueError, match="no values"):
        ks([1.0], [])
