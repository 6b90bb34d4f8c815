from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from residue.stats.bootstrap import (
    bca_interval,
    bca_percentile,
    hierarchical_interval,
    percentile_interval,
)


def generator(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(
    ("ours", "theirs"), [(percentile_interval, "percentile"), (bca_interval, "BCa")]
)
@pytest.mark.parametrize("shape", ["skewed", "binary", "short"])
def test_one_level_bootstrap_is_scipys(ours, theirs: str, level: float, shape: str) -> None:
    rng = generator(1)
    values = {
        "skewed": rng.exponential(size=40),
        "binary": (rng.random(25) < 0.2).astype(float),
        "short": np.array([0.1, 0.2, 0.6]),
    }[shape]
    expected = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=level,
        n_resamples=2000,
        method=theirs,
        rng=generator(),
    ).confidence_interval
    found = ours(values, generator(), level=level, n_bootstrap=2000)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_any_statistic_of_the_last_axis_can_be_bootstrapped() -> None:
    values = generator(2).normal(size=31)

    def spread(samples: np.ndarray) -> np.ndarray:
        return np.std(samples, axis=-1)

    expected = stats.bootstrap(
        (values,), np.std, n_resamples=1000, method="BCa", rng=generator()
    ).confidence_interval
    found = bca_interval(values, generator(), statistic=spread, n_bootstrap=1000)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.floats(1e-9, 1 - 1e-9), st.floats(-6, 6), st.floats(-5, 5, allow_nan=False))
def test_bca_never_reads_outside_the_resamples(p: float, bias: float, acceleration: float) -> None:
    assert 0.0 <= bca_percentile(p, bias, acceleration) <= 1.0


@given(st.floats(0.001, 0.499), st.floats(-2, 2), st.floats(-5, 5))
def test_bca_ends_keep_their_order(p: float, bias: float, acceleration: float) -> None:
    assert bca_percentile(p, bias, acceleration) <= bca_percentile(1 - p, bias, acceleration)


def test_bca_without_correction_is_the_percentile() -> None:
    assert bca_percentile(0.025, 0.0, 0.0) == pytest.approx(0.025)


@pytest.mark.parametrize("interval", [percentile_interval, bca_interval])
def test_constant_values_say_that_nothing_was_resampled(interval) -> None:
    found = interval([0.25] * 7, generator())
    assert (found.low, found.estimate, found.high) == (0.25, 0.25, 0.25)
    assert "constant" in found.method


@pytest.mark.parametrize("interval", [percentile_interval, bca_interval])
@pytest.mark.parametrize("values", [[], [1.0, math.nan]])
def test_empty_and_nan_are_refused(interval, values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no values|not finite"):
        interval(values, generator())


@pytest.mark.parametrize("interval", [percentile_interval, bca_interval])
@pytest.mark.parametrize("level", [-0.1, 0.0, 1.0, 1.05])
def test_a_level_outside_zero_and_one_is_refused(interval, level: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        interval([1.0, 2.0, 3.0], generator(), level=level)


def test_bca_of_a_statistic_that_resampling_only_lowers_is_refused() -> None:
    def distinct(samples: np.ndarray) -> np.ndarray:
        return 1.0 + (np.diff(np.sort(samples, axis=-1), axis=-1) > 0.0).sum(axis=-1)

    with pytest.raises(ValueError, match="percentile_interval"):
        bca_interval(np.arange(30.0), generator(), statistic=distinct, n_bootstrap=100)


def test_hierarchical_bootstrap_has_the_variance_of_its_three_levels() -> None:
    # Resampling variance has a closed form where one level alone varies: (n - 1) / n of the
    # usual estimate. Enough resamples make the percentile half-width show it.
    rng = generator(3)
    seeds, clusters, items = 12, 20, 5
    cluster = np.repeat(np.arange(clusters), items)
    ones = np.ones((seeds, clusters * items))
    by_seed = rng.normal(size=(seeds, 1)) * ones
    by_cluster = np.repeat(rng.normal(size=(1, clusters)), items, axis=1) * ones
    for values, level_sd, n in (
        (by_seed, by_seed[:, 0].std(), seeds),
        (by_cluster, by_cluster[0, ::items].std(), clusters),
    ):
        found = hierarchical_interval(
            values, ones, cluster, generator(), df=1e12, level=0.6827, n_bootstrap=20_000
        )
        assert (found.high - found.low) / 2 == pytest.approx(level_sd / math.sqrt(n), rel=0.06)


@given(st.floats(-5, 5), st.floats(0.2, 5))
def test_hierarchical_bootstrap_moves_with_the_data(shift: float, scale: float) -> None:
    rng = generator(4)
    values, weights = rng.normal(size=(10, 12)), rng.uniform(1, 3, size=(10, 12))
    cluster = np.repeat(np.arange(4), 3)
    plain, moved = (
        hierarchical_interval(x, weights, cluster, generator(), df=9.0, n_bootstrap=200)
        for x in (values, shift + scale * values)
    )
    assert moved.low == pytest.approx(shift + scale * plain.low)
    assert moved.high == pytest.approx(shift + scale * plain.high)
