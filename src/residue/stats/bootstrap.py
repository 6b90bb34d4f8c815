"""Bootstrap: percentile and BCa for one list, hierarchical for seeds x clusters x items.

The run itself resamples seeds x clusters x items only; `percentile_interval` and `bca_interval`
are public, for one-level data of your own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from residue.stats.intervals import Floats, Integers, Interval, as_values, check_level, t_quantile

Statistic = Callable[[Floats], Floats]


def mean(samples: Floats) -> Floats:
    """Mean along the last axis, the form that every bootstrapped statistic has."""
    return np.asarray(samples.mean(axis=-1), dtype=np.float64)


def percentile_interval(
    values: ArrayLike,
    rng: np.random.Generator,
    *,
    statistic: Statistic = mean,
    level: float = 0.95,
    n_bootstrap: int = 4000,
) -> Interval:
    """Percentile bootstrap of independent values (Efron and Tibshirani 1993, chapter 13).

    Public: for one-level data; tables of seeds and countries go through `hierarchical_interval`.
    `statistic` maps (..., n) to (...). Constant values give a zero width and say so.
    """
    tail = check_level(level)
    x = as_values(values)
    point = float(statistic(x))
    if np.ptp(x) == 0.0:
        return _constant(point, level, x.size)
    low, high = np.quantile(_resampled(x, rng, statistic, n_bootstrap), [tail, 1.0 - tail])
    return Interval(point, float(low), float(high), level, "percentile bootstrap", x.size)


def bca_interval(
    values: ArrayLike,
    rng: np.random.Generator,
    *,
    statistic: Statistic = mean,
    level: float = 0.95,
    n_bootstrap: int = 4000,
) -> Interval:
    """Bias-corrected and accelerated bootstrap of independent values (Efron 1987).

    Public: for one-level data; tables of seeds and countries go through `hierarchical_interval`.
    Bias from the share of resamples below the point (ties count half), acceleration from the
    jackknife. An acceleration so large that a corrected percentile passes its pole ends at the
    extreme resample. Raises ValueError where every resample lies on one side of the point (a
    maximum, say): no bias correction exists there.
    """
    tail = check_level(level)
    x = as_values(values)
    point = float(statistic(x))
    if np.ptp(x) == 0.0:
        return _constant(point, level, x.size)
    resampled = _resampled(x, rng, statistic, n_bootstrap)
    below = float(((resampled < point).mean() + (resampled <= point).mean()) / 2.0)
    if not 0.0 < below < 1.0:
        raise ValueError(
            "every resample lies on one side of the point, so BCa is undefined for this statistic; "
            "use percentile_interval"
        )
    bias = float(special.ndtri(below))
    acceleration = _acceleration(x, statistic)
    shares = [bca_percentile(p, bias, acceleration) for p in (tail, 1.0 - tail)]
    low, high = np.quantile(resampled, shares)
    return Interval(point, float(low), float(high), level, "BCa bootstrap", x.size)


def bca_percentile(p: float, bias: float, acceleration: float) -> float:
    """Which percentile of the resamples BCa reads for the nominal p; always within [0, 1].

    Phi(z0 + (z0 + z_p) / (1 - a (z0 + z_p))), continued by its limit beyond the pole.
    """
    shift = bias + float(special.ndtri(p))
    scale = 1.0 - acceleration * shift
    if scale <= 0.0:
        return 1.0 if shift > 0.0 else 0.0
    return float(special.ndtr(bias + shift / scale))


def hierarchical_interval(
    values: Floats,
    weights: Floats,
    cluster: Integers,
    rng: np.random.Generator,
    *,
    df: float,
    level: float = 0.95,
    n_bootstrap: int = 4000,
    of: str = "seeds",
) -> Interval:
    """Weighted mean of a seeds x items table, resampling seeds, clusters, and items in clusters.

    `values`, `weights`: (seeds, items), weight 0 where nothing was scored. `cluster`: (items,)
    numbers 0 ... n - 1; `of` says what the
    lines are. Seeds and clusters are crossed, so they are drawn independently of each
    other (Owen 2007, "The pigeonhole bootstrap"); a cluster drawn twice draws its items twice
    over. Percentile ends at the tail that Student's t on `df` would need, since percentiles of few
    units are too narrow (Hesterberg 2015, "What teachers should know about the bootstrap").
    """
    drawn = hierarchical_draws(values, weights, cluster, rng, n_bootstrap)
    return hierarchical_ends(drawn, values, weights, cluster, df=df, level=level, of=of)


def hierarchical_ends(
    drawn: Floats,
    values: Floats,
    weights: Floats,
    cluster: Integers,
    *,
    df: float,
    level: float,
    of: str = "seeds",
) -> Interval:
    """The interval of `hierarchical_interval` from its draws, for any level."""
    quantile = t_quantile(df, 1.0 - check_level(level))
    tail = float(special.ndtr(-quantile * math.sqrt((df + 1.0) / df)))
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    point = float((weights * values).sum() / weights.sum())
    n_clusters = int(cluster.max()) + 1
    method = f"hierarchical bootstrap of {len(values)} {of}, {n_clusters} clusters and their items"
    return Interval(point, float(low), float(high), level, method, n_clusters, df=df)


def hierarchical_draws(
    values: Floats,
    weights: Floats,
    cluster: Integers,
    rng: np.random.Generator,
    n_bootstrap: int,
) -> Floats:
    """Means of resamples of `hierarchical_interval`; those in which nothing was scored are out."""
    seeds, n_clusters = values.shape[0], int(cluster.max()) + 1
    of_seed = rng.multinomial(seeds, np.full(seeds, 1.0 / seeds), size=n_bootstrap)
    of_cluster = rng.multinomial(n_clusters, np.full(n_clusters, 1.0 / n_clusters), n_bootstrap)
    top, bottom = np.zeros(n_bootstrap), np.zeros(n_bootstrap)
    for number in range(n_clusters):
        members = np.flatnonzero(cluster == number)
        chances = np.full(members.size, 1.0 / members.size)
        of_item = rng.multinomial(of_cluster[:, number] * members.size, chances)
        mass = weights[:, members]
        top += ((of_seed @ (mass * values[:, members])) * of_item).sum(axis=1)
        bottom += ((of_seed @ mass) * of_item).sum(axis=1)
    kept = bottom > 0.0
    return np.asarray(top[kept] / bottom[kept], dtype=np.float64)


def _resampled(
    x: Floats, rng: np.random.Generator, statistic: Statistic, n_bootstrap: int
) -> Floats:
    return statistic(x[rng.integers(0, x.size, (n_bootstrap, x.size))])


def _acceleration(x: Floats, statistic: Statistic) -> float:
    left_out = ~np.eye(x.size, dtype=bool)
    jackknife = statistic(np.broadcast_to(x, left_out.shape)[left_out].reshape(x.size, x.size - 1))
    deviation = jackknife.mean() - jackknife
    spread = float((deviation**2).sum())
    if spread == 0.0:
        return 0.0
    return float((deviation**3).sum()) / (6.0 * math.pow(spread, 1.5))


def _constant(point: float, level: float, n: int) -> Interval:
    return Interval(point, point, point, level, "constant values, no spread to resample", n)
