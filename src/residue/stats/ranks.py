"""Rank correlation of few groups of points, with an interval over the groups.

Spearman's rho is the correlation of ranks, ties sharing their mean rank: 1 where one value rises
whenever the other does, 0 without order (Spearman 1904).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.intervals import Floats, Interval, as_values, check_level

LEAST = 3
"""Fewer groups than this have no interval but the whole range."""


def ranks(values: ArrayLike) -> Floats:
    """Ranks from 1 on; ties share their mean."""
    x = as_values(values)
    ordered = np.sort(x)
    below = np.searchsorted(ordered, x, side="left")
    reached = np.searchsorted(ordered, x, side="right")
    return np.asarray((below + reached + 1) / 2.0, dtype=np.float64)


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Correlation of the ranks of x and y; NaN where either has no spread."""
    a, b = ranks(x), ranks(y)
    if a.shape != b.shape:
        raise ValueError(f"each point needs both values, got {a.size} and {b.size}")
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size else math.nan


def spearman_interval(
    x: ArrayLike,
    y: ArrayLike,
    group: Sequence[str],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    n_bootstrap: int = 2000,
) -> Interval:
    """`spearman` with a percentile interval from drawing groups, all points of a group together.

    Groups are edits and points their seeds: seeds of one edit say nothing about other edits. Draws
    in which nothing varies are left out; with fewer than `LEAST` groups the ends are -1 and 1.
    """
    tail = check_level(level)
    a, b, names = as_values(x), as_values(y), np.asarray(group)
    labels = list(dict.fromkeys(group))
    n, point = len(labels), spearman(a, b)
    if n < LEAST or math.isnan(point):
        return Interval(point, -1.0, 1.0, level, f"{n} groups, too few to resample", n)
    members = [np.flatnonzero(names == label) for label in labels]
    drawn = []
    for _ in range(n_bootstrap):
        chosen = np.concatenate([members[i] for i in rng.integers(0, n, n)])
        drawn.append(spearman(a[chosen], b[chosen]))
    kept = np.array(drawn)[~np.isnan(drawn)]
    low, high = np.quantile(kept, [tail, 1.0 - tail])
    return Interval(point, float(low), float(high), level, f"bootstrap of {n} groups", n)
