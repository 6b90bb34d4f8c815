"""How far the law of what comes of an item under attack lies from its law without: the largest
change that any event can have, from paired counts, with a bound that holds for finite samples.

For laws P under attack and Q without it, any event A has P(A) <= Q(A) + TV(P, Q), where
TV = 1/2 sum_k |p_k - q_k| = max_A P(A) - Q(A). On judged outcomes it is no larger than on whole
replies (data processing), and enough for every event that can be told from the outcome.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from residue.stats.bounded import bounded_mean
from residue.stats.intervals import Floats, Interval, check_level


def total_variation(attacked: Floats, clean: Floats, level: float = 0.95) -> Interval:
    """Total variation of two laws of k outcomes from n paired units, arrays (n, k) of shares.

    Each event's change is a mean over units of differences in [-1, 1] with an exact bound; the
    2^(k-1) - 1 events (an event and its complement change alike) share the error (Bonferroni), and
    the interval is that of the greatest change. Pairing keeps what both laws share out of it.
    """
    tail = check_level(level)
    if attacked.shape != clean.shape or attacked.ndim != 2 or not len(attacked):
        raise ValueError(
            f"expected two arrays (units, outcomes) of one shape, got {attacked.shape} and "
            f"{clean.shape}"
        )
    for shares in (attacked, clean):
        if (shares < 0).any() or not np.allclose(shares.sum(axis=1), 1.0):
            raise ValueError("the shares of a unit's outcomes must not be negative and add up to 1")
    change = attacked - clean
    n, k = change.shape
    # Events without the last outcome: the others are their complements.
    events = [event for size in range(1, k) for event in combinations(range(k - 1), size)]
    shared = 1.0 - 2.0 * tail / len(events)
    low, high = 0.0, 0.0
    for event in events:
        moved = np.clip(change[:, list(event)].sum(axis=1), -1.0, 1.0)
        made = bounded_mean(moved, (-1.0, 1.0), shared)
        low = max(low, made.low, -made.high)
        high = max(high, made.high, -made.low)
    point = float(0.5 * np.abs(change.mean(axis=0)).sum())
    method = f"exact bounds on {n} paired clusters, {len(events)} events at once"
    return Interval(point, low, min(high, 1.0), level, method, n)
