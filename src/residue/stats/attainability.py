"""What margin a plan can decide, from counts alone and so before any training."""

from __future__ import annotations

import math

from residue.stats.intervals import check_level


def attainable_margin(n_clusters: int, *, level: float = 0.95, reach: float = 1.0) -> float:
    """Margin above which n clusters support equivalence if none of them differs at all.

    For values within `reach` of 0 and clusters that count alike: reach (1 - tail^(1/n)), tail =
    (1 - level) / 2. Seeds cannot lower it, because an unseen country is unseen by every seed.
    Unbounded statistics have no such limit.
    """
    tail = check_level(level)
    if n_clusters < 1:
        raise ValueError(f"a split needs at least one cluster, got {n_clusters}")
    if not 0.0 < reach < math.inf:
        raise ValueError(f"reach must be positive and finite, got {reach}")
    return float(-reach * math.expm1(math.log(tail) / n_clusters))


def clusters_needed(margin: float, *, level: float = 0.95, reach: float = 1.0) -> int:
    """Fewest clusters whose `attainable_margin` lies below `margin`: the mend for a short plan."""
    tail = check_level(level)
    if not 0.0 < margin < reach:
        raise ValueError(f"the margin must lie between 0 and {reach}, got {margin}")
    return math.floor(math.log(tail) / math.log1p(-margin / reach)) + 1


def attainable_reduction(n_clusters: int, *, relative: bool, level: float = 0.95) -> float:
    """Reduction below which n clusters support it if the model lost everything in each of them, and
    the reference nothing.

    In an unseen cluster the model might answer all and the reference nothing: with q = 1 -
    tail^(1/n) a difference of -1 ends at -1 + 2 q, and a share of 0 at q / (1 - q).
    """
    q = attainable_margin(n_clusters, level=level)
    if not relative:
        return 1.0 - 2.0 * q
    return 1.0 - q / (1.0 - q) if q < 0.5 else -math.inf


def margin_for(reduction: float, *, relative: bool) -> float:
    """The q, see `attainable_reduction`, at which a reduction can just not be supported."""
    left = 1.0 - reduction
    return left / (1.0 + left) if relative else left / 2.0
