"""Points are seeds of edits; the correlation is of ranks, its interval of edits."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from residue.report.relearning import COLUMNS, relearning_table
from residue.specs.statistics import StatisticsSpec
from residue.stats.ranks import ranks, spearman, spearman_interval


def test_ranks_and_correlation_are_those_of_scipy() -> None:
    rng = np.random.default_rng(5)
    for n in (3, 8, 40):
        x, y = rng.integers(0, 6, n).astype(float), rng.normal(size=n)
        assert list(ranks(x)) == list(stats.rankdata(x))
        if np.ptp(x):
            assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert math.isnan(spearman([1.0, 1.0], [0.0, 3.0]))


def test_seeds_of_one_edit_make_no_interval_shorter() -> None:
    x, y = [0.1, 0.5, 0.9, 0.4], [0.2, 0.4, 0.8, 0.5]
    rng = np.random.default_rng
    once = spearman_interval(x, y, list("abcd"), rng(0))
    many = spearman_interval(np.repeat(x, 50), np.repeat(y, 50), list(np.repeat(list("abcd"), 50)),
                             rng(0))  # fmt: skip
    assert (many.low, many.high) == pytest.approx((once.low, once.high), abs=0.05)
    few = spearman_interval(x, y, list("aabb"), rng(0))
    assert (few.low, few.high, few.n) == (-1.0, 1.0, 2)


def recovered(arm: str, start: list[float], area: list[float]) -> list[dict]:
    head = {"attack": "relearn", "arm": arm}
    return [
        head | {"measure": "recovery", "condition": "plain", "seed_values": start},
        head | {"measure": "recovery", "condition": "relearn_9", "seed_values": area},
        head | {"measure": "area", "condition": "relearn_9", "seed_values": area},
    ]


def inside(arm: str, values: list[float]) -> dict:
    return {"estimand": "lens_recall", "arm": arm, "condition": "plain", "seed_values": values}


def test_what_was_never_forgotten_is_no_relearning() -> None:
    recovery = pd.DataFrame(
        recovered("kept", [0.9, 0.9], [0.9, 0.9])
        + recovered("hidden", [0.0], [0.6])
        + recovered("gone", [0.0], [0.0])
    )
    estimates = pd.DataFrame(
        [inside("base", [1.0]), inside("kept", [1.0, 1.0]), inside("hidden", [0.9]),
         inside("gone", [0.2])]
    )  # fmt: skip
    table = relearning_table(estimates, recovery, StatisticsSpec())
    assert list(table.columns) == list(COLUMNS)
    models = table[table["what"] == "model"]
    gains = models.groupby("arm")["gain"].max()
    assert dict(gains.round(9)) == {"gone": 0.0, "hidden": 0.6, "kept": 0.0}
    assert "base" not in set(models["arm"])
    line = table[table["what"] == "correlation"].iloc[0]
    assert (line["n_arms"], line["n_points"]) == (3, 4)
    assert line["low"] <= line["estimate"] <= line["high"]


def test_without_curves_there_is_nothing_to_relate() -> None:
    recovery = pd.DataFrame(recovered("npo", [0.0], [0.5]))
    flat = recovery[recovery["measure"] == "recovery"]
    table = relearning_table(pd.DataFrame([inside("npo", [0.5])]), flat, StatisticsSpec())
    assert table.empty
    assert list(table.columns) == list(COLUMNS)


def test_what_was_not_read_inside_has_no_points() -> None:
    """A run without lenses has a line for the estimand and no value of it."""
    recovery = pd.DataFrame(
        recovered("one", [0.0], [0.6]) + recovered("other", [0.0, 0.1], [0.2, 0.3])
    )
    estimates = pd.DataFrame([inside("one", []), inside("other", [])])
    made = relearning_table(estimates, recovery, StatisticsSpec())
    assert made.empty
    assert tuple(made.columns) == COLUMNS
