"""Simultaneous bands over the rows of a model: one statement about all rows at once.

The error of row r is that of `crossed.components`: seeds and clusters are both random. The band is
estimate(r) ± c error(r), where c is the level's quantile of max over rows of |t*(r)| in resamples
that all rows share, so that it pays for the number of rows only as far as they disagree (Romano and
Wolf 2005, the studentised bootstrap). Clusters are drawn with replacement. Two or three seeds
cannot be: their deviations are played by normal ones (`_seed_root`), which for one row of seeds
alone is Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from residue.stats.crossed import ENOUGH, components, crossed_interval, deviating, linearised
from residue.stats.intervals import Floats, check_level, t_quantile

MIX = 0.5
"""Share of the clusters' correlation between rows that seeds are taken to have."""


@dataclass(frozen=True)
class Resamples:
    """What chance adds in each resample: bands of one shape can share it.

    drawn: how often each cluster is drawn, (resamples, clusters); played: standard normal numbers,
    (resamples, seeds, rows), with no seeds where there is one.
    """

    drawn: Floats
    played: Floats

    @classmethod
    def of(
        cls, rng: np.random.Generator, shape: tuple[int, int, int], n_bootstrap: int
    ) -> Resamples:
        """Resamples for tables of a shape (rows, seeds, clusters)."""
        rows, seeds, clusters = shape
        drawn = rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), n_bootstrap)
        played = rng.standard_normal((n_bootstrap, seeds if seeds > 1 else 0, rows))
        return cls(drawn.astype(np.float64), played)


@dataclass(frozen=True)
class Band:
    """Estimates of the rows with ends that hold together; arrays of shape (rows,).

    `critical` is c, NaN where no row has enough spread.
    """

    estimate: Floats
    low: Floats
    high: Floats
    critical: float


def band(
    totals: Floats,
    weights: Floats,
    resamples: Resamples,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
    of: str = "seeds",
) -> Band:
    """Band of sum(totals) / sum(weights) over rows, for tables (rows, seeds, clusters).

    Ends are never nearer than those of `crossed_interval`, whose guard against few deviating
    clusters and whose `bounds` hold here too. Rows in which fewer than `ENOUGH` clusters deviate
    have no spread to resample: each takes its even share of the error, by Bonferroni, and the
    others share what is left. Raises ValueError on shapes that do not agree.
    """
    check_level(level)
    if totals.ndim != 3 or totals.shape != weights.shape:
        raise ValueError(
            f"expected two (rows, seeds, clusters) tables of one shape, got {totals.shape} and "
            f"{weights.shape}"
        )
    n_rows, _, clusters = totals.shape
    both = list(zip(totals, weights, strict=True))
    sound = np.array([clusters > 1 and deviating(t, w)[0] >= ENOUGH for t, w in both])
    share = (1.0 - level) / n_rows
    levels = np.where(sound, level, 1.0 - share)
    pointwise = [
        crossed_interval(t, w, level=float(at), bounds=bounds, of=of)
        for (t, w), at in zip(both, levels, strict=True)
    ]
    estimate = np.array([each.estimate for each in pointwise])
    low = np.array([each.low for each in pointwise])
    high = np.array([each.high for each in pointwise])
    if not sound.any():
        return Band(estimate, low, high, math.nan)
    tables = np.stack([linearised(*both[row]) for row in np.flatnonzero(sound)])
    errors, halves = _errors(tables, level)
    greatest = np.abs(_studentised(tables, resamples, sound)).max(axis=1)
    critical = float(np.quantile(greatest, 1.0 - share * sound.sum()))
    wider = np.ones(n_rows)
    wider[sound] = np.maximum(critical * errors / halves, 1.0)
    low, high = estimate - wider * (estimate - low), estimate + wider * (high - estimate)
    if bounds is not None:
        low, high = np.maximum(low, bounds[0]), np.minimum(high, bounds[1])
    return Band(estimate, low, high, critical)


def first_row(rows: Sequence[int], curve: Floats, least: float) -> Floats:
    """First row at which a curve (..., rows) is at least `least`; infinite where it never is."""
    reached = curve >= least
    first = np.asarray(rows, dtype=np.float64)[reached.argmax(axis=-1)]
    return np.asarray(np.where(reached.any(axis=-1), first, math.inf))


def first_row_interval(
    rows: Sequence[int], made: Band, least: float, level: float
) -> tuple[float, float, float]:
    """First row at which the estimates reach `least`, with the rows allowed by the band.

    The true curve lies in the band with the band's level, so its first row lies between those of
    the band's upper and lower edge, whatever its shape. Infinite stands for never.
    """
    check_level(level)
    point, early, late = (
        float(first_row(rows, edge, least)) for edge in (made.estimate, made.high, made.low)
    )
    return point, early, late


def _errors(tables: Floats, level: float) -> tuple[Floats, Floats]:
    """Standard error and pointwise half-width of each row's mean."""
    seeds, clusters = tables.shape[1:]
    if seeds > 1:
        parts = [components(table, level) for table in tables]
        return np.array([p.error for p in parts]), np.array([p.half for p in parts])
    error = tables[:, 0].std(axis=1, ddof=1) / math.sqrt(clusters)
    return error, t_quantile(clusters - 1, (1.0 + level) / 2.0) * error


def _studentised(tables: Floats, resamples: Resamples, rows: np.ndarray) -> Floats:
    """Deviations of resampled estimates over their own errors, (resamples, rows)."""
    _, seeds, clusters = tables.shape
    centre = tables.mean(axis=(1, 2))
    by_cluster = (tables.mean(axis=1) - centre[:, None]).T
    moved = resamples.drawn @ by_cluster / clusters
    square = resamples.drawn @ by_cluster**2 / clusters
    variance = np.maximum(square - moved**2, 0.0) / (clusters - 1)
    if seeds > 1:
        by_seed = (tables.mean(axis=2) - centre[:, None]).T
        played = resamples.played[:, :, rows] @ _seed_root(by_seed, by_cluster)
        moved = moved + played.mean(axis=1)
        variance = variance + played.var(axis=1, ddof=1) / seeds
    # A resample of one cluster alone has no error of its own; it is as far out as any.
    alone = np.full(moved.shape, math.inf)
    return np.asarray(np.divide(moved, np.sqrt(variance), out=alone, where=variance > 0.0))


def _seed_root(by_seed: Floats, by_cluster: Floats) -> Floats:
    """Square root of the covariance by which seeds are played, (rows, rows).

    Two or three seeds say little of either part of it. Spread: a row where they happen to agree
    takes the ratio to the spread of clusters that all rows have together, so that it is not taken
    for certain. Correlation between rows: few seeds always look as if they moved together, so it is
    `MIX` times that of clusters.
    """
    scale = by_cluster.std(axis=0)
    unit = by_cluster / np.where(scale > 0.0, scale, 1.0)
    own = by_seed.std(axis=0, ddof=1)
    ratios = own[scale > 0.0] / scale[scale > 0.0]
    shared = math.sqrt(float((ratios**2).mean())) if ratios.size else 0.0
    spread = np.maximum(own, shared * scale)
    correlation = MIX * unit.T @ unit / len(unit)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(np.linalg.cholesky(correlation + 1e-9 * np.eye(len(spread))).T * spread)
