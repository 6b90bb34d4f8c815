"""The interval of a seeds x clusters table: its variance, degrees of freedom, and guard.

A table holds one total and one weight per seed and cluster; its estimate is total over weight, a
ratio, so clusters of unequal size and cells without a score need no special case. Both factors are
random: another seed could have been trained, another country could have been drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from residue.stats.bounded import bounded_mean
from residue.stats.intervals import Floats, Interval, check_level, t_quantile

FEW = 4
"""Up to this many deviating clusters the exact bound holds in full ..."""

ENOUGH = 8
"""... and from this many on the spread of the data is trusted; between them the ends glide."""

LIKE_FEW, LIKE_ENOUGH = 2.0, 5.0
"""The same for how many clusters of equal size would spread as much; both counts must suffice."""

SOUND = 1.0
"""Up to this half-width on the logit scale that scale is trusted for the ends, from twice it on no
longer; between them the ends glide."""


@dataclass(frozen=True)
class Components:
    """Standard error of a crossed mean, its degrees of freedom, and the part owed to seeds."""

    error: float
    df: float
    half: float
    seed_half: float


def crossed_interval(
    totals: Floats,
    weights: Floats,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
    of: str = "seeds",
) -> Interval:
    """Interval of sum(totals) / sum(weights) for tables of shape (seeds, clusters).

    Several seeds: Student's t on the two variance components (`components`). One seed: t on the
    clusters alone, which speaks of that checkpoint only. Within `bounds`, the least and greatest
    possible value, its ends are those of `ends`. `guarded` then widens intervals that few
    deviating clusters would make too short. `of` says in the method text what the lines are.
    """
    check_level(level)
    _check(totals, weights)
    seeds, clusters = totals.shape
    estimate = float(totals.sum() / weights.sum())
    if clusters == 1:
        reach = math.inf if bounds is None else 0.0
        plain = Interval(estimate, estimate - reach, estimate + reach, level, "one cluster", 1)
        return guarded(plain, totals, weights, bounds=bounds)
    table = linearised(totals, weights)
    if seeds == 1:
        error = float(table.std(ddof=1)) / math.sqrt(clusters)
        half = t_quantile(clusters - 1, (1.0 + level) / 2.0) * error
        method, df = f"t on {clusters} clusters, given this checkpoint", float(clusters - 1)
        seed_half = 0.0
    else:
        parts = components(table, level)
        half, df, seed_half = parts.half, parts.df, parts.seed_half
        method = f"t, Satterthwaite df {df:.1f} from {seeds} {of} and {clusters} clusters"
    low, high = ends(estimate, half, bounds)
    plain = Interval(estimate, low, high, level, method, clusters, df=df)
    return guarded(plain, totals, weights, bounds=bounds, seed_half=seed_half)


def ends(estimate: float, half: float, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """Ends of a t interval; between bounds, equally far on the logit scale where that is sound.

    Near a bound the mean of few clusters is skewed, and equal arms miss the truth twice as often on
    the inner side as they should (Korn and Graubard 1998 give the logit ends for surveys). Halfway
    between the bounds, where paired differences lie, the two forms agree. The logit form is the
    first order of a curve: where its arms are long it says nothing (three seeds of which two are at
    the bound would end at the other bound), so that it fades into equal arms, cut at the bounds.
    """
    low, high = estimate - half, estimate + half
    if bounds is None:
        return low, high
    low, high = max(low, bounds[0]), min(high, bounds[1])
    width = bounds[1] - bounds[0]
    # Change of the estimate per unit of logit, share (1 - share) width.
    slope = (estimate - bounds[0]) * (bounds[1] - estimate) / width
    if slope <= 0.0 or half >= 2.0 * SOUND * slope:
        return low, high
    arm = half / slope
    sound = min(2.0 - arm / SOUND, 1.0)
    arms = special.logit((estimate - bounds[0]) / width) + np.array([-arm, arm])
    scaled = bounds[0] + width * special.expit(arms)
    return _glide(float(scaled[0]), low, sound), _glide(float(scaled[1]), high, sound)


def linearised(totals: Floats, weights: Floats) -> Floats:
    """Cell values whose plain mean is the ratio and whose spread is, to first order, the ratio's.

    R + (total - R weight) / mean weight (Woodruff 1971); equal weights give total / weight back.
    A cell of weight 0 sits at R and so has no influence.
    """
    ratio = totals.sum() / weights.sum()
    return np.asarray(ratio + (totals - ratio * weights) / weights.mean(), dtype=np.float64)


def components(table: Floats, level: float) -> Components:
    """Two-way random-effects error of the mean of a (seeds, clusters) table, two or more of each.

    With the mean squares A of seeds, B of clusters and E of the rest, the variance is
    (A + B) / (seeds clusters): A + B - E is unbiased, but E is estimated and its subtraction takes
    coverage away exactly where there is least of it. Degrees of freedom by Satterthwaite (1946),
    (A + B)^2 / (A^2 / (seeds - 1) + B^2 / (clusters - 1)). The half-width is never below that of
    seeds alone or of clusters alone, since with three seeds the estimated degrees of freedom are
    often too many. `benchmarks/interval_coverage.py` shows what this covers.
    """
    tail = check_level(level)
    seeds, clusters = table.shape
    cells = seeds * clusters
    by_seed, by_cluster = table.mean(axis=1), table.mean(axis=0)
    rest = table - by_seed[:, None] - by_cluster[None, :] + table.mean()
    a = clusters * float(by_seed.var(ddof=1))
    b = seeds * float(by_cluster.var(ddof=1))
    e = float((rest**2).sum()) / ((seeds - 1) * (clusters - 1))
    t_seeds = t_quantile(seeds - 1, 1.0 - tail)
    t_clusters = t_quantile(clusters - 1, 1.0 - tail)
    error = math.sqrt((a + b) / cells)
    if error == 0.0:
        return Components(0.0, float(min(seeds, clusters) - 1), 0.0, 0.0)
    share = a / (a + b)
    df = 1.0 / (share**2 / (seeds - 1) + (1.0 - share) ** 2 / (clusters - 1))
    half = max(
        t_quantile(df, 1.0 - tail) * error,
        t_seeds * math.sqrt(a / cells),
        t_clusters * math.sqrt(b / cells),
    )
    return Components(error, df, half, t_seeds * math.sqrt(max(a - e, 0.0) / cells))


def deviating(totals: Floats, weights: Floats) -> tuple[int, float, bool]:
    """How many clusters leave the most common cluster value, how many of equal size would spread
    as much, and whether any two share it.

    The second is (sum d^2)^2 / sum d^4 of the deviations d, a participation ratio: one country that
    was lost whole and eight that slipped on one item count little more than one, because the
    variance rests on that one. Counted by heads they would pass for a spread to be trusted, and a
    claim at its margin be supported twice as often as it should (`benchmarks/scorecard_error.py`).
    Where no two share a value it is the first, their number less one.
    """
    mass = weights.sum(axis=0)
    values = totals.sum(axis=0)[mass > 0] / mass[mass > 0]
    unit = float(np.abs(values).max()) or 1.0
    levels, counts = np.unique(np.round(values / unit, 9), return_counts=True)
    left, shared = int(values.size - counts.max()), bool(counts.max() > 1)
    if not left or not shared:
        return left, float(left), shared
    sizes = np.abs(values / unit - levels[counts.argmax()])
    return left, float((sizes**2).sum() ** 2 / (sizes**4).sum()), shared


def guarded(
    plain: Interval,
    totals: Floats,
    weights: Floats,
    *,
    bounds: tuple[float, float] | None,
    seed_half: float = 0.0,
) -> Interval:
    """Widen `plain` where few clusters deviate, so that no spread is never taken for certainty.

    With bounds, the ends of the exact bound on clusters (`bounded_mean`), joined with the seeds'
    part by the root of squares (Zou and Donner 2008), hold in full up to `FEW` deviating clusters
    and fade out until `ENOUGH`, and so by the variance that rests on each (`LIKE_FEW`,
    `LIKE_ENOUGH`). At zero deviations of n clusters in [0, 1] that is Clopper-Pearson, 1 -
    tail^(1/n); since raising a value raises both ends, one deviating cluster never supports a claim
    that none would not. Without bounds nothing limits an unseen cluster: both ends are infinite
    while few clusters leave a shared value. Ends are clipped to the bounds; the method says which
    of them the exact bound made.
    """
    count, like, shared = deviating(totals, weights)
    if bounds is None:
        if shared and count <= FEW:
            method = f"no bound: {count} of {plain.n} clusters deviate and values are unbounded"
            return replace(plain, low=-math.inf, high=math.inf, method=method, df=None)
        return plain
    heads = (count - FEW) / (ENOUGH - FEW)
    sizes = (like - LIKE_FEW) / (LIKE_ENOUGH - LIKE_FEW)
    trust = min(max(min(heads, sizes), 0.0), 1.0)
    inner = max(plain.low, bounds[0]), min(plain.high, bounds[1])
    if trust == 1.0:
        return replace(plain, low=inner[0], high=inner[1])
    mass = weights.sum(axis=0)
    held = mass > 0
    means = np.clip(totals.sum(axis=0)[held] / mass[held], *bounds)
    exact = bounded_mean(means, bounds, plain.level, weights=mass[held])
    outer = (
        max(plain.estimate - math.hypot(plain.estimate - exact.low, seed_half), bounds[0]),
        min(plain.estimate + math.hypot(exact.high - plain.estimate, seed_half), bounds[1]),
    )
    made = {"lower": outer[0] <= inner[0], "upper": outer[1] >= inner[1]}
    method = _method(plain, [name for name, is_exact in made.items() if is_exact], trust, count)
    if totals.shape[0] == 1 and "given this checkpoint" not in method:
        method += ", given this checkpoint"
    low = _glide(inner[0], outer[0], trust) if made["lower"] else inner[0]
    high = _glide(inner[1], outer[1], trust) if made["upper"] else inner[1]
    return replace(plain, low=low, high=high, method=method)


def _method(plain: Interval, exact: list[str], trust: float, count: int) -> str:
    """What made the ends: `plain` alone, the exact bound alone, or which end came from which."""
    counted = f"{count} of {plain.n} deviate"
    if not exact:
        return plain.method
    if len(exact) == 2 and trust == 0.0:
        return f"exact bound on clusters, {counted}"
    which = "both ends" if len(exact) == 2 else f"{exact[0]} end"
    how = "from" if trust == 0.0 else "widened by"
    return f"{plain.method}; {which} {how} the exact bound on clusters ({counted})"


def _glide(inner: float, outer: float, trust: float) -> float:
    return trust * inner + (1.0 - trust) * outer


def _check(totals: Floats, weights: Floats) -> None:
    if totals.ndim != 2 or totals.shape != weights.shape or totals.size == 0:
        raise ValueError(
            f"expected two (seeds, clusters) tables of one shape, got {totals.shape} "
            f"and {weights.shape}"
        )
    if not (np.isfinite(totals).all() and np.isfinite(weights).all()):
        raise ValueError("totals and weights must be finite; drop unscorable rows first")
    if (weights < 0).any():
        raise ValueError("weights must not be negative")
    for axis, name in ((1, "seed"), (0, "cluster")):
        empty = np.flatnonzero(weights.sum(axis=axis) == 0)
        if empty.size:
            raise ValueError(f"{name} number {empty[0]} has no weight at all; leave it out")
