"""Two runs on the same items: by how much each estimand changed, item by item.

Of every estimand that is compared with nothing, the second run's values minus the first's, paired
by item and seed, with the interval that `residue.stats` gives a difference from a reference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from residue.report.estimates import estimates
from residue.specs.claims import EstimandSpec
from residue.specs.statistics import StatisticsSpec

STATISTICS = ("rate", "mean", "perplexity")
REFERENCE = "base"
"""The name under which the first run's arm stands beside the second's."""


@dataclass(frozen=True)
class Run:
    """What one run measured."""

    measurements: pd.DataFrame
    items: pd.DataFrame
    known: pd.DataFrame


def paired_differences(
    before: Run,
    after: Run,
    estimands: Mapping[str, EstimandSpec],
    statistics: StatisticsSpec,
) -> pd.DataFrame:
    """After minus before, a ratio for perplexity: a row like those of `estimates` for each arm of
    both runs, on the items that both asked in the same words and, where an estimand keeps only
    known facts, that both bases know. Seeds that one run alone has are left out.
    """
    items = _shared_items(before.items, after.items)
    known = before.known.merge(after.known[["pair", "item", "known"]], on=["pair", "item"])
    known = known.assign(known=known["known_x"].astype(bool) & known["known_y"].astype(bool))
    asked = {
        name: dataclasses.replace(spec, reference="base", reference_condition="same")
        for name, spec in estimands.items()
        if spec.reference == "none" and spec.statistic in STATISTICS
    }
    sides = [
        run.measurements[run.measurements["item"].isin(items["item"])] for run in (before, after)
    ]
    arms = [arm for arm in sides[1]["arm"].unique() if arm in set(sides[0]["arm"])]
    old, new = sides
    tables = [
        _of_arm(old[old["arm"] == arm], new[new["arm"] == arm], items, known, asked, statistics)
        for arm in arms
    ]
    tables = [table.assign(arm=arm) for arm, table in zip(arms, tables, strict=True)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _of_arm(
    old: pd.DataFrame,
    new: pd.DataFrame,
    items: pd.DataFrame,
    known: pd.DataFrame,
    asked: Mapping[str, EstimandSpec],
    statistics: StatisticsSpec,
) -> pd.DataFrame:
    keys = ["metric", "condition", "pair", "seed", "item", "row"]
    old, new = _in(old, new, keys), _in(new, old, keys)
    both = pd.concat([old.assign(arm=REFERENCE), new.assign(arm="now")], ignore_index=True)
    table = estimates(both, items, known, asked, statistics)
    return table[table["n_items"] > 0]


def _in(rows: pd.DataFrame, others: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows whose keys the others have too."""
    return rows[pd.MultiIndex.from_frame(rows[keys]).isin(pd.MultiIndex.from_frame(others[keys]))]


def _shared_items(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    same = after.merge(before[["item", "prompt"]], on=["item", "prompt"], how="inner")
    return after[after["item"].isin(same["item"])].reset_index(drop=True)
