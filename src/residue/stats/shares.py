"""How much of the reference's level is left: a ratio of two means, with its interval.

Of model values a and reference values r in [0, 1] on the same items the estimate is mean a / mean
r, means over clusters of each one's mean. A share c belongs to the interval where 0 belongs to that
of the mean of a - c r (Fieller 1954, Supplement to the Journal of the Royal Statistical Society
7:1, with the intervals of `residue.stats.estimands` in place of Student's): so the ratio covers
as often as they do, needs no logarithm at nothing left, and is exact where no cluster deviates. It
has no upper end where the reference itself may be 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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
from residue.stats.intervals import Interval
from residue.stats.tables import Table, matching, paired, tabulate

if TYPE_CHECKING:
    import pandas as pd

NO_END = "no upper end: the reference may be 0"
LARGEST = 2.0**20
"""Shares above this are taken for infinite."""


def share_estimate(
    rows: pd.DataFrame, unit: str, reference: pd.DataFrame, spec: StatisticsSpec
) -> Estimate:
    """Mean of the model's values over mean of the reference's; tables as for `estimate`.

    Refused where the reference is 0 on every item. ValueError for values outside [0, 1].
    """
    table, other = tabulate(rows, unit, "the arm"), tabulate(reference, unit, "the reference")
    both = paired(table, other)
    theirs = replace(both, values=other.values[matching(table, other)] * (both.weights > 0.0))
    ours = replace(both, values=table.values * (both.weights > 0.0))
    for side in (ours, theirs):
        outside = side.values[(side.values < 0.0) | (side.values > 1.0)]
        if outside.size:
            raise ValueError(f"a share left is of values in [0, 1], found {outside[0]}")
    reason = refusal(both)
    if not reason and not theirs.values.any():
        reason = "the reference is 0 on every item, so there is nothing to be left of"
    if reason:
        return refused(both, "share_left", spec.level, reason)

    def beyond(share: float) -> Interval:
        """Interval of the mean of a - share r."""
        gap = replace(both, values=ours.values - share * theirs.values)
        return table_interval(gap, (-share, 1.0), spec)

    plain = table_interval(ours, (0.0, 1.0), spec)
    point = plain.estimate / table_interval(theirs, (0.0, 1.0), spec).estimate
    at_point = beyond(point)
    high = _upper(both, theirs, spec, beyond, point)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.divide(points(ours), points(theirs))
    return Estimate(
        statistic="share_left",
        estimate=point,
        low=_crossing(lambda share: beyond(share).low, 0.0, point),
        high=high,
        level=spec.level,
        **counts_of(both),
        seed_values=tuple(float(value) for value in each),
        method=f"Fieller; {at_point.method}",
        note="; ".join(filter(None, [NO_END if math.isinf(high) else "", note_of(both)])),
    )


def _upper(
    both: Table,
    theirs: Table,
    spec: StatisticsSpec,
    beyond: Callable[[float], Interval],
    point: float,
) -> float:
    """Largest share that the data allow; infinite where the reference's own interval holds 0."""
    if table_interval(theirs, (0.0, 1.0), spec).low <= 0.0:
        return math.inf
    top = max(1.0, 2.0 * point)
    while beyond(top).high >= 0.0:
        top *= 2.0
        if top > LARGEST:
            return math.inf
    return _crossing(lambda share: beyond(share).high, point, top)


def _crossing(end: Callable[[float], float], left: float, right: float) -> float:
    """Where an end of the interval of a - c r falls through 0 between two shares c."""
    from scipy.optimize import brentq

    if left >= right or end(left) <= 0.0:
        return left
    if end(right) >= 0.0:
        return right
    return float(brentq(end, left, right, xtol=1e-7))
