from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from residue.stats.attainability import attainable_margin
from residue.stats.bounded import bounded_mean
from residue.stats.crossed import components, crossed_interval, ends, linearised
from residue.stats.intervals import clopper_pearson, t_interval

SIGNED = (-1.0, 1.0)


def interval(table: np.ndarray, **options):
    return crossed_interval(table, np.ones_like(table), **options)


def test_components_by_hand() -> None:
    # Seed means 1, 3; cluster means 1, 2, 3; no rest. A = 3 * 2 = 6, B = 2 * 1 = 2.
    table = np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]])
    found = components(table, 0.95)
    assert found.error == pytest.approx(math.sqrt((6 + 2) / 6))
    assert found.df == pytest.approx((6 + 2) ** 2 / (6**2 / 1 + 2**2 / 2))
    # One degree of freedom between two seeds: their own interval is the widest.
    assert found.half == pytest.approx(stats.t.ppf(0.975, 1) * math.sqrt(6 / 6))


@given(st.integers(0, 10_000), st.sampled_from([0.8, 0.95, 0.99]))
def test_never_shorter_than_either_one_way_interval(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    scales = rng.uniform(0, 2, 2)
    table = (
        scales[0] * rng.normal(size=(3, 1))
        + scales[1] * rng.normal(size=(1, 12))
        + rng.normal(size=(3, 12))
    )
    found = interval(table, level=level)
    for axis in (0, 1):
        one_way = t_interval(table.mean(axis=axis), level)
        assert found.high - found.low >= (one_way.high - one_way.low) * (1 - 1e-9)


@given(st.integers(0, 10_000), st.floats(-5, 5), st.floats(0.1, 10))
def test_moves_with_the_data_and_ignores_order(seed: int, shift: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=(3, 9)), rng.uniform(1, 4, size=(3, 9))
    plain = crossed_interval(weights * values, weights)
    lines, columns = rng.permutation(3), rng.permutation(9)
    moved, mass = (x[lines][:, columns] for x in (shift + scale * values, weights))
    found = crossed_interval(mass * moved, 2.0 * mass / 2.0)
    for name in ("estimate", "low", "high"):
        expected = shift + scale * getattr(plain, name)
        assert getattr(found, name) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert plain.low <= plain.estimate <= plain.high


def test_one_seed_is_the_t_interval_of_cluster_means_given_the_checkpoint() -> None:
    means = np.random.default_rng(0).normal(size=(1, 12))
    found, plain = interval(means), t_interval(means[0])
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high))
    assert "given this checkpoint" in found.method


def test_unequal_clusters_have_the_delta_method_error() -> None:
    rng = np.random.default_rng(1)
    values, weights = rng.normal(size=14), rng.uniform(1, 5, 14)
    ratio = (weights @ values) / weights.sum()
    residual = weights * (values - ratio)
    error = math.sqrt(14 / 13 * (residual**2).sum()) / weights.sum()
    found = crossed_interval((weights * values)[None], weights[None])
    half = stats.t.ppf(0.975, 13) * error
    assert (found.low, found.high) == pytest.approx((ratio - half, ratio + half))


def test_linearised_values_of_equal_weights_are_the_cell_means() -> None:
    totals = np.random.default_rng(2).normal(size=(3, 5))
    np.testing.assert_allclose(linearised(totals, np.full((3, 5), 4.0)), totals / 4.0)


@pytest.mark.parametrize("seeds", [1, 3, 5])
@pytest.mark.parametrize("clusters", [1, 4, 16, 40])
def test_no_difference_anywhere_gives_the_exact_bound(seeds: int, clusters: int) -> None:
    found = interval(np.zeros((seeds, clusters)), bounds=SIGNED)
    bound = attainable_margin(clusters)
    assert (found.low, found.high) == pytest.approx((-bound, bound), abs=1e-9)
    assert "exact bound on clusters, 0 of" in found.method


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_rates_at_a_bound_are_clopper_pearson_on_clusters(rate: float) -> None:
    found = interval(np.full((3, 20), rate), bounds=(0.0, 1.0))
    exact = clopper_pearson(int(20 * rate), 20)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


@settings(deadline=None)
@given(
    st.integers(1, 4),
    st.integers(5, 30),
    st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    st.integers(1, 4),
)
def test_few_deviating_clusters_never_ease_equivalence(count, clusters, sizes, seeds) -> None:
    table = np.zeros((seeds, clusters))
    table[:, :count] = sizes[:count]
    found = interval(table, bounds=SIGNED)
    assert max(-found.low, found.high) >= attainable_margin(clusters) - 1e-6


def test_the_guard_fades_without_a_step() -> None:
    # A cluster that deviates by next to nothing changes the end gradually, not from exact to none.
    highs = []
    for count in range(4, 9):
        table = np.zeros((1, 30))
        table[0, :count] = 0.1
        highs.append(interval(table, bounds=SIGNED).high)
    plain = t_interval(np.array([0.1] * 8 + [0.0] * 22))
    assert highs[-1] == pytest.approx(plain.high, rel=0.01)
    assert max(np.abs(np.diff(highs))) < 0.5 * (highs[0] - highs[-1])


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0, 2), st.floats(-3, 3), st.floats(0.1, 5))
def test_ends_stay_in_bounds_around_the_estimate(share, half, floor, width) -> None:
    bounds = (floor, floor + width)
    estimate = min(floor + share * width, bounds[1])
    low, high = ends(estimate, half, bounds)
    assert bounds[0] - 1e-12 <= low <= estimate + 1e-9
    assert estimate - 1e-9 <= high <= bounds[1] + 1e-12
    mirrored = ends(-estimate, half, (-bounds[1], -bounds[0]))
    assert (-mirrored[1], -mirrored[0]) == pytest.approx((low, high), abs=1e-6)


def three_seeds_near_one() -> np.ndarray:
    table = np.ones((3, 48))
    table[0, :3] = 0.0  # seeds at 0.9375, 1 and 1
    return table


@pytest.mark.parametrize("mirrored", [False, True])
def test_few_seeds_near_a_bound_do_not_reach_for_the_other_one(mirrored: bool) -> None:
    table = three_seeds_near_one()
    found = interval(1.0 - table if mirrored else table, bounds=(0.0, 1.0))
    low, high = (1.0 - found.high, 1.0 - found.low) if mirrored else (found.low, found.high)
    plain = t_interval(table.mean(axis=1))
    assert high == 1.0
    # Not wider than t on the seeds and the exact bound on the clusters put together.
    exact = bounded_mean(table.mean(axis=0), (0.0, 1.0)).low
    assert low >= plain.estimate - math.hypot(plain.estimate - plain.low, plain.estimate - exact)
    assert low <= min(plain.low, exact)


def test_the_method_names_the_end_that_was_used() -> None:
    exact = interval(three_seeds_near_one(), bounds=(0.0, 1.0))
    assert exact.method == "exact bound on clusters, 3 of 48 deviate"
    # Eight clusters: their spread is trusted, and the exact bound has no part in it.
    many = np.zeros((2, 40))
    many[:, :8] = 0.5
    assert "exact" not in interval(many, bounds=SIGNED).method
    # One country of 48 lost by one seed of three ends at the exact bound on one side only.
    table = np.ones((3, 48))
    table[0, 0] = 0.5
    mixed = interval(table, bounds=(0.0, 1.0))
    assert mixed.low < mixed.estimate - components(table, 0.95).half
    assert mixed.high == 1.0
    assert "; lower end from the exact bound on clusters (1 of 48 deviate)" in mixed.method


@given(st.floats(1e-3, 1 - 1e-3), st.floats(1e-4, 0.5))
def test_ends_change_gradually_with_the_half_width(share: float, half: float) -> None:
    near, far = (ends(share, h, (0.0, 1.0)) for h in (half, half * 1.001))
    # At no half-width do the ends jump from the logit form to the plain one.
    assert np.abs(np.subtract(near, far)).max() < 0.01


def test_ends_of_a_small_difference_are_those_of_the_t_interval() -> None:
    assert ends(0.02, 0.1, SIGNED) == pytest.approx((-0.08, 0.12), abs=1e-3)
    assert ends(0.02, 0.1, None) == pytest.approx((-0.08, 0.12))
    low, high = ends(0.05, 0.04, (0.0, 1.0))
    assert 0.05 - low < high - 0.05


def test_unbounded_values_without_spread_have_no_interval() -> None:
    for table in (np.zeros((3, 10)), np.eye(1, 10)):
        found = interval(table)
        assert (found.low, found.high) == (-math.inf, math.inf)
        assert "unbounded" in found.method
    alone = interval(np.array([[1.3], [1.1]]))
    assert (alone.low, alone.high) == (-math.inf, math.inf)


def test_seeds_that_disagree_widen_the_exact_bound() -> None:
    table = np.zeros((3, 16))
    table[0, :2] = 0.5
    table[1, :2] = -0.5
    agree = interval(np.zeros((3, 16)), bounds=SIGNED)
    found = interval(table, bounds=SIGNED)
    assert found.estimate == 0.0
    assert found.high > agree.high


@pytest.mark.parametrize(
    ("totals", "weights", "message"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3)), "tables of one shape"),
        (np.zeros((2, 3)), np.ones((3, 2)), "tables of one shape"),
        (np.full((2, 2), np.nan), np.ones((2, 2)), "finite"),
        (np.zeros((2, 2)), np.array([[1.0, 1.0], [0.0, 0.0]]), "seed number 1"),
        (np.zeros((2, 2)), np.array([[0.0, 1.0], [0.0, 1.0]]), "cluster number 0"),
        (np.zeros((1, 2)), np.array([[-1.0, 2.0]]), "negative"),
    ],
)
def test_unusable_tables_are_refused(totals, weights, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crossed_interval(totals, weights)


@pytest.mark.parametrize("level", [0.0, 1.0, 1.95])
def test_a_level_outside_zero_and_one_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        interval(np.zeros((2, 4)), level=level)
