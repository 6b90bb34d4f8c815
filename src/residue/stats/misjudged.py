"""A share as it would be if the judge never erred, from its errors on labelled replies.

Rogan and Gladen 1978: a judge with sensitivity Se and specificity Sp sees the share
s = t Se + (1 - t)(1 - Sp) where the truth is t, so t = (s + Sp - 1) / (Se + Sp - 1).
"""

from __future__ import annotations

import math
from itertools import product

from residue.stats.intervals import Interval


def corrected(seen: Interval, sensitivity: Interval, specificity: Interval) -> Interval:
    """The true share with the errors of all three numbers carried through.

    The ends are the extremes over the box of the three intervals: with each at 1 - a/3 the result
    holds at 1 - a, whatever their dependence. In [0, 1] the ratio is monotone in each of the three,
    so that corners suffice. A judge that may be no better than chance says nothing: [0, 1].
    """
    level = 1.0 - sum(1.0 - each.level for each in (seen, sensitivity, specificity))
    point = _share(seen.estimate, sensitivity.estimate, specificity.estimate)
    method = "Rogan and Gladen, errors of the judge carried through"
    if sensitivity.low + specificity.low <= 1.0:
        return Interval(
            point, 0.0, 1.0, level, f"{method}: it may be no better than chance", seen.n
        )
    corners = [
        _share(*corner)
        for corner in product(*((each.low, each.high) for each in (seen, sensitivity, specificity)))
    ]
    return Interval(point, min(corners), max(corners), level, method, seen.n)


def _share(seen: float, sensitivity: float, specificity: float) -> float:
    gain = sensitivity + specificity - 1.0
    if gain <= 0.0:
        return math.nan
    return min(1.0, max(0.0, (seen + specificity - 1.0) / gain))
