from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.stats.attainability import attainable_margin, clusters_needed
from residue.stats.crossed import crossed_interval
from residue.stats.verdicts import Region, decide


@pytest.mark.parametrize("clusters", [1, 5, 16, 40])
@pytest.mark.parametrize("seeds", [1, 3])
def test_the_best_case_decides_just_above_the_attainable_margin(clusters: int, seeds: int) -> None:
    none = np.zeros((seeds, clusters))
    best = crossed_interval(none, np.ones_like(none), bounds=(-1.0, 1.0))
    margin = attainable_margin(clusters)
    points = [0.0] * seeds
    for factor, verdict in ((1.001, "supported"), (0.999, "inconclusive")):
        region = Region.within(factor * margin)
        assert decide(best.low, best.high, points, region, level=0.95).verdict == verdict


@given(st.floats(0.01, 0.9))
def test_clusters_needed_inverts_the_margin(margin: float) -> None:
    n = clusters_needed(margin)
    assert attainable_margin(n) < margin
    assert n == 1 or attainable_margin(n - 1) >= margin * (1 - 1e-12)


def test_known_margins() -> None:
    assert attainable_margin(16) == pytest.approx(1 - 0.025 ** (1 / 16))
    assert attainable_margin(16, reach=2.0) == pytest.approx(2 * attainable_margin(16))
    assert clusters_needed(0.1) == 36


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: attainable_margin(0),
        lambda: attainable_margin(10, level=1.0),
        lambda: attainable_margin(10, reach=math.inf),
        lambda: clusters_needed(1.0),
    ],
)
def test_impossible_plans_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"."):
        wrong()
