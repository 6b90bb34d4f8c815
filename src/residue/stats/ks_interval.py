"""How far the values of one model lie from those of another on the same items, as distributions.

Clusters (countries) weigh alike and are resampled together with the seeds, as everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.specs.statistics import StatisticsSpec
from residue.stats.estimands import Estimate, counts_of, note_of, refusal, refused
from residue.stats.intervals import Floats, check_level
from residue.stats.tables import Table, matching, membership, paired, tabulate

if TYPE_CHECKING:
    import pandas as pd

N_FLIPS = 999
"""Exchanges of the two models, country by country, behind the p of a KS distance."""


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
    member = membership(both)[1]
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


def _item_p(table: Table, other: Table, lines: list[int], held: Floats) -> str:
    from scipy.stats import ks_2samp

    found = []
    for line, kept in enumerate(held > 0.0):
        samples = table.values[line][kept], other.values[lines[line]][kept]
        found.append(f"{ks_2samp(*samples).pvalue:.2g}")
    return f"p = {', '.join(found)} were the {int(held[0].sum())} items independent"
