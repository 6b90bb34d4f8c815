"""AUC and KS estimates: the point by definition, the interval by simulation and at its limits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.specs.statistics import StatisticsSpec
from residue.stats.two_groups import auc_estimate, ks_estimate

SPEC = StatisticsSpec(n_bootstrap=1000)


def rows(values: dict[str, list[list[float]]], **more: Any) -> pd.DataFrame:
    """Rows from country → one list of item values per seed."""
    made = [
        {"item": f"{country}-{place}", "country": country, "seed": seed, "value": value}
        for country, seeds in values.items()
        for seed, items in enumerate(seeds)
        for place, value in enumerate(items)
    ]
    return pd.DataFrame(made).assign(weight=1.0, status="ok", **more)


def drawn(rng: np.random.Generator, name: str, n: int, shift: float = 0.0) -> pd.DataFrame:
    """Countries with an effect of their own, two items each."""
    effect = rng.normal(size=(n, 1)) + shift + 0.5 * rng.normal(size=(n, 2))
    return rows({f"{name}{number}": [list(each)] for number, each in enumerate(effect)})


def test_the_area_is_the_mean_over_pairs_of_countries() -> None:
    own = {"A": [[1.0, 3.0, 3.0], [0.0, 2.0, 5.0]], "B": [[2.0], [2.0]]}
    other = {"X": [[1.0, 2.0], [2.0, 2.0]], "Y": [[4.0], [0.0]]}
    made = auc_estimate(rows(own), rows(other), "country", None, SPEC)
    by_seed = [
        np.mean(
            [
                np.mean([(a > b) + (a == b) / 2 for a in own[c][seed] for b in other[k][seed]])
                for c, k in itertools.product(own, other)
            ]
        )
        for seed in (0, 1)
    ]
    assert made.seed_values == pytest.approx(by_seed)
    assert made.estimate == pytest.approx(np.mean(by_seed))
    assert (made.n_items, made.n_clusters, made.n_seeds) == (4, 2, 2)
    assert "against 3 items of 2 clusters" in made.note


def test_ranks_alone_matter_and_swapping_the_groups_mirrors() -> None:
    rng = np.random.default_rng(0)
    x, y = drawn(rng, "a", 6, 0.7), drawn(rng, "b", 5)
    made = auc_estimate(x, y, "country", None, SPEC)
    grown = [table.assign(value=np.exp(table["value"])) for table in (x, y)]
    assert auc_estimate(*grown, "country", None, SPEC) == made
    assert auc_estimate(y, x, "country", None, SPEC).estimate == pytest.approx(1 - made.estimate)


def test_an_item_asked_twice_counts_no_more() -> None:
    own = {"A": [[0.1, 0.9]], "B": [[0.5]], "C": [[0.3]]}
    more = own | {"B": [[0.5, 0.5, 0.5, 0.5]]}
    other = rows({"X": [[0.2]], "Y": [[0.6]]})
    once = auc_estimate(rows(own), other, "country", None, SPEC)
    assert auc_estimate(rows(more), other, "country", None, SPEC).estimate == once.estimate


def test_full_separation_is_no_certainty() -> None:
    """8 against 5 countries apart: the end is that of 5 countries of which none deviates."""
    own = rows({f"a{n}": [[1.0]] for n in range(8)})
    other = rows({f"b{n}": [[0.0]] for n in range(5)})
    made = auc_estimate(own, other, "country", None, SPEC)
    assert (made.estimate, made.high) == (1.0, 1.0)
    assert made.low == pytest.approx(0.025 ** (1 / 5), abs=1e-6)


def test_the_interval_covers_half_where_nothing_differs() -> None:
    covered = 0
    for number in range(120):
        rng = np.random.default_rng(number)
        made = auc_estimate(drawn(rng, "a", 12), drawn(rng, "b", 10), "country", None, SPEC)
        covered += made.low <= 0.5 <= made.high
    assert 106 <= covered <= 120


def test_against_itself_the_difference_is_nothing_and_a_shift_is_found() -> None:
    rng = np.random.default_rng(1)
    own, other = drawn(rng, "a", 12, 2.5), drawn(rng, "b", 12)
    same = auc_estimate(own, other, "country", (own, other), SPEC)
    assert same.estimate == 0.0
    assert same.low < 0.0 < same.high
    mean = own.assign(value=own["value"] - 2.5)
    found = auc_estimate(own, other, "country", (mean, other), SPEC)
    level = auc_estimate(own, other, "country", None, SPEC).estimate
    assert found.estimate == pytest.approx(
        level - auc_estimate(mean, other, "country", None, SPEC).estimate
    )
    assert found.low > 0.0


def test_gaps_are_left_out_and_failures_refuse() -> None:
    own = rows({"A": [[0.9, 0.1]], "B": [[0.8]]})
    other = rows({"X": [[0.5]], "Y": [[0.4]]})
    hidden = own.assign(status=["ok", "unscorable", "ok"])
    assert auc_estimate(hidden, other, "country", None, SPEC).estimate == 1.0
    failed = own.assign(status=["ok", "failed", "ok"])
    refused = auc_estimate(failed, other, "country", None, SPEC)
    assert np.isnan(refused.estimate)
    assert "failed" in refused.note
    with pytest.raises(ValueError, match="same pairs and seeds"):
        auc_estimate(own, other.assign(seed=3), "country", None, SPEC)


def test_seeds_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    base = rng.normal(size=20)
    other = rows({f"b{n}": [[v]] * 3 for n, v in enumerate(rng.normal(size=20))})

    def of(shifts: tuple[float, ...]) -> float:
        own = rows({f"a{n}": [[v + s] for s in shifts] for n, v in enumerate(base)})
        made = auc_estimate(own, other, "country", None, SPEC)
        return made.high - made.low

    assert of((-1.0, 0.0, 1.0)) > 1.3 * of((0.0, 0.0, 0.0))


def test_the_distance_of_a_model_from_itself_and_from_a_stranger() -> None:
    own = rows({f"a{n}": [[0.1 * n, 0.05 * n]] for n in range(9)})
    same = ks_estimate(own, "country", own, SPEC)
    assert (same.estimate, same.low, same.high) == (0.0, 0.0, 0.0)
    assert "p = 1 by 9 clusters" in same.note
    far = ks_estimate(own.assign(value=own["value"] + 5), "country", own, SPEC)
    assert far.estimate == 1.0
    # Of the 2^9 exchanges only the two that move all countries one way reach it.
    p = float(far.note.split("p = ")[1].split(" ")[0])
    assert p == pytest.approx(2 / 512, abs=0.006)


def test_the_distance_weighs_countries_alike_and_averages_seeds() -> None:
    own = rows({"A": [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], "B": [[1.0], [1.0]]})
    other = rows({"A": [[1.0, 1.0, 1.0]] * 2, "B": [[1.0]] * 2})
    made = ks_estimate(own, "country", other, SPEC)
    assert made.seed_values == pytest.approx((0.5, 0.0))
    assert made.estimate == pytest.approx(0.25)
    assert "4 items independent" in made.note


def test_p_of_equal_models_is_not_small_too_often() -> None:
    small = 0
    for number in range(40):
        rng = np.random.default_rng(number)
        own = drawn(rng, "a", 10)
        noise = own.assign(value=own["value"] + rng.normal(size=len(own)))
        back = own.assign(value=own["value"] + rng.normal(size=len(own)))
        note = ks_estimate(noise, "country", back, SPEC).note
        small += float(note.split("p = ")[1].split(" ")[0]) <= 0.1
    assert small <= 10
