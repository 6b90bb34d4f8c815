"""How many items have their answer come first at which row of each arm."""

from __future__ import annotations

import pandas as pd

from residue.measure.metrics.first_rank_row import NEVER

METRIC = "first_rank_row"


def first_row_counts(measurements: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Counts for `figures.first_rows`: arm, row (null where the answer comes first nowhere), n.

    Facts of trained countries in training templates, over all seeds; empty where `first_rank_row`
    was not measured.
    """
    asked = items[(items["family"] == "seen") & (items["style"] == "plain")]
    asked = asked.loc[asked["split"] != "never_seen", ["item"]]
    mine = measurements[measurements["metric"] == METRIC].merge(asked, on="item")
    mine = mine[(mine["status"] == "ok") | (mine["reason"] == NEVER)]
    counts = mine.groupby(["arm", "value"], sort=False, dropna=False).size()
    return counts.rename("n").reset_index().rename(columns={"value": "row"})
