from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from residue.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_false_discovery_adjustments_are_scipys(p_values: list[float]) -> None:
    for ours, theirs in ((benjamini_hochberg, "bh"), (benjamini_yekutieli, "by")):
        expected = stats.false_discovery_control(p_values, method=theirs)
        np.testing.assert_allclose(ours(p_values), expected, rtol=1e-9, atol=1e-300)


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=5))
def test_holm_is_the_closed_test_of_bonferroni(p_values: list[float]) -> None:
    # Closure principle: a hypothesis falls when every set of hypotheses holding it falls.
    m = len(p_values)
    subsets = [s for k in range(1, m + 1) for s in itertools.combinations(range(m), k)]
    closed = [
        min(1.0, max(len(s) * min(p_values[j] for j in s) for s in subsets if i in s))
        for i in range(m)
    ]
    np.testing.assert_allclose(holm(p_values), closed)


@given(P_VALUES)
def test_adjustment_keeps_order_and_never_lowers(p_values: list[float]) -> None:
    order = np.argsort(p_values, kind="stable")
    adjusted = [f(p_values) for f in (benjamini_hochberg, benjamini_yekutieli, holm)]
    for found in adjusted:
        assert (np.diff(found[order]) >= 0).all()
        assert (found <= 1).all()
    assert (adjusted[0] >= np.array(p_values) - 1e-12).all()
    assert (adjusted[1] >= adjusted[0]).all()
    assert (adjusted[2] >= adjusted[0] - 1e-12).all()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg, benjamini_yekutieli])
@pytest.mark.parametrize("p_values", [[], [0.1, 1.1], [-0.1], [math.nan]])
def test_what_is_no_p_value_is_refused(adjust, p_values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"p-values lie|no values|finite"):
        adjust(p_values)
