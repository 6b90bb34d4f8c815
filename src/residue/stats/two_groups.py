"""Intervals of statistics that compare two groups as wholes: AUC of two sets of items, KS of two
models.

Both weigh every cluster (country) alike, as rates do, and resample clusters and seeds, which are
crossed. The AUC of a group against another is the mean over pairs of clusters of the AUC of their
items, so a resample is a product of counts. Percentile ends at the tail of Student's t, and exact
bounds where few clusters deviate, are those of `residue.stats.bootstrap` and `.crossed`.
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
from residue.stats.tables import Table, matching, paired, tabulate

if TYPE_CHECKING:
    import pandas as pd

N_FLIPS = 999
"""Exchanges of the two models, country by country, behind the p of a KS distance."""


def auc_estimate(
    rows: pd.DataFrame,
    against: pd.DataFrame,
    unit: str,
    reference: tuple[pd.DataFrame, pd.DataFrame] | None,
    spec: StatisticsSpec,
) -> Estimate:
    """P(value of a row > value of a row of `against`), ties half; with a reference the difference.

    All tables as for `residue.stats.estimands.estimate`; `reference` holds the same two groups of
    the other model. ½ (difference 0) where the groups cannot be told apart.
    """
    groups = [tabulate(rows, unit, "the arm"), tabulate(against, unit, "the other group")]
    if groups[0].replicates != groups[1].replicates:
        raise ValueError("the two groups of an AUC must come from the same pairs and seeds")
    reason = refusal(groups[0]) or refusal(groups[1])
    others = None
    if reference is not None:
        others = [tabulate(each, unit, "the reference") for each in reference]
        reason = reason or refusal(others[0]) or refusal(others[1])
    if reason:
        return refused(groups[0], "auc", spec.level, reason)
    areas = _areas(*groups)
    if others is not None:
        for group, other in zip(groups, others, strict=True):
            paired(group, other)  # the same items in the same clusters, or a ValueError
        areas = areas - _areas(*others)[matching(groups[0], others[0])]
    several = len(groups[0].pairs) > 1
    lines = _pair_means(groups[0], areas) if several else areas
    interval = _area_interval(
        lines, spec, "pairs" if several else "seeds", signed=others is not None
    )
    n_items, n_clusters = counts_of(groups[1])["n_items"], counts_of(groups[1])["n_clusters"]
    note = f"against {n_items} items of {n_clusters} clusters"
    return Estimate(
        statistic="auc",
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        level=spec.level,
        **counts_of(groups[0]),
        seed_values=tuple(float(point) for point in np.nanmean(areas, axis=(1, 2))),
        method=interval.method,
        note="; ".join(filter(None, [note, note_of(groups[0])])),
    )


def ks_estimate(
    rows: pd.DataFrame, unit: str, reference: pd.DataFrame, spec: StatisticsSpec
) -> Estimate:
    """Distance of a model's distribution of values from the reference's on the same items, 0 … 1.

    Mean over seeds of the KS distance, with two p in the note: `p` from exchanging the models'
    values country by country, which is valid for items that stand and fall together; and that of
    the two-sample test on items, as open-unlearning prints it (Maini et al. 2024), which depends on
    n and takes items for independent. A distance is never negative, so its interval lies above 0
    even for equal models: whether models differ is what p says.
    """
    table, other = tabulate(rows, unit, "the arm"), tabulate(reference, unit, "the reference")
    both = paired(table, other)
    reason = refusal(both)
    if reason:
        return refused(both, "ks", spec.level, reason)
    lines = matching(table, other)
    grid = np.unique(
        np.concatenate([table.values[both.weights > 0], other.values[lines][both.weights > 0]])
    )
    member = _membership(both.clusters)
    held = (both.weights > 0.0).astype(np.float64)
    gaps = np.stack(
        [
            _gap(table.values[line], other.values[lines[line]], held[line], member, grid)
            for line in range(len(table.replicates))
        ]
    )
    rng = np.random.default_rng(spec.seed)
    seeds, clusters = gaps.shape[:2]
    present = (held @ member > 0).astype(np.float64)
    points = _distances(gaps, present, np.ones((1, clusters)))[0]
    of_cluster = rng.multinomial(clusters, np.full(clusters, 1 / clusters), spec.n_bootstrap)
    drawn = _distances(gaps, present, of_cluster.astype(np.float64))
    of_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), spec.n_bootstrap)
    means = (drawn * of_seed).sum(axis=1) / seeds
    tail = check_level(spec.level)
    point = float(points.mean())
    low, high = np.quantile(means[np.isfinite(means)], [tail, 1 - tail])
    signs = rng.choice([-1.0, 1.0], size=(N_FLIPS, clusters))
    chance = _distances(gaps, present, signs, total=present.sum(axis=1)).mean(axis=1)
    p = (1 + int((chance >= point - 1e-12).sum())) / (1 + N_FLIPS)
    return Estimate(
        statistic="ks",
        estimate=point,
        low=min(float(low), point),
        high=max(float(high), point),
        level=spec.level,
        **counts_of(both),
        seed_values=tuple(float(each) for each in points),
        method=f"bootstrap of {seeds} seeds and {clusters} clusters",
        note="; ".join(
            filter(
                None,
                [
                    f"p = {p:.3g} by {clusters} clusters",
                    _item_p(table, other, lines, held),
                    note_of(both),
                ],
            )
        ),
    )


def _areas(group: Table, other: Table) -> Floats:
    """(lines, clusters, clusters of the other): AUC of their scored items; NaN where none is."""
    mine, theirs = _membership(group.clusters), _membership(other.clusters)
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


def _gap(x: Floats, y: Floats, held: Floats, member: Floats, grid: Floats) -> Floats:
    """(clusters, grid): difference of the two distribution functions of each cluster's items."""
    scored = held > 0.0
    difference = (x[scored, None] <= grid).astype(np.float64) - (y[scored, None] <= grid)
    members = member[scored]
    count = members.sum(axis=0)
    return np.asarray((members.T @ difference) / np.maximum(count, 1.0)[:, None], np.float64)


def _distances(
    gaps: Floats, present: Floats, counts: Floats, total: Floats | None = None
) -> Floats:
    """(draws, lines): sup of the mean gap over clusters drawn `counts` (draws, clusters) times."""
    made = np.empty((len(counts), len(gaps)))
    for line in range(len(gaps)):
        n = counts @ present[line] if total is None else np.full(len(counts), total[line])
        sup = np.abs(counts @ gaps[line]).max(axis=1)
        made[:, line] = np.divide(sup, n, out=np.full_like(sup, np.nan), where=n > 0)
    return made


def _membership(clusters: tuple[object, ...]) -> Floats:
    """(items, clusters) indicator."""
    labels = {label: number for number, label in enumerate(dict.fromkeys(clusters))}
    member = np.zeros((len(clusters), len(labels)))
    member[np.arange(len(clusters)), [labels[label] for label in clusters]] = 1.0
    return member


def _item_p(table: Table, other: Table, lines: list[int], held: Floats) -> str:
    from scipy.stats import ks_2samp

    found = []
    for line, kept in enumerate(held > 0.0):
        samples = table.values[line][kept], other.values[lines[line]][kept]
        found.append(f"{ks_2samp(*samples).pvalue:.2g}")
    return f"p = {', '.join(found)} were the {int(held[0].sum())} items independent"
