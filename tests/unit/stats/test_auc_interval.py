"""AUC estimates: the point by definition, the interval by simulation and at its limits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.specs.statistics import StatisticsSpec
from residue.stats.auc_interval import auc_estimate

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
    own, other = drawn(rng, "a", 20, 2.5), drawn(rng, "b", 20)
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


def test_item_by_item_the_reference_takes_away_what_items_share() -> None:
    """Hard and easy items in both groups hide a shift that the differences show whole."""
    level = {f"a{n}": [[float(n)]] for n in range(6)}
    other = {f"b{n}": [[float(n)]] for n in range(6)}
    own = rows({name: [[items[0][0] + 0.1]] for name, items in level.items()})
    plain = auc_estimate(own, rows(other), "country", None, SPEC)
    assert plain.estimate < 0.6
    reference = (rows(level), rows(other))
    made = auc_estimate(own, rows(other), "country", reference, SPEC, itemwise=True)
    assert made.estimate == 1.0
    assert made.high == 1.0


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


def test_an_item_without_a_value_on_one_side_counts_on_neither() -> None:
    own = rows({"A": [[0.9, 0.0]], "B": [[0.8]]})
    other = rows({"X": [[0.5]], "Y": [[0.4]]})
    hidden = own.assign(status=["ok", "unscorable", "ok"])
    made = auc_estimate(own, other, "country", (hidden, other), SPEC)
    assert made.estimate == 0.0
    assert (made.n_items, made.n_unscorable) == (2, 1)
