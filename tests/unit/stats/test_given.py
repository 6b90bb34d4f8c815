"""Tests given z: their size where z explains all, their power where it does not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from residue.stats.given import gcm_test, leaves, local_permutation_test, randomisation_test

Array = np.ndarray


def sample(random: np.random.Generator, n: int, effect: float) -> tuple[Array, Array, Array]:
    z = random.normal(size=(n, 1))
    x = np.sin(2 * z) + 0.5 * random.normal(size=(n, 1))
    y = z**2 + 0.5 * random.normal(size=(n, 1)) + effect * x
    return x, y, z


def test_gcm_size_and_power() -> None:
    random = np.random.default_rng(0)
    false = sum(gcm_test(*sample(random, 150, 0.0)).p_value <= 0.05 for _ in range(60))
    true = sum(gcm_test(*sample(random, 150, 0.5)).p_value <= 0.05 for _ in range(20))
    assert false <= 9  # binomial(60, 0.05): P(> 9) < 0.001
    assert true >= 18


def test_gcm_of_many_columns_is_one_test() -> None:
    random = np.random.default_rng(1)
    false = 0
    for _ in range(60):
        z = random.normal(size=(80, 1))
        x, y = z + random.normal(size=(2, 80, 3))
        false += gcm_test(x, y, z, n_draws=199).p_value <= 0.05
    assert false <= 9


def test_local_permutation_forgives_what_z_explains() -> None:
    random = np.random.default_rng(2)
    false = true = 0
    for _ in range(20):
        z = random.normal(size=(120, 1))
        x, y = z + 0.5 * random.normal(size=(2, 120, 1))
        false += local_permutation_test(x, y, z, n_permutations=99).p_value <= 0.05
        true += local_permutation_test(x, y + x, z, n_permutations=99).p_value <= 0.05
    assert false <= 5
    assert true >= 18


@pytest.mark.parametrize("n", [5, 16, 33, 100])
def test_leaves_cut_at_the_median_and_keep_their_size(n: int) -> None:
    z = np.random.default_rng(3).normal(size=(n, 2))
    labels = leaves(z, 4)
    sizes = np.bincount(labels)
    assert sizes.min() >= min(4, n)
    assert sizes.max() < 8
    line = leaves(np.arange(n, dtype=float)[:, None], 4)
    assert len(list(itertools.groupby(line))) == line.max() + 1


def test_randomisation_p_is_the_share_of_the_law_that_reaches_it() -> None:
    """A fair coin eight times, seven heads: P(at least seven) = 9 / 256."""
    p = randomisation_test(
        lambda x: x.sum(),
        [1] * 7 + [0],
        lambda random: random.integers(0, 2, size=8),
        n_draws=9999,
    )
    assert p == pytest.approx(9 / 256, abs=4 * np.sqrt(9 / 256 / 9999))


def test_exact_prediction_is_named() -> None:
    z = np.random.default_rng(4).normal(size=(30, 1))
    with pytest.raises(ValueError, match="z determines it"):
        gcm_test(z * 0, z, z)


def test_a_statistic_that_is_not_finite_has_no_p() -> None:
    with pytest.raises(ValueError, match="not finite"):
        randomisation_test(lambda _: float("nan"), [1.0], lambda random: random.normal(size=1))


def test_bad_options_are_named() -> None:
    x, y, z = np.random.default_rng(5).normal(size=(3, 30))
    with pytest.raises(ValueError, match="n_draws is 0"):
        gcm_test(x, y, z, n_draws=0)
    with pytest.raises(ValueError, match="size is 1"):
        local_permutation_test(x, y, z, size=1)
