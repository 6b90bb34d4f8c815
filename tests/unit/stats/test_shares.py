from __future__ import annotations

import math
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from residue.specs.statistics import StatisticsSpec
from residue.stats.attainability import attainable_reduction, clusters_needed, margin_for
from residue.stats.shares import share_estimate

SIMULATION = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "share_coverage.py"))
SPEC = StatisticsSpec()


def rows(values: np.ndarray) -> pd.DataFrame:
    """Values of shape (seeds, countries), one item per country."""
    seeds, countries = values.shape
    return pd.DataFrame(
        {
            "item": [f"item-{k}" for _ in range(seeds) for k in range(countries)],
            "country": list(range(countries)) * seeds,
            "seed": np.repeat(np.arange(seeds), countries),
            "value": values.ravel(),
            "weight": 1.0,
            "status": "ok",
        }
    )


def share(values: np.ndarray, reference: np.ndarray, **spec: float):
    return share_estimate(rows(values), "country", rows(reference), StatisticsSpec(**spec))


@pytest.mark.parametrize("n", [8, 24, 36])
def test_nothing_left_of_everything_ends_where_the_exact_bound_does(n) -> None:
    found = share(np.zeros((3, n)), np.ones((1, n)))
    q = 1.0 - 0.025 ** (1.0 / n)  # Clopper-Pearson of 0 of n
    assert found.estimate == found.low == 0.0
    assert found.high == pytest.approx(q / (1.0 - q), abs=1e-5)
    assert attainable_reduction(n, relative=True) == pytest.approx(1.0 - found.high, abs=1e-5)


def test_it_holds_fiellers_interval_and_is_little_wider_where_the_reference_is_sure() -> None:
    rng = np.random.default_rng(4)
    n = 400
    theirs, ours = 1.0 - rng.random(n) * 0.05, rng.beta(4, 4, n)
    found = share(ours[None], theirs[None])
    a, r = ours.mean(), theirs.mean()
    (saa, sar), (_, srr) = np.cov(ours, theirs) / n
    t2 = stats.t.ppf(0.975, n - 1) ** 2
    # (a - c r)^2 = t^2 (saa - 2 c sar + c^2 srr), a quadratic in c.
    low, high = np.sort(np.roots([r * r - t2 * srr, -2 * (a * r - t2 * sar), a * a - t2 * saa]))
    assert found.estimate == pytest.approx(a / r)
    assert low - 0.002 < found.low < low
    assert high < found.high < high + 0.002


def test_countries_count_alike_and_seeds_have_points_of_their_own() -> None:
    ours = rows(np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]))
    again = ours[ours["country"] == 0].assign(item=lambda table: table["item"] + "-again")
    theirs = rows(np.ones((1, 3)))
    more = theirs[theirs["country"] == 0].assign(item="item-0-again")
    found = share_estimate(pd.concat([ours, again]), "country", pd.concat([theirs, more]), SPEC)
    assert found.estimate == pytest.approx(0.5)
    assert found.seed_values == pytest.approx((1 / 3, 2 / 3))


def test_an_unscorable_cell_leaves_both_sides() -> None:
    ours = rows(np.array([[0.0, 1.0, 1.0, 0.0]]))
    ours.loc[0, "status"] = "unscorable"
    found = share_estimate(ours, "country", rows(np.array([[0.0, 1.0, 1.0, 1.0]])), SPEC)
    assert (found.estimate, found.n_clusters, found.n_unscorable) == (pytest.approx(2 / 3), 3, 1)


def test_of_a_reference_that_may_be_nothing_no_share_is_known() -> None:
    rare = np.zeros((1, 30))
    rare[0, 0] = 1.0
    found = share(np.zeros((3, 30)), rare)
    assert math.isinf(found.high)
    assert "no upper end" in found.note
    nothing = share(np.zeros((3, 30)), np.zeros((1, 30)))
    assert nothing.method == "refused"
    assert "0 on every item" in nothing.note


def test_values_outside_of_0_to_1_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\], found 1\.5"):
        share(np.full((1, 4), 1.5), np.ones((1, 4)))


def test_wider_at_a_higher_level() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = rng.random((3, 20)) * 0.5, 0.5 + rng.random((1, 20)) * 0.5
    ends = [share(ours, theirs, level=level) for level in (0.8, 0.95, 0.999)]
    assert ends[0].low > ends[1].low > ends[2].low
    assert ends[0].high < ends[1].high < ends[2].high


def test_as_many_countries_as_are_asked_for_support_the_reduction() -> None:
    for reduction, relative in ((0.5, True), (0.3, True), (0.5, False), (0.8, False)):
        n = clusters_needed(margin_for(reduction, relative=relative))
        assert attainable_reduction(n, relative=relative) > reduction
        assert attainable_reduction(n - 1, relative=relative) <= reduction


@pytest.mark.parametrize("model", [0.02, 0.45])
def test_the_interval_holds_the_truth_as_often_as_it_says(model) -> None:
    repetitions = 40
    missed = SIMULATION["coverage"](SIMULATION["World"](3, 24, model), repetitions, seed=5)
    assert 1.0 - sum(missed) >= stats.binom.ppf(0.001, repetitions, 0.95) / repetitions
