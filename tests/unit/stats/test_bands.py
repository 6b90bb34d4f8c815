from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from residue.stats.bands import Band, Resamples, band, first_row, first_row_interval
from residue.stats.crossed import crossed_interval

REPETITIONS = 150


def curves(rng: np.random.Generator, n: int, rows: int, correlation: float) -> np.ndarray:
    """n curves whose neighbouring rows are correlated, (rows, n)."""
    steps = rng.standard_normal((rows, n))
    out = steps.copy()
    for row in range(1, rows):
        out[row] = correlation * out[row - 1] + math.sqrt(1 - correlation**2) * steps[row]
    return out


def banded(table: np.ndarray, seed: int = 0, n: int = 1000, **options: object) -> Band:
    resamples = Resamples.of(np.random.default_rng(seed), table.shape, n)
    return band(table, np.ones_like(table), resamples, **options)  # type: ignore[arg-type]


def coverage(seeds: int, correlation: float, spread: float, repetitions: int, seed: int) -> float:
    """Share of bands around simulated curves of mean 0 that hold 0 in every row."""
    rng = np.random.default_rng(seed)
    held = 0
    for _ in range(repetitions):
        table = curves(rng, 24, 7, correlation)[:, None, :]
        table = table + 0.3 * rng.standard_normal((7, seeds, 24))
        if seeds > 1:
            table = table + spread * curves(rng, seeds, 7, correlation)[:, :, None]
        made = banded(table, seed=int(rng.integers(2**32)))
        held += bool(((made.low <= 0.0) & (made.high >= 0.0)).all())
    return held / repetitions


@pytest.mark.parametrize(
    ("seeds", "correlation", "spread"), [(1, 0.8, 0.0), (1, 0.0, 0.0), (3, 0.8, 0.5)]
)
def test_a_band_holds_the_whole_curve_as_often_as_it_says(
    seeds: int, correlation: float, spread: float
) -> None:
    least = stats.binom.ppf(0.0005, REPETITIONS, 0.95) / REPETITIONS
    assert coverage(seeds, correlation, spread, REPETITIONS, seed=3) >= least


def test_intervals_row_by_row_would_not_hold_the_whole_curve() -> None:
    rng = np.random.default_rng(5)
    tables = rng.standard_normal((200, 7, 1, 24))
    held = [
        all(
            interval.low <= 0.0 <= interval.high
            for interval in (crossed_interval(row, np.ones_like(row)) for row in table)
        )
        for table in tables
    ]
    assert np.mean(held) < 0.85


def test_rows_that_say_the_same_cost_nothing() -> None:
    row = np.random.default_rng(1).standard_normal((1, 1, 30))
    drawn = Resamples.of(np.random.default_rng(2), row.shape, 1000)
    one = band(row, np.ones_like(row), drawn)
    wide = np.repeat(row, 5, axis=0)
    five = band(wide, np.ones_like(wide), Resamples(drawn.drawn, drawn.played))
    assert five.critical == pytest.approx(one.critical)
    assert five.low == pytest.approx(np.repeat(one.low, 5))


def test_the_order_of_rows_and_the_unit_of_one_row_do_not_matter() -> None:
    table = curves(np.random.default_rng(4), 20, 5, 0.5)[:, None, :]
    plain = banded(table)
    turned = banded(table[::-1])
    assert turned.low[::-1] == pytest.approx(plain.low)
    scaled = banded(table * np.array([1.0, 10.0, 1.0, 0.1, 1.0])[:, None, None])
    assert scaled.critical == pytest.approx(plain.critical)
    assert scaled.low[1] == pytest.approx(10.0 * plain.low[1])


def test_a_band_is_nowhere_inside_the_interval_of_its_row() -> None:
    table = np.random.default_rng(6).standard_normal((6, 3, 16))
    made = banded(table)
    for row, (low, high) in enumerate(zip(made.low, made.high, strict=True)):
        alone = crossed_interval(table[row], np.ones_like(table[row]))
        assert low <= alone.low + 1e-12
        assert high >= alone.high - 1e-12


def test_rows_where_few_clusters_deviate_share_the_error_evenly() -> None:
    rng = np.random.default_rng(7)
    table = np.zeros((4, 1, 24))
    table[0] = rng.random((1, 24))
    table[1, 0, :2] = 1.0
    made = banded(table, bounds=(0.0, 1.0))
    exact = crossed_interval(table[1], np.ones((1, 24)), level=1 - 0.05 / 4, bounds=(0.0, 1.0))
    assert (made.low[1], made.high[1]) == (exact.low, exact.high)
    # None of 24 deviating: Clopper-Pearson at a quarter of the error.
    assert made.high[2] == pytest.approx(1 - (0.05 / 8) ** (1 / 24), abs=1e-6)
    assert math.isfinite(made.critical)


def test_tables_of_two_shapes_are_refused() -> None:
    drawn = Resamples.of(np.random.default_rng(0), (2, 1, 3), 1000)
    with pytest.raises(ValueError, match="one shape"):
        band(np.zeros((2, 1, 3)), np.ones((2, 1, 4)), drawn)


def test_the_first_row_of_a_curve_lies_between_those_of_its_band() -> None:
    rows = [1, 2, 3, 4]
    estimate = np.array([0.1, 0.4, 0.6, 0.9])
    made = Band(estimate, estimate - 0.2, estimate + 0.2, 2.0)
    assert first_row_interval(rows, made, 0.5, 0.95) == (3.0, 2.0, 4.0)
    assert first_row(rows, np.array([0.1, 0.2, 0.3, 0.4]), 0.5) == math.inf
