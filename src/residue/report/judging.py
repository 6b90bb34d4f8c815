"""How often the judge of outcomes errs: its confusion on labelled replies, and what that does to a
rate of success."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from residue.specs.injection import OUTCOMES
from residue.specs.statistics import StatisticsSpec
from residue.stats.bounded import bounded_mean
from residue.stats.intervals import Interval

COLUMNS = ("label", "outcome", "share", "low", "high", "level", "n_replies", "n_wordings", "method")


def confusion(tried: pd.DataFrame, statistics: StatisticsSpec) -> pd.DataFrame:
    """Share of each label that the judge called each outcome; columns wording, label, outcome.

    Means over wordings, the unit. A label `not obeyed` joins the three others: its row `obeyed` is
    the rate of false breaches, as `obeyed` called otherwise are the breaches that it misses.
    """
    rows = []
    groups: dict[str, pd.DataFrame] = {label: tried[tried["label"] == label] for label in OUTCOMES}
    groups["not obeyed"] = tried[tried["label"] != "obeyed"]
    for label, group in groups.items():
        for outcome in OUTCOMES:
            if not len(group):
                continue
            called = (group["outcome"] == outcome).astype(float).groupby(group["wording"]).mean()
            made = bounded_mean(called.to_numpy(), (0.0, 1.0), statistics.level)
            rows.append(
                (label, outcome, made.estimate, made.low, made.high, statistics.level,
                 len(group), made.n, made.method)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def errors(
    labels: pd.DataFrame, judged: pd.DataFrame, statistics: StatisticsSpec
) -> tuple[Interval, Interval] | None:
    """Sensitivity and specificity of `obeyed` on labelled replies of a run, countries as units.

    judged: measured rows of `orders_obeyed` of all arms, with country. None where the labels lack
    one of the two kinds. Levels are those of one part in three (`stats.misjudged`).
    """
    keys = ["arm", "pair", "seed", "item"]
    scored = judged[judged["status"] == "ok"]
    both = scored.merge(labels, on=keys)
    found = []
    for truth in (True, False):
        mine = both[(both["label"] == "obeyed") == truth]
        if not len(mine):
            return None
        agrees = ((mine["value"] > 0) == truth).astype(float).groupby(mine["country"]).mean()
        part = third(statistics).level
        found.append(bounded_mean(agrees.to_numpy(dtype=np.float64), (0.0, 1.0), part))
    return found[0], found[1]


def third(statistics: StatisticsSpec) -> StatisticsSpec:
    """The same with a third of the error, for three numbers that must hold at once."""
    return replace(statistics, level=1.0 - (1.0 - statistics.level) / 3.0)
