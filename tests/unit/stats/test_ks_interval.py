"""The distance between two models: by definition, by hand, and by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.specs.statistics import StatisticsSpec
from residue.stats.ks_interval import ks_estimate

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
