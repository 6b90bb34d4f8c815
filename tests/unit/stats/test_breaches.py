"""Bounds on breaches, variation and misjudged rates: closed forms, oracles, simulated attackers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from residue.stats.breaches import any_of, broken, sign_test, worst
from residue.stats.intervals import Interval, clopper_pearson
from residue.stats.misjudged import corrected
from residue.stats.variation import total_variation


def test_a_unit_is_broken_by_any_of_its_attacks() -> None:
    units = np.repeat(np.arange(20), 3)
    breaches = np.zeros(60)
    breaches[[0, 1, 7]] = 1.0  # two attacks on one unit, one on another
    made = broken(breaches, units)
    exact = stats.binomtest(2, 20).proportion_ci(0.95, "exact")
    assert (made.estimate, made.n) == (0.1, 20)
    assert (made.low, made.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert broken(np.zeros(60), units).high == pytest.approx(1 - 0.025 ** (1 / 20))


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_any_of_k_counts_the_draws(case: tuple[int, int]) -> None:
    hits, attacks = case
    for k in range(1, attacks + 1):
        draws = list(combinations([1] * hits + [0] * (attacks - hits), k))
        assert any_of(hits, attacks, k) == pytest.approx(np.mean([max(draw) for draw in draws]))


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 1.0]), min_size=1, max_size=30))
def test_the_sign_test_is_the_exact_binomial_test(changes: list[float]) -> None:
    up, down = sum(c > 0 for c in changes), sum(c < 0 for c in changes)
    expected = stats.binomtest(up, up + down).pvalue if up + down else 1.0
    assert sign_test(changes) == pytest.approx(expected)


def test_the_worst_of_several_has_the_greatest_ends() -> None:
    made = worst([Interval(0.2, 0.1, 0.3, 0.99, "", 5), Interval(0.1, 0.0, 0.6, 0.99, "", 5)])
    assert (made.estimate, made.low, made.high) == (0.2, 0.1, 0.6)


def test_an_attacker_of_known_success_exceeds_the_bound_no_more_often_than_its_level() -> None:
    rng = np.random.default_rng(0)
    for rate, n in ((0.02, 48), (0.2, 16), (0.5, 11)):
        breached = rng.binomial(n, rate, size=4000)
        bounds = np.array([clopper_pearson(k, n).high for k in range(n + 1)])[breached]
        # Three standard errors of the simulation above the tail of 2.5 %.
        assert (bounds < rate).mean() <= 0.025 + 3 * np.sqrt(0.025 / 4000)


def test_an_attack_never_gains_more_than_the_certified_variation_beyond_its_level() -> None:
    """Units of their own success rate, several attacks each, paired with clean runs."""
    rng = np.random.default_rng(1)
    n, attacks, runs, missed = 16, 4, 60, 0
    for _ in range(runs):
        rate = rng.beta(0.4, 3.6, size=n)  # mean 0.1, unequal units
        obeyed = rng.binomial(attacks, rate) / attacks
        right = (1 - obeyed) * 0.95
        attacked = np.stack([right, obeyed, 0 * right, 1 - right - obeyed], axis=1)
        clean = np.tile([0.95, 0.0, 0.0, 0.05], (n, 1))
        made = total_variation(attacked, clean)
        missed += made.high < 0.1
        assert made.low <= made.estimate <= made.high
    assert missed / runs <= 0.025 + 3 * np.sqrt(0.025 / runs)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), min_size=8, max_size=8), min_size=2, max_size=6))
def test_total_variation_is_the_greatest_change_of_any_event(counts: list[list[int]]) -> None:
    both = np.array(counts, float) + 0.1
    attacked, clean = (
        part / part.sum(axis=1, keepdims=True) for part in (both[:, :4], both[:, 4:])
    )
    change = (attacked - clean).mean(axis=0)
    events = [e for size in range(5) for e in combinations(range(4), size)]
    made = total_variation(attacked, clean)
    assert made.estimate == pytest.approx(max(change[list(event)].sum() for event in events))
    assert made.low <= made.estimate + 1e-9
    assert made.estimate <= made.high + 1e-9


def test_laws_that_do_not_change_vary_by_what_the_number_of_units_attains() -> None:
    same = np.tile([0.9, 0.0, 0.1, 0.0], (48, 1))
    made = total_variation(same, same)
    assert (made.estimate, made.low) == (0.0, 0.0)
    assert 0.0 < made.high < 0.2  # never zero: a further unit may differ
    with pytest.raises(ValueError, match="add up to 1"):
        total_variation(same * 0.5, same)


def exactly(value: float, level: float = 0.99) -> Interval:
    return Interval(value, value, value, level, "", 10)


def test_correction_undoes_the_judges_errors() -> None:
    true, sensitivity, specificity = 0.3, 0.9, 0.8
    seen = true * sensitivity + (1 - true) * (1 - specificity)
    made = corrected(exactly(seen), exactly(sensitivity), exactly(specificity))
    assert (made.estimate, made.low, made.high) == pytest.approx((true,) * 3)
    assert made.level == pytest.approx(0.97)
    unsure = Interval(0.5, 0.2, 0.9, 0.99, "", 3)
    assert corrected(exactly(0.4), unsure, unsure).high == 1.0  # it may be a coin


def test_corrected_rates_cover_with_errors_estimated_from_few_labels() -> None:
    rng = np.random.default_rng(2)
    true, se, sp, covered = 0.1, 0.9, 0.95, 0
    for _ in range(300):
        part = 1 - 0.05 / 3
        seen = clopper_pearson(int(rng.binomial(200, true * se + (1 - true) * (1 - sp))), 200, part)
        known = [clopper_pearson(int(rng.binomial(60, p)), 60, part) for p in (se, sp)]
        made = corrected(seen, *known)
        covered += made.low <= true <= made.high
    assert covered / 300 >= 0.95
