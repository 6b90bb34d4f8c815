from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from residue.stats.intervals import t_interval
from residue.stats.verdicts import Region, decide


def verdict(low: float, high: float, seeds: list[float], region: Region) -> str:
    return decide(low, high, seeds, region, level=0.95).verdict


@given(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=20), st.floats(0.05, 1))
def test_equivalence_is_two_one_sided_t_tests(values: list[float], margin: float) -> None:
    if np.std(values) < 1e-3:
        return
    found = t_interval(values)
    p = max(
        stats.ttest_1samp(values, -margin, alternative="greater").pvalue,
        stats.ttest_1samp(values, margin, alternative="less").pvalue,
    )
    decided = verdict(found.low, found.high, [0.0], Region.within(margin))
    if abs(p - 0.025) > 1e-9:
        assert (decided == "supported") == (p < 0.025)


@pytest.mark.parametrize(
    ("low", "high", "seeds", "region", "expected"),
    [
        (-0.05, 0.08, [0.0, 0.02, -0.01], Region.within(0.1), "supported"),
        (-0.05, 0.08, [0.0, 0.02, 0.11], Region.within(0.1), "inconclusive"),
        (-0.05, 0.10, [0.0], Region.within(0.1), "inconclusive"),
        (0.20, 0.40, [0.3, 0.25], Region.within(0.1), "refuted"),
        (0.20, 0.40, [0.3, -0.25], Region.within(0.1), "inconclusive"),
        (-0.40, -0.20, [-0.3], Region.within(0.1), "refuted"),
        (-0.04, 0.30, [0.1], Region.above(-0.05), "supported"),
        (-0.30, -0.06, [-0.1], Region.above(-0.05), "refuted"),
        (0.99, 1.08, [1.0], Region.below(1.1), "supported"),
        (0.95, 1.08, [1.0], Region.within_factor(1.1), "supported"),
        (-math.inf, math.inf, [0.0], Region.within(0.1), "inconclusive"),
        (math.nan, math.nan, [], Region.within(0.1), "inconclusive"),
    ],
)
def test_verdicts(low, high, seeds, region, expected) -> None:
    assert verdict(low, high, seeds, region) == expected


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.5))
def test_a_wider_interval_never_decides_more(middle, half, left, right, margin) -> None:
    region = Region.within(margin)
    narrow = verdict(middle - half, middle + half, [middle], region)
    wide = verdict(middle - half - left, middle + half + right, [middle], region)
    assert wide in (narrow, "inconclusive")


def test_reasons_are_sentences_with_the_numbers() -> None:
    region = Region.within(0.1)
    inside = decide(-0.05, 0.08, [0.0, 0.02], region, level=0.95)
    assert inside.reason == (
        "The 95% interval [-0.05, 0.08] lies inside the margin (between -0.1 and 0.1), "
        "and so does each of the 2 seeds."
    )
    apart = decide(-0.05, 0.08, [0.0, 0.12], region, level=0.95)
    assert "but 1 of 2 seeds does not: 0.12." in apart.reason
    assert "reaches across" in decide(0.0, 0.2, [0.1], region, level=0.95).reason
    assert "refused" in decide(math.nan, math.nan, [], region, level=0.95).reason


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Region.within(0.0),
        lambda: Region.within(math.nan),
        lambda: Region.within_factor(1.0),
        lambda: Region(0.2, 0.1),
        lambda: decide(0.2, 0.1, [0.1], Region.within(0.1), level=0.95),
        lambda: decide(0.1, 0.2, [], Region.within(0.1), level=0.95),
        lambda: decide(0.1, 0.2, [0.1], Region.within(0.1), level=1.0),
    ],
)
def test_impossible_claims_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"."):
        wrong()
