"""The AUC of one group of items against another, with its interval.

Every cluster (country) weighs alike, as in rates: the AUC of two groups is the mean over pairs of
clusters of the AUC of their items, so that a resample of clusters and seeds, which are crossed, is
a product of counts. Percentile ends at the tail of Student's t, and exact bounds where few clusters
deviate, are those of `residue.stats.bootstrap` and `.crossed`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from residue.specs.statistics import StatisticsSpec
from residue.stats.crossed import guarded
from residue.stats.estimands import Estimate, counts_of, note_of, refusal, refused
from residue.stats.intervals import Floats, Interval, check_level, t_quantile
from residue.stats.tables import Table, matching, membership, paired, tabulate

if TYPE_CHECKING:
    import pandas as pd


def auc_estimate(
    rows: pd.DataFrame,
    against: pd.DataFrame,
    unit: str,
    reference: tuple[pd.DataFrame, pd.DataFrame] | None,
    spec: StatisticsSpec,
    *,
    itemwise: bool = False,
) -> Estimate:
    """P(value of a row > value of a row of `against`), ties half; with a reference the difference.

    All tables as for `residue.stats.estimands.estimate`; `reference` holds the same two groups of
    the other model. ½ (difference 0) where the groups cannot be told apart. itemwise: the
    reference's value is subtracted item by item first, and the AUC is of the differences.
    """
    groups = [tabulate(rows, unit, "the arm"), tabulate(against, unit, "the other group")]
    if groups[0].replicates != groups[1].replicates:
        raise ValueError("the two groups of an AUC must come from the same pairs and seeds")
    others = [tabulate(each, unit, "the reference") for each in reference or ()]
    gaps = [paired(*both) for both in zip(groups, others, strict=True)] if others else groups
    reason = refusal(gaps[0]) or refusal(gaps[1])
    if reason:
        return refused(gaps[0], "auc", spec.level, reason)
    if itemwise:
        areas = _areas(*gaps)
    elif others:
        same = matching(groups[0], others[0])
        own = [replace(each, weights=gap.weights) for each, gap in zip(groups, gaps, strict=True)]
        theirs = [
            replace(gap, values=other.values[same]) for gap, other in zip(gaps, others, strict=True)
        ]
        areas = _areas(*own) - _areas(*theirs)
    else:
        areas = _areas(*groups)
    several = len(groups[0].pairs) > 1
    lines = _pair_means(groups[0], areas) if several else areas
    interval = _area_interval(
        lines, spec, "pairs" if several else "seeds", signed=bool(others) and not itemwise
    )
    n_items, n_clusters = counts_of(gaps[1])["n_items"], counts_of(gaps[1])["n_clusters"]
    note = f"against {n_items} items of {n_clusters} clusters"
    return Estimate(
        statistic="auc",
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        level=spec.level,
        **counts_of(gaps[0]),
        seed_values=tuple(float(point) for point in np.nanmean(areas, axis=(1, 2))),
        method=interval.method,
        note="; ".join(filter(None, [note, note_of(gaps[0])])),
    )


def _areas(group: Table, other: Table) -> Floats:
    """(lines, clusters, clusters of the other): AUC of their scored items; NaN where none is."""
    mine, theirs = membership(group)[1], membership(other)[1]
    areas = np.full((len(group.replicates), mine.shape[1], theirs.shape[1]), np.nan)
    for line in range(len(areas)):
        scored = group.weights[line] > 0.0
        x, members = group.values[line][scored], mine[scored]
        count = members.sum(axis=0)
        for number in range(theirs.shape[1]):
            chosen = (theirs[:, number] > 0) & (other.weights[line] > 0.0)
            if not chosen.any():
                continue
            y = np.sort(other.values[line][chosen])
            sides = np.searchsorted(y, x, side="left") + np.searchsorted(y, x, side="right")
            total = (sides / (2.0 * len(y))) @ members
            areas[line, :, number] = np.divide(
                total, count, out=np.full(len(count), np.nan), where=count > 0
            )
    return areas


def _area_interval(areas: Floats, spec: StatisticsSpec, of: str, *, signed: bool) -> Interval:
    held = np.isfinite(areas)
    values = np.where(held, areas, 0.0)
    seeds, clusters, others = areas.shape
    points = values.sum(axis=(1, 2)) / held.sum(axis=(1, 2))
    rng = np.random.default_rng(spec.seed)
    counts = [
        rng.multinomial(n, np.full(n, 1.0 / n), size=spec.n_bootstrap).astype(np.float64)
        for n in (seeds, clusters, others)
    ]
    drawn = np.zeros((spec.n_bootstrap, seeds))
    for line in range(seeds):
        top = ((counts[1] @ values[line]) * counts[2]).sum(axis=1)
        bottom = ((counts[1] @ held[line].astype(np.float64)) * counts[2]).sum(axis=1)
        drawn[:, line] = np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
    means = (drawn * counts[0]).sum(axis=1) / seeds
    df = _degrees(areas, points)
    quantile = t_quantile(df, 1.0 - check_level(spec.level))
    tail = float(special.ndtr(-quantile * math.sqrt((df + 1.0) / df)))
    low, high = np.quantile(means[np.isfinite(means)], [tail, 1.0 - tail])
    method = f"bootstrap of {seeds} {of}, {clusters} and {others} clusters"
    point = float(points.mean())
    plain = Interval(
        point, min(float(low), point), max(float(high), point), spec.level, method, clusters
    )
    bounds = (-1.0, 1.0) if signed else (0.0, 1.0)
    ends = []
    for axis, n in ((2, clusters), (1, others)):
        mass = np.asarray(held.any(axis=axis), np.float64)
        total = np.asarray(values.sum(axis=axis) / np.maximum(held.sum(axis=axis), 1), np.float64)
        ends.append(guarded(replace(plain, n=n), total, mass, bounds=bounds))
    widest = max(ends, key=lambda each: each.high - each.low)
    return replace(
        plain,
        low=min(each.low for each in ends),
        high=max(each.high for each in ends),
        method=widest.method,
    )


def _degrees(areas: Floats, points: Floats) -> float:
    """Welch-Satterthwaite over the three things that could have been drawn otherwise."""
    mean = np.nanmean(areas, axis=0)
    parts = [np.nanmean(mean, axis=1), np.nanmean(mean, axis=0), points]
    errors = [
        (float(part.var(ddof=1)) / len(part), len(part) - 1) for part in parts if len(part) > 1
    ]
    total = sum(error for error, _ in errors)
    if total == 0.0:
        return float(max(min(mean.shape) - 1, 1))
    return max(total**2 / sum(error**2 / df for error, df in errors), 1.0)


def _pair_means(table: Table, areas: Floats) -> Floats:
    lines = [[key[0] == pair for key in table.replicates] for pair in table.pairs]
    return np.stack([np.nanmean(areas[chosen], axis=0) for chosen in lines])
