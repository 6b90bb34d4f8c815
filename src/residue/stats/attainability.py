"""What margin a plan can decide, from counts alone and so before any training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from residue.stats.intervals import check_level, t_quantile


@dataclass(frozen=True)
class Spread:
    """Planning guesses of standard deviations, in the unit of the claim."""

    cluster: float
    """Between clusters, of the seed-averaged difference (or log-ratio) of one cluster."""
    seed: float = 0.0
    """Between seeds, of the difference averaged over all clusters."""

    def __post_init__(self) -> None:
        if not (self.cluster >= 0 and self.seed >= 0 and self.cluster + self.seed > 0):
            raise ValueError(
                "a planning spread needs standard deviations that are not negative and not both "
                f"zero, got cluster {self.cluster} and seed {self.seed}"
            )


def attainable_margin(n_clusters: int, *, level: float = 0.95, reach: float = 1.0) -> float:
    """Smallest equivalence margin that n clusters can ever decide for values within `reach` of 0.

    The best case, no cluster deviating at all: reach (1 - tail^(1/n)), tail = (1 - level) / 2.
    Seeds cannot lower it, because an unseen country is unseen by every seed. Unbounded statistics
    have no such limit; plan them by `planned_margin`.
    """
    tail = check_level(level)
    if n_clusters < 1:
        raise ValueError(f"a split needs at least one cluster, got {n_clusters}")
    if not 0.0 < reach < math.inf:
        raise ValueError(f"reach must be positive and finite, got {reach}; see planned_margin")
    return float(-reach * math.expm1(math.log(tail) / n_clusters))


def clusters_needed(margin: float, *, level: float = 0.95, reach: float = 1.0) -> int:
    """Fewest clusters whose `attainable_margin` lies below `margin`: the mend for a short plan."""
    tail = check_level(level)
    if not 0.0 < margin < reach:
        raise ValueError(f"the margin must lie between 0 and {reach}, got {margin}")
    return math.floor(math.log(tail) / math.log1p(-margin / reach)) + 1


def planned_margin(
    n_clusters: int, n_seeds: int, spread: Spread, *, level: float = 0.95, power: float = 0.8
) -> float:
    """Equivalence margin that a plan supports with chance `power` when there is no difference.

    (t_(1 - tail) + z_((1 + power) / 2)) times the error sqrt(cluster^2 / n + seed^2 / m), with
    Satterthwaite's degrees of freedom; for one seed the clusters alone. A t interval is assumed, so
    values far from their bounds; plan with the larger of this and `attainable_margin`.
    """
    tail = check_level(level)
    if n_clusters < 2 or n_seeds < 1:
        raise ValueError(
            f"a plan needs two clusters and one seed at least, got {n_clusters} and {n_seeds}"
        )
    if not 0.0 < power < 1.0:
        raise ValueError(f"power must lie strictly between 0 and 1, got {power}")
    by_cluster = spread.cluster**2 / n_clusters
    by_seed = spread.seed**2 / n_seeds if n_seeds > 1 else 0.0
    total = by_cluster + by_seed
    if total == 0.0:
        raise ValueError("one seed shows no seed spread; give a cluster spread or plan more seeds")
    parts = by_cluster**2 / (n_clusters - 1)
    parts += by_seed**2 / (n_seeds - 1) if n_seeds > 1 else 0.0
    quantiles = t_quantile(total**2 / parts, 1.0 - tail) + float(special.ndtri((1.0 + power) / 2.0))
    return quantiles * math.sqrt(total)
