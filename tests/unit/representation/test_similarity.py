"""Similarities against closed forms, an independent implementation, and the law of chance."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.representation.similarity import (
    anc,
    linear_cka,
    permutation_null,
    procrustes,
)

MEASURES = [linear_cka, procrustes, anc]
Measure = Callable[[np.ndarray, np.ndarray], float]


def rows(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def turned(x: np.ndarray, seed: int) -> np.ndarray:
    """x after a random rotation of its dimensions."""
    return x @ np.linalg.qr(rows(x.shape[1], x.shape[1], seed))[0]


def direct_hsic(x: np.ndarray, y: np.ndarray) -> float:
    """Song et al. 2012 as U-centred matrices (Székely and Rizzo 2014), entry by entry."""
    n = len(x)

    def centred(values: np.ndarray) -> np.ndarray:
        kernel = np.array([[float(a @ b) for b in values] for a in values])
        np.fill_diagonal(kernel, 0.0)
        made = np.zeros((n, n))
        for i, j in itertools.permutations(range(n), 2):
            made[i, j] = (
                kernel[i, j]
                - kernel[i].sum() / (n - 2)
                - kernel[:, j].sum() / (n - 2)
                + kernel.sum() / ((n - 1) * (n - 2))
            )
        return made

    return float((centred(x) * centred(y)).sum()) / (n * (n - 3))


def fourfold_hsic(x: np.ndarray, y: np.ndarray) -> float:
    """HSIC₁ by its definition: the mean of its kernel over all ordered quadruples of rows."""
    k, m = x @ x.T, y @ y.T
    terms = [
        k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q])
        for i, j, q, r in itertools.permutations(range(len(x)), 4)
    ]
    return float(np.mean(terms))


@pytest.mark.parametrize(("n", "d", "e"), [(5, 2, 2), (7, 3, 5), (12, 4, 4), (6, 20, 9)])
def test_cka_is_the_ratio_of_directly_computed_hsic(n: int, d: int, e: int) -> None:
    x, y = rows(n, d, 1) + 3.0, rows(n, e, 2) - 1.0
    wanted = direct_hsic(x, y) / np.sqrt(direct_hsic(x, x) * direct_hsic(y, y))
    assert linear_cka(x, y) == pytest.approx(wanted, abs=1e-10)


def test_the_hsic_inside_is_the_mean_over_quadruples() -> None:
    x, y = rows(6, 2, 3), rows(6, 3, 4)
    assert direct_hsic(x, y) == pytest.approx(fourfold_hsic(x, y), abs=1e-12)


@pytest.mark.parametrize("d", [1, 3, 9])
def test_without_dependence_cka_averages_zero_over_all_pairings(d: int) -> None:
    """Enumerated: under a random pairing of 6 rows the mean over all 720 is 0, whatever d."""
    x, y = rows(6, d, 5) + 2.0, rows(6, d, 6)
    values = [linear_cka(x, y[list(order)]) for order in itertools.permutations(range(6))]
    assert np.mean(values) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("measure", [linear_cka, procrustes])
@given(seed=st.integers(0, 10**6), factor=st.floats(1e-3, 1e3), wide=st.booleans())
@settings(max_examples=20, deadline=None)
def test_rotation_scale_and_shift_change_nothing(
    measure: Measure, seed: int, factor: float, wide: bool
) -> None:
    d = 11 if wide else 3
    x, y = rows(8, d, seed), rows(8, d, seed + 1)
    moved = factor * turned(y, seed + 2) + rows(1, d, seed + 3)
    assert measure(x, moved) == pytest.approx(measure(x, y), abs=1e-9)
    assert measure(y, x) == pytest.approx(measure(x, y), abs=1e-9)
    assert measure(y, moved) == pytest.approx(1.0, abs=1e-9)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_bounds(seed: int) -> None:
    x, y = rows(7, 4, seed), rows(7, 4, seed + 1)
    assert -1.0 <= linear_cka(x, y) <= 1.0
    assert 0.0 <= procrustes(x, y) <= 1.0
    assert 0.0 <= anc(x, y) <= 1.0


@pytest.mark.parametrize("measure", MEASURES)
def test_the_order_of_items_does_not_matter_but_their_pairing_does(measure: Measure) -> None:
    x = rows(20, 5, 7)
    y = x + 0.1 * rows(20, 5, 8)
    order = np.random.default_rng(9).permutation(20)
    assert measure(x[order], y[order]) == pytest.approx(measure(x, y), abs=1e-12)
    assert measure(x, y[order]) < measure(x, y) - 0.3


def test_anc_is_the_mean_of_correlations_and_depends_on_the_axes() -> None:
    x, y = rows(10, 6, 10), rows(10, 6, 11)
    wanted = np.mean([abs(np.corrcoef(x[:, j], y[:, j])[0, 1]) for j in range(6)])
    assert anc(x, y) == pytest.approx(wanted, abs=1e-12)
    assert anc(x, -3.0 * x + 5.0) == pytest.approx(1.0, abs=1e-12)
    assert anc(x, turned(x, 12)) < 0.9


def test_procrustes_of_one_dimension_is_a_correlation() -> None:
    x, y = rows(9, 1, 13), rows(9, 1, 14)
    wanted = abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1])
    assert procrustes(x, y) == pytest.approx(wanted, abs=1e-12)


def test_procrustes_against_singular_values_of_the_plain_product() -> None:
    for d in (3, 30):
        x, y = rows(8, d, 15), rows(8, d, 16)
        a, b = x - x.mean(axis=0), y - y.mean(axis=0)
        wanted = np.linalg.norm(a.T @ b, "nuc") / np.linalg.norm(a) / np.linalg.norm(b)
        assert procrustes(x, y) == pytest.approx(wanted, abs=1e-10)


def test_constant_columns_are_left_out() -> None:
    x, y = rows(8, 3, 17), rows(8, 3, 18)
    padded = np.hstack([x, np.full((8, 1), 0.1)]), np.hstack([y, np.full((8, 1), 1e6)])
    for measure in MEASURES:
        assert measure(*padded) == pytest.approx(measure(x, y), abs=1e-12)


def test_large_means_and_magnitudes_do_not_cost_digits() -> None:
    x, y = rows(12, 4, 19), rows(12, 4, 20)
    for measure in MEASURES:
        assert measure(x + 1e6, y) == pytest.approx(measure(x, y), abs=1e-6)
        assert measure(1e200 * x, 1e-200 * y) == pytest.approx(measure(x, y), abs=1e-9)
        assert measure(x.astype(np.float32), y) == pytest.approx(measure(x, y), abs=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
def test_what_has_no_similarity_is_refused(measure: Measure) -> None:
    x = rows(6, 3, 21)
    hole = x.copy()
    hole[2, 1] = np.nan
    with pytest.raises(ValueError, match="item 2, dimension 1"):
        measure(x, hole)
    with pytest.raises(ValueError, match="not finite"):
        measure(np.where(np.isnan(hole), np.inf, hole), x)
    with pytest.raises(ValueError, match="6 rows and y 5"):
        measure(x, x[:5])
    with pytest.raises(ValueError, match="3 rows are too few"):
        measure(x[:3], x[:3])
    with pytest.raises(ValueError, match="items, dimensions"):
        measure(x[:, 0], x[:, 0])
    with pytest.raises(ValueError, match="leave this row of the model out"):
        measure(x, np.full((6, 3), 0.1))


def test_one_deviating_row_has_no_cka_and_widths_differ_only_where_they_may() -> None:
    x = rows(6, 3, 22)
    lone = np.zeros((6, 3))
    lone[0] = 1.0
    with pytest.raises(ValueError, match="only one row of y"):
        linear_cka(x, lone)
    with pytest.raises(ValueError, match="x has 3 and y 2"):
        anc(x, x[:, :2])
    assert 0.0 < procrustes(x, x[:, :2]) <= 1.0


def test_the_p_value_is_the_rank_among_all_pairings() -> None:
    """With every pairing of four rows drawn often, p nears the share that reaches the value."""
    x, y = rows(4, 2, 23), rows(4, 2, 24)
    value = procrustes(x, y)
    pairings = itertools.permutations(range(4))
    exact = np.mean([procrustes(x, y[list(order)]) >= value - 1e-12 for order in pairings])
    null = permutation_null(procrustes, x, y, rng=np.random.default_rng(0), n_permutations=1999)
    assert null.value == value
    assert null.p == pytest.approx(exact, abs=0.04)


def test_dependence_is_found_and_chance_is_subtracted() -> None:
    rng = np.random.default_rng(25)
    x = rows(24, 40, 26)
    noise = permutation_null(procrustes, x, rows(24, 40, 27), rng=rng)
    assert noise.mean > 0.5  # the floor of few rows in many dimensions
    assert abs(noise.value - noise.mean) < 0.05
    assert noise.p > 0.05
    found = permutation_null(procrustes, x, turned(x, 28) + 0.1 * rows(24, 40, 29), rng=rng)
    assert found.p == pytest.approx(0.01)
    assert found.value - found.mean > 0.1
