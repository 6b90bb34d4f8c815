"""How much of the reference's level is left: a ratio of two means, with its interval.

Of model values and reference values in [0, 1] on the same items the estimate is the ratio of their
means over clusters. Its ends are those of the two means set against each other, low / high and high
/ low: no share outside of them agrees with both intervals. So it ends where the exact bound does
when nothing deviates, needs no logarithm at nothing left, and has no upper end where the reference
itself may be 0. At worst it errs twice as often on a side as either mean's does (Bonferroni);
where the two move together, as those of paired items do, it is wider than Fieller's. That one asks
whether 0 lies in the t interval of model - c reference, which does not see the few clusters that
keep what all others lost (`benchmarks/share_coverage.py`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from residue.specs.statistics import StatisticsSpec
from residue.stats.estimands import (
    Estimate,
    counts_of,
    note_of,
    points,
    refusal,
    refused,
    table_interval,
)
from residue.stats.tables import matching, paired, tabulate

if TYPE_CHECKING:
    import pandas as pd

NO_END = "no upper end: the reference may be 0"


def share_estimate(
    rows: pd.DataFrame, unit: str, reference: pd.DataFrame, spec: StatisticsSpec
) -> Estimate:
    """Mean of the model's values over mean of the reference's; tables as for `estimate`.

    Refused where the reference is 0 on every item. ValueError for values outside [0, 1].
    """
    table, other = tabulate(rows, unit, "the arm"), tabulate(reference, unit, "the reference")
    both = paired(table, other)
    scored = both.weights > 0.0
    ours = replace(both, values=np.where(scored, table.values, 0.0))
    theirs = replace(both, values=np.where(scored, other.values[matching(table, other)], 0.0))
    for side in (ours, theirs):
        outside = side.values[(side.values < 0.0) | (side.values > 1.0)]
        if outside.size:
            raise ValueError(f"a share left is of values in [0, 1], found {outside[0]}")
    reason = refusal(both)
    if not reason and not theirs.values.any():
        reason = "the reference is 0 on every item, so there is nothing to be left of"
    if reason:
        return refused(both, "share_left", spec.level, reason)
    own, against = (table_interval(side, (0.0, 1.0), spec) for side in (ours, theirs))
    high = own.high / against.low if against.low > 0.0 else math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.divide(points(ours), points(theirs))
    return Estimate(
        statistic="share_left",
        estimate=own.estimate / against.estimate,
        low=own.low / against.high,
        high=high,
        level=spec.level,
        **counts_of(both),
        seed_values=tuple(float(value) for value in each),
        method=f"ends of two means: {own.method}; of the reference: {against.method}",
        note="; ".join(filter(None, [NO_END if math.isinf(high) else "", note_of(both)])),
    )
