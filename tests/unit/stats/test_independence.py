"""HSIC against full enumeration, invariances, and what a permutation design may never do."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.stats.independence import HsicResult, hsic_test
from residue.stats.joint_tests import hsic_max_test
from residue.stats.kernels import centred, gram, rbf, u_centred

Array = np.ndarray


def enumerated(k: Array, labels: list[Array], estimator: str) -> Array:
    """The statistic for every arrangement of the second Gram matrix."""
    n = len(k)
    centre, scale = (u_centred, n * (n - 3)) if estimator == "unbiased" else (centred, n * n)
    a = centre(k)
    return np.array([np.vdot(a, centre(each)) / scale for each in labels])


def agrees(result: HsicResult, every: Array) -> None:
    off = every - every.mean()
    assert result.null_mean == pytest.approx(every.mean(), abs=1e-12)
    assert result.null_variance == pytest.approx((off**2).mean(), rel=1e-9)
    skewness = (off**3).mean() / (off**2).mean() ** 1.5
    assert result.null_skewness == pytest.approx(skewness, abs=1e-9)


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
@pytest.mark.parametrize("kernel", ["rbf", ("delta", "rbf")])
def test_moments_are_those_of_all_permutations(estimator: str, kernel: str) -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(7, 2)), random.normal(size=(7, 1))
    if kernel != "rbf":
        x = np.array([0, 0, 1, 1, 1, 2, 2])
    first, second = ("rbf", "rbf") if kernel == "rbf" else kernel
    k, other = gram(x, first, "x"), gram(y, second, "y")
    orders = [np.array(p) for p in itertools.permutations(range(7))]
    every = enumerated(k, [other[np.ix_(o, o)] for o in orders], estimator)
    agrees(hsic_test(x, y, kernel=kernel, estimator=estimator), every)


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_pair_moments_are_those_of_all_swaps(estimator: str) -> None:
    random = np.random.default_rng(2)
    x, y = random.normal(size=(12, 3)), random.normal(size=12)
    pairs = np.array([0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0])
    other = rbf(y[:, None])
    orders = []
    for flips in itertools.product([False, True], repeat=6):
        order = np.arange(12)
        for pair, flip in enumerate(flips):
            if flip:
                order[pairs == pair] = order[pairs == pair][::-1]
        orders.append(order)
    every = enumerated(rbf(x), [other[np.ix_(o, o)] for o in orders], estimator)
    agrees(hsic_test(x, y, pairs=pairs, estimator=estimator), every)


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
@pytest.mark.parametrize("swapped", [False, True])
def test_cluster_moments_are_those_of_all_cluster_permutations(
    estimator: str, swapped: bool
) -> None:
    random = np.random.default_rng(3)
    clusters = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4, 5])
    label = np.array([0, 1, 1, 0, 2, 2])
    x = random.normal(size=(11, 2))
    k = rbf(x)
    others = [
        gram(label[list(p)][clusters], "delta", "y") for p in itertools.permutations(range(6))
    ]
    every = enumerated(k, others, estimator)
    sides, kernel = ((x, label[clusters]), ("rbf", "delta"))
    if swapped:
        sides, kernel = sides[::-1], kernel[::-1]
    result = hsic_test(*sides, kernel=kernel, clusters=clusters, estimator=estimator)
    agrees(result, every)
    assert result.statistic == pytest.approx(every[0], abs=1e-14)


def test_strata_p_value_counts_every_arrangement_inside_strata() -> None:
    random = np.random.default_rng(4)
    x, y = random.normal(size=9), random.normal(size=9)
    strata = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2])
    orders = [
        np.concatenate([np.array(p), np.array(q), np.array(r)])
        for p in itertools.permutations([0, 1, 2])
        for q in itertools.permutations([3, 4, 5, 6])
        for r in itertools.permutations([7, 8])
    ]
    other = rbf(y[:, None])
    every = enumerated(rbf(x[:, None]), [other[np.ix_(o, o)] for o in orders], "unbiased")
    result = hsic_test(x, y, strata=strata)
    assert result.p_value == pytest.approx((every >= every[0] - 1e-12).mean())
    assert "288 arrangements" in result.method
    agrees(result, every)


def test_blocks_of_equal_size_move_whole() -> None:
    random = np.random.default_rng(5)
    x, y = random.normal(size=10), random.normal(size=10)
    clusters = np.array([2, 0, 1, 3, 4, 2, 0, 1, 3, 4])
    blocks = [np.flatnonzero(clusters == c) for c in range(5)]
    other = rbf(y[:, None])
    every = []
    for p in itertools.permutations(range(5)):
        order = np.arange(10)
        for here, there in zip(range(5), p, strict=True):
            order[blocks[here]] = blocks[there]
        every.append(other[np.ix_(order, order)])
    values = enumerated(rbf(x[:, None]), every, "unbiased")
    agrees(hsic_test(x, y, clusters=clusters), values)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100.0), st.floats(-50.0, 50.0), st.integers(8, 40))
def test_scale_shift_rotation_order_and_sides_play_no_part(
    seed: int, scale: float, shift: float, n: int
) -> None:
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(n, 3)), random.normal(size=(n, 2))
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    order = random.permutation(n)
    one = hsic_test(x, y)
    for other in (
        hsic_test(scale * x @ rotation + shift, y),
        hsic_test(x[order], y[order]),
        hsic_test(y, x),
    ):
        assert other.statistic == pytest.approx(one.statistic, rel=1e-6, abs=1e-9)
        assert other.p_value == pytest.approx(one.p_value, rel=1e-5)
        assert other.effect == pytest.approx(one.effect, rel=1e-6, abs=1e-9)


def test_unbiased_statistic_has_mean_zero_and_effect_one_for_itself() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    result = hsic_test(x, x)
    assert result.null_mean == pytest.approx(0.0, abs=1e-15)
    assert result.effect == pytest.approx(1.0)
    assert result.p_value < 1e-12


def test_single_precision_permutations_give_the_same_law() -> None:
    """Above the slab size sums are gathered in single precision; the law must not notice."""
    random = np.random.default_rng(6)
    x = random.normal(size=(300, 4))
    y = x[:, 0] * 0.2 + random.normal(size=300)
    exact = hsic_test(x, y)
    drawn = hsic_test(x, y, null="permutation", n_permutations=999, seed=3)
    assert drawn.null_variance == pytest.approx(exact.null_variance, rel=0.25)
    assert drawn.p_value == pytest.approx(exact.p_value, abs=3 * np.sqrt(0.25 / 999))


@pytest.mark.parametrize("d", [1, 32])
def test_pearson_tail_against_many_permutations(d: int) -> None:
    """|log10 p - log10 p_true| < 0.1 where 20,000 permutations can tell (down to about 0.003)."""
    random = np.random.default_rng(7)
    x, y = random.normal(size=(60, d)), random.normal(size=(60, d))
    a, b = u_centred(rbf(x)), u_centred(rbf(y))
    drawn = np.array(
        [np.vdot(a, b[o].take(o, axis=1)) for o in (random.permutation(60) for _ in range(20_000))]
    )
    from residue.stats.independence import pearson3_upper
    from residue.stats.permutation_moments import free

    law = free(a, b)
    for p in (0.1, 0.03, 0.01):
        threshold = np.quantile(drawn, 1 - p)
        assert np.log10(pearson3_upper(float(threshold), law) / p) == pytest.approx(0, abs=0.1)


def test_rows_of_one_country_permuted_freely_find_what_is_not_there() -> None:
    """The unit is the cluster: with labels drawn per country, free permutation rejects far too
    often and cluster permutation does not."""
    random = np.random.default_rng(8)
    rejected = {"free": 0, "clusters": 0}
    for _ in range(60):
        countries = np.repeat(np.arange(16), 5)
        x = random.normal(size=(16, 4))[countries] + 0.3 * random.normal(size=(80, 4))
        y = random.integers(0, 2, size=16)
        y[:2] = [0, 1]
        kernel = ("rbf", "delta")
        free = hsic_test(x, y[countries], kernel=kernel)
        whole = hsic_test(x, y[countries], kernel=kernel, clusters=countries)
        rejected["free"] += free.p_value <= 0.05
        rejected["clusters"] += whole.p_value <= 0.05
    assert rejected["free"] > 20
    assert rejected["clusters"] <= 9  # binomial(60, 0.05): P(> 9) < 0.001


def test_max_test_shares_permutations_and_adjusts() -> None:
    random = np.random.default_rng(9)
    y = random.normal(size=40)
    xs = [random.normal(size=(40, 2)) for _ in range(3)]
    xs.append(np.stack([y, random.normal(size=40)], axis=1))
    found = hsic_max_test(xs, y, n_permutations=199)
    assert (found.adjusted >= found.p_values - 1e-12).all()
    assert found.adjusted[3] <= 0.01
    assert found.adjusted[:3].min() > 0.05
    alone = hsic_test(xs[0], y, null="permutation", n_permutations=199)
    assert found.p_values[0] == pytest.approx(alone.p_value)
    assert found.statistics[0] == pytest.approx(alone.statistic)


@pytest.mark.parametrize(
    ("x", "y", "options", "says"),
    [
        ([1.0, 2, np.nan, 4, 5, 6], range(6), {}, "row 2"),
        ([1.0] * 6, range(6), {}, "constant"),
        (range(7), range(6), {}, "7 rows and y has 6"),
        (range(5), range(5), {}, "too few"),
        (range(6), ["a"] * 6, {"kernel": ("rbf", "delta")}, "constant"),
        (range(6), list("aabbcc"), {}, "give numbers"),
        ([1.0, 2, np.inf, 4, 5, 6], range(6), {}, "x is not finite in 1 rows"),
        ([1e200, 2, 3, 4, 5, 6], range(6), {}, "another unit"),
        ([[1.0, 2], [3]], range(6), {}, "not a table of numbers"),
        ([], [], {}, "0 observations are too few"),
        (range(6), list("abcdef"), {"kernel": ("rbf", "delta")}, "no two are alike"),
        (range(6), ["a", "b", None] * 2, {"kernel": ("rbf", "delta")}, "y holds missing labels"),
        (range(6), [0.0, 1.0, np.nan] * 2, {"kernel": ("rbf", "delta")}, "missing labels"),
        (range(6), range(6), {"pairs": [np.nan, np.nan, 1, 1, 2, 2]}, "pairs holds missing"),
        (range(6), range(6), {"pairs": [0, 0, 1, 1]}, "4 labels for 6"),
        (range(6), range(6), {"pairs": [0, 0, 1, 1, 2, 2], "strata": [0] * 6}, "excludes strata"),
        (range(6), range(6), {"clusters": [0, 0, 1, 2, 3, 4], "strata": [0, 1] * 3}, "two strata"),
        (range(6), range(6), {"kernel": ("rbf",)}, "give one name, or a pair"),
        (range(6), range(6), {"estimator": "u"}, "estimator 'u' is unknown"),
        (range(6), range(6), {"null": "bootstrap"}, "null 'bootstrap' is unknown"),
        (range(6), range(6), {"null": "permutation", "n_permutations": 0}, "at least 1"),
        (range(6), range(6), {"null": "permutation", "seed": None}, "seed is None"),
        (range(6), range(6), {"pairs": [0, 0, 1, 1, 1, 2]}, "each must stand twice"),
        (range(6), range(6), {"clusters": [0, 0, 0, 1, 1, 1]}, "too few to permute"),
        (range(6), range(6), {"clusters": [0, 0, 1, 2, 3, 4]}, "unequal size"),
        (range(6), range(6), {"strata": [0, 0, 1]}, "3 labels"),
        (range(6), range(6), {"kernel": "linear"}, "unknown"),
        (range(6), range(6), {"strata": [0] * 6, "null": "gamma"}, "free design"),
    ],
)
def test_bad_input_is_named(x: object, y: object, options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hsic_test(list(x), list(y), **options)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "design",
    [{}, {"pairs": [0, 0, 1, 1, 2, 2, 3, 3]}, {"strata": [0] * 4 + [1] * 4},
     {"clusters": [0, 0, 1, 1, 2, 2, 3, 3]}],
)  # fmt: skip
def test_permutations_that_are_asked_for_are_drawn_in_every_design(design: dict) -> None:
    x, y = np.random.default_rng(10).normal(size=(2, 8))
    found = hsic_test(x, y, null="permutation", n_permutations=99, seed=1, **design)
    assert found.p_value * 100 == pytest.approx(round(found.p_value * 100))
    assert found.p_value >= 0.01
    assert "99 permutations" in found.method
    again = hsic_test(x, y, null="permutation", n_permutations=99, seed=1, **design)
    assert again == found


def test_p_is_never_below_one_over_the_number_of_arrangements() -> None:
    """A fitted law knows no least p; four clusters have 24 arrangements all the same."""
    y = np.repeat([0.0, 1.0, 10.0, 30.0], 3)
    x = y + 1e-3 * np.random.default_rng(11).normal(size=12)
    clusters = np.repeat(np.arange(4), 3)
    assert hsic_test(x, y, clusters=clusters).p_value >= 1 / 24
    pairs = np.repeat(np.arange(4), 2)
    label = np.tile([0, 1], 4)
    found = hsic_test(label + 0.01 * x[:8], label, kernel=("rbf", "delta"), pairs=pairs)
    assert found.p_value >= 1 / 16


@pytest.mark.parametrize("null", ["moments", "permutation"])
def test_what_no_arrangement_changes_is_not_tested_and_says_so(null: str) -> None:
    x, y = np.random.default_rng(12).normal(size=(2, 8))
    for y_, design in (
        (y, {"strata": np.arange(8)}),
        (np.repeat(y[:4], 2), {"pairs": np.repeat(np.arange(4), 2)}),
    ):
        found = hsic_test(x, y_, null=null, **design)  # type: ignore[call-overload]
        assert (found.p_value, found.null_variance) == (1.0, 0.0)
        assert "no arrangement changes the statistic" in found.method


def test_a_sample_that_mostly_repeats_one_value_has_the_mean_for_its_bandwidth() -> None:
    x = np.zeros((20, 1))
    x[:3, 0] = [1.0, 2.0, 4.0]
    distances = (x - x.T) ** 2
    mean = distances[np.triu_indices(20, 1)].mean()
    assert np.median(distances) == 0.0
    np.testing.assert_allclose(rbf(x), np.exp(-distances / mean))


@pytest.mark.parametrize("null", ["moments", "permutation"])
def test_memory_is_a_few_matrices(null: str) -> None:
    n = 400
    x, y = np.random.default_rng(14).normal(size=(2, n, 32))
    tracemalloc.start()
    hsic_test(x, y, null=null, n_permutations=20)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 9 * n * n * 8


def test_labels_of_any_type_and_any_name_give_one_test() -> None:
    random = np.random.default_rng(13)
    x, code = random.normal(size=(30, 2)), random.integers(0, 3, size=30)
    one = hsic_test(x, code, kernel=("rbf", "delta"))
    for names in (["b", "c", "a"], [1.5, -2.0, 0.0], ["a", 1, (2, "x")]):
        labels = np.empty(30, dtype=object)
        labels[:] = [names[k] for k in code]
        assert hsic_test(x, labels, kernel=("rbf", "delta")) == one
    lines = np.stack([code == 0, code == 1], axis=1)
    assert hsic_test(x, lines, kernel=("rbf", "delta")) == one
