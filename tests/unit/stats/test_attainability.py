from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.stats.attainability import (
    Spread,
    attainable_margin,
    clusters_needed,
    planned_margin,
)
from residue.stats.crossed import crossed_interval
from residue.stats.intervals import t_interval
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


def test_planned_margin_has_its_power() -> None:
    margin = planned_margin(20, 1, Spread(cluster=0.2), power=0.8)
    rng = np.random.default_rng(0)
    inside = 0
    for values in rng.normal(0.0, 0.2, (4000, 20)):
        found = t_interval(values)
        inside += -margin < found.low and found.high < margin
    assert inside / 4000 == pytest.approx(0.8, abs=0.03)


def test_more_clusters_and_seeds_decide_smaller_margins() -> None:
    spread = Spread(cluster=0.2, seed=0.1)
    assert planned_margin(20, 3, spread) > planned_margin(40, 3, spread)
    assert planned_margin(20, 3, spread) > planned_margin(20, 5, spread)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: attainable_margin(0),
        lambda: attainable_margin(10, level=1.0),
        lambda: attainable_margin(10, reach=math.inf),
        lambda: clusters_needed(1.0),
        lambda: planned_margin(1, 3, Spread(0.1)),
        lambda: planned_margin(10, 1, Spread(0.0, 0.1)),
        lambda: planned_margin(10, 3, Spread(0.1), power=1.0),
        lambda: Spread(0.0, 0.0),
        lambda: Spread(-0.1),
    ],
)
def test_impossible_plans_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"."):
        wrong()
