"""Faithfulness, robustness and rank agreement: closed forms, limits, and a published example."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as laws

from residue.stats.meta_evaluation import (
    NOTHING,
    faithfulness,
    harmonic,
    quantising,
    rank_agreement,
    relearning,
)


@pytest.mark.parametrize("n", [3, 8, 30])
def test_wholly_apart_has_the_exact_limit(n: int) -> None:
    made = faithfulness(np.arange(n) + 100.0, np.arange(n), 0.95)
    assert made.estimate == 1.0
    # With chance `low` of a model standing right, all n do so with chance alpha / 2.
    assert made.low**n == pytest.approx(0.025)
    assert made.high == 1.0


def test_turned_around_is_mirrored() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(1.0, 1.0, 12), rng.normal(0.0, 1.0, 9)
    made, turned = faithfulness(x, y, 0.9), faithfulness(-x, -y, 0.9)
    assert turned.estimate == pytest.approx(1.0 - made.estimate)
    assert (turned.low, turned.high) == pytest.approx((1.0 - made.high, 1.0 - made.low))


def test_delong_is_the_variance_of_the_auc() -> None:
    """Against the closed form of Mann-Whitney for two samples, by its jackknife-free definition."""
    x, y = np.array([3.0, 1.0, 4.0]), np.array([2.0, 0.0])
    made = faithfulness(x, y, 0.95)
    wins = (x[:, None] > y[None, :]).astype(float)
    variance = wins.mean(axis=1).var(ddof=1) / 3 + wins.mean(axis=0).var(ddof=1) / 2
    area = wins.mean()
    half = laws.norm.isf(0.025) * math.sqrt(variance) / (area * (1 - area))
    logit = math.log(area / (1 - area))
    assert made.estimate == pytest.approx(area)
    assert math.log(made.high / (1 - made.high)) == pytest.approx(logit + half)


def test_coverage_of_the_auc() -> None:
    """Normal pools of ten: Φ(1/√2) must lie inside nearly as often as the level says."""
    truth, rng = float(laws.norm.cdf(1 / math.sqrt(2))), np.random.default_rng(3)
    inside = 0
    for _ in range(400):
        made = faithfulness(rng.normal(1, 1, 10), rng.normal(0, 1, 10), 0.9)
        inside += made.low <= truth <= made.high
    assert inside / 400 > 0.86


def test_one_model_on_a_side_says_nothing() -> None:
    made = faithfulness([1.0], [0.0, 0.5], 0.95)
    assert (made.low, made.high) == (0.0, 1.0)


def test_relearning_and_quantising_at_their_ends() -> None:
    gains = np.array([0.0, 0.2, 0.4, -0.1])
    assert relearning(np.full(4, 0.2), gains) == pytest.approx([1.0, 1.0, 0.5, 1.0])
    assert relearning(np.array([-0.3]), np.array([0.4])) == pytest.approx([0.0])
    after = np.array([0.4, 0.1, 0.0, -0.2])
    assert quantising(np.full(4, 0.2), after) == pytest.approx([0.5, 1.0, 1.0, 1.0])


def test_the_published_overall_is_the_harmonic_mean_of_its_parts() -> None:
    """OpenUnlearning, Table 2: extraction strength, faithful .92, robust from (.95, .68)."""
    robust = harmonic(0.95, 0.68)
    assert robust == pytest.approx(0.79, abs=0.005)
    assert harmonic(0.92, robust) == pytest.approx(0.85, abs=0.005)
    assert harmonic(0.9, 0.0) == 0.0
    assert math.isnan(harmonic(0.9, math.nan))


def test_rank_agreement_is_spearmans() -> None:
    x, y = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0, 1.0, 4.0, 3.0, 6.0, 5.0]
    made = rank_agreement(x, y, 0.95)
    assert made.estimate == pytest.approx(1 - 6 * 6 / (6 * 35))
    assert made.low < made.estimate < made.high <= 1.0
    assert rank_agreement(x[:4], y[:4], 0.95) is NOTHING
    assert rank_agreement([1.0] * 6, y, 0.95) is NOTHING
