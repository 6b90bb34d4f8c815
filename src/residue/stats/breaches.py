"""Bounds on how often a defence is broken, and exact tests between two of them.

A unit (a country, a template of attack, a family) is broken if any of its attacks succeeds. The
bound then holds for a further unit of that kind, and for the chance of a single attack on it too,
which is no larger.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from residue.stats.intervals import Interval, as_values, clopper_pearson


def broken(breaches: ArrayLike, units: ArrayLike, level: float = 0.95) -> Interval:
    """Share of units in which anything was breached, exact (Clopper and Pearson 1934).

    breaches: (attacks,) above 0 where one succeeded; units: (attacks,) labels.
    """
    values, labels = as_values(breaches), np.asarray(units)
    if labels.shape != values.shape:
        raise ValueError(f"{values.size} breaches need as many units, got {labels.size}")
    hit = set(labels[values > 0].tolist())
    return clopper_pearson(len(hit), len(set(labels.tolist())), level)


def any_of(hits: int, attacks: int, k: int) -> float:
    """Chance that k attacks, drawn without return from `attacks` of which `hits` succeed, hold a
    success: 1 - C(attacks - hits, k) / C(attacks, k). It grows with k, so k belongs beside it."""
    if not 0 <= hits <= attacks or not 1 <= k <= attacks:
        raise ValueError(f"need 0 <= hits <= attacks and 1 <= k <= attacks, got {hits, attacks, k}")
    return 1.0 - math.comb(attacks - hits, k) / math.comb(attacks, k)


def sign_test(differences: ArrayLike) -> float:
    """Two-sided exact p-value that units differ to either side alike; ties say nothing.

    For one item per unit and differences of -1, 0 and 1 it is McNemar's exact test. Small p-values
    are doubled tails of Binomial(n, 1/2), at most 1.
    """
    values = as_values(differences)
    up, down = int((values > 0).sum()), int((values < 0).sum())
    if up == down:
        return 1.0
    return min(1.0, 2.0 * float(special.bdtr(min(up, down), up + down, 0.5)))


def worst(intervals: list[Interval]) -> Interval:
    """Interval of the greatest of several shares, from intervals that hold all at once."""
    if not intervals:
        raise ValueError("the worst of none is undefined; leave the row out")
    top = max(intervals, key=lambda each: each.estimate)
    low, high = (max(getattr(each, end) for each in intervals) for end in ("low", "high"))
    return Interval(top.estimate, low, high, top.level, "greatest of all at once", top.n)
