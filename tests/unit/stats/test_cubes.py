from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from residue.specs.statistics import StatisticsSpec
from residue.stats.bands import Resamples, band
from residue.stats.cubes import country_means, cube
from residue.stats.estimands import estimate


def long_table(seeds: int, pairs: int = 1, seed: int = 0) -> pd.DataFrame:
    """Rows 0-2 of nine items of three countries, some of them without a value."""
    rng = np.random.default_rng(seed)
    lines = [
        {"pair": pair, "seed": number, "row": row, "item": f"i{item}",
         "country": "ABC"[item % 3 if item < 7 else 0], "value": rng.random()}
        for pair in range(pairs) for number in range(seeds) for row in range(3)
        for item in range(9)
    ]  # fmt: skip
    table = pd.DataFrame(lines)
    table.loc[(table["item"] == "i4") & (table["seed"] == 0), "value"] = np.nan
    return table


@pytest.mark.parametrize("seeds", [1, 3])
def test_country_means_are_those_of_the_estimands(seeds: int) -> None:
    table = long_table(seeds)
    made = cube(table, "value")
    countries = table.drop_duplicates("item").set_index("item")["country"]
    totals, weights, n_items = country_means(made, countries[list(made.items)].to_numpy())
    assert n_items == (8 if seeds == 1 else 9)
    for number, row in enumerate(made.rows):
        part = table[table["row"] == row].assign(
            weight=1.0, status=lambda t: np.where(t["value"].isna(), "unscorable", "ok")
        )
        other = estimate(part, "country", None, "mean", StatisticsSpec())
        assert totals[number].sum() / weights[number].sum() == pytest.approx(other.estimate)
    drawn = Resamples.of(np.random.default_rng(0), totals.shape, 1000)
    assert band(totals, weights, drawn).estimate[0] == pytest.approx(
        totals[0].sum() / weights[0].sum()
    )


def test_a_difference_from_itself_is_nothing_and_pairs_meet_their_own_reference() -> None:
    edited, base = cube(long_table(3, pairs=2), "value"), cube(long_table(1, pairs=2), "value")
    assert np.nanmax(np.abs(edited.minus(base).by_pair().values)) > 0
    own = base.minus(base).values
    assert np.nanmax(np.abs(own)) == 0
    assert edited.minus(base).by_pair().replicates == ((0, 0), (1, 0))
    first = edited.values[0, 1] - base.values[0, 0]
    assert edited.minus(base).values[0, 1] == pytest.approx(first, nan_ok=True)


def test_a_reference_without_the_pair_is_refused() -> None:
    edited, base = cube(long_table(1, pairs=2), "value"), cube(long_table(1), "value")
    with pytest.raises(ValueError, match="lacks"):
        edited.minus(base)


def test_items_that_are_not_there_are_gaps() -> None:
    made = cube(long_table(1), "value").take(pd.Index(["i2", "elsewhere"]))
    assert np.isfinite(made.values[:, :, 0]).all()
    assert np.isnan(made.values[:, :, 1]).all()
