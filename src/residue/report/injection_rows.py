"""Rows of the injection table: numbers and counts by column, gaps filled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from residue.specs.statistics import StatisticsSpec
from residue.stats.attainability import attainable_margin
from residue.stats.estimands import Estimate, estimate
from residue.stats.intervals import Interval

COLUMNS = (
    "arm", "measure", "slice", "reference", "generalises", "estimate", "low", "high", "level",
    "attainable", "k", "p", "p_holm", "attackable", "held_out", "n_items", "n_clusters", "n_broken",
    "n_seeds", "n_pairs", "n_unscorable", "seed_values", "method", "note",
)  # fmt: skip
_COUNTS = ("n_items", "n_clusters", "n_seeds", "n_pairs", "n_unscorable")


def estimated(
    own: pd.DataFrame, base: pd.DataFrame | None, statistic: str, statistics: StatisticsSpec
) -> Estimate:
    """The estimate of rows by country; one without counts where there are none."""
    if not len(own) or (base is not None and not len(base)):
        nothing = dict.fromkeys(_COUNTS, 0)
        why = "no such item was measured"
        missing = (math.nan, math.nan, math.nan, statistics.level)
        return Estimate(statistic, *missing, **nothing, seed_values=(), method="none", note=why)
    return estimate(own, "country", base, statistic, statistics)


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a value."""
    return rows[rows["status"] == "ok"]


def numbers(made: Estimate) -> dict[str, Any]:
    """Columns of an estimate."""
    taken = ("estimate", "low", "high", *_COUNTS, "method", "note")
    return {name: getattr(made, name) for name in taken} | {"seed_values": list(made.seed_values)}


def ends(made: Interval) -> dict[str, Any]:
    """Columns of an interval."""
    return {name: getattr(made, name) for name in ("estimate", "low", "high", "method")}


def attainable(n: int, statistics: StatisticsSpec) -> float:
    """Upper end if nothing happened in n units; missing where there are none."""
    return attainable_margin(n, level=statistics.level) if n else math.nan


def whole(row: Mapping[str, Any], statistics: StatisticsSpec) -> dict[str, Any]:
    """A row with all columns, empty where nothing was said."""
    empty = dict.fromkeys(("estimate", "low", "high", "attainable", "p", "p_holm"), math.nan)
    counts = dict.fromkeys((*_COUNTS, "k", "n_broken"), 0)
    words = {"slice": "", "reference": "none", "generalises": "", "method": "none", "note": ""}
    rest = {"level": statistics.level, "attackable": True, "held_out": False, "seed_values": []}
    return empty | counts | words | rest | dict(row)
