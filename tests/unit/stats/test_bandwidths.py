"""A grid of bandwidths: finds what the median distance misses, and pays for the choice."""

from __future__ import annotations

import numpy as np
import pytest

from residue.stats.bandwidths import hsic_grid_test
from residue.stats.independence import hsic_test


def test_a_fine_wave_is_found_by_the_grid_alone() -> None:
    random = np.random.default_rng(0)
    x = random.uniform(size=120)
    y = np.sin(40.0 * x) + 0.3 * random.normal(size=120)
    assert hsic_test(x, y).p_value > 0.05
    found = hsic_grid_test(x, y, scales=(0.01, 0.1, 1.0), n_permutations=199)
    assert found.p_value == pytest.approx(1 / 200)
    assert found.scales[0] == 0.01


def test_the_choice_among_bandwidths_keeps_the_level() -> None:
    random = np.random.default_rng(1)
    p, least = [], []
    for seed in range(60):
        x, y = random.normal(size=(2, 20))
        found = hsic_grid_test(x, y, scales=(0.03, 1.0, 30.0), n_permutations=99, seed=seed)
        p.append(found.p_value)
        least.append(found.standardised.max() > 1.645)
    assert np.sum(np.array(p) <= 0.05) <= 9  # binomial(60, 0.05): P(> 9) < 0.001
    # The best of nine, looked up as if it were one test, rejects too often.
    assert np.sum(least) > 9


def test_one_scale_of_one_is_the_permutation_test() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 30, 2))
    pairs = np.repeat(np.arange(15), 2)
    grid = hsic_grid_test(x, y, scales=(1.0,), n_permutations=99, pairs=pairs, seed=3)
    one = hsic_test(x, y, null="permutation", n_permutations=99, pairs=pairs, seed=3)
    assert grid.p_value == pytest.approx(one.p_value)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"scales": ()}, "scales are"), ({"scales": (0.0,)}, "above 0"), ({"seed": -1}, "seed is -1")],
)
def test_bad_options_are_named(change: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hsic_grid_test(range(9), range(9), **change)
