"""A named function of measurement rows with its interval; nothing else makes intervals.

Statistics: `rate` (mean over clusters of each one's mean value, values known to lie in [0, 1]),
`mean` (the same; taken as a rate where every value is 0 or 1, otherwise unbounded), `perplexity`
(exp of the mean of nats per token over all tokens, weights are tokens). Against a reference, rate
and mean give the difference and perplexity the ratio, both paired by item.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from residue.specs.statistics import StatisticsSpec
from residue.stats.bootstrap import hierarchical_draws, hierarchical_ends
from residue.stats.crossed import components, crossed_interval, guarded, linearised
from residue.stats.intervals import Interval
from residue.stats.tables import Table, by_pair, cluster_totals, evened, paired, tabulate

if TYPE_CHECKING:
    import pandas as pd

STATISTICS = ("mean", "rate", "perplexity")

LARGEST_NATS = 709.0
"""e to more is no float."""

MANY_SEEDS = 10
"""From this many seeds on they are resampled; a bootstrap of fewer only permutes them."""


@dataclass(frozen=True)
class Estimate:
    """One number with its interval and everything needed to judge it; a row of estimates.parquet.

    `seed_values` are each seed's own points, by pair and seed. A refused estimate is NaN with
    infinite ends, has no points, and says why in `note`.
    """

    statistic: str
    estimate: float
    low: float
    high: float
    level: float
    n_items: int
    n_clusters: int
    n_seeds: int
    n_pairs: int
    n_unscorable: int
    seed_values: tuple[float, ...]
    method: str
    note: str


def estimate(
    rows: pd.DataFrame,
    unit: str,
    reference: pd.DataFrame | None,
    statistic: str,
    spec: StatisticsSpec,
) -> Estimate:
    """Estimate `statistic` over one slice of rows, paired with the reference where there is one.

    `rows` and `reference`: columns item, seed, value, weight, status, `unit` (the country), and
    pair where there are several; one arm, condition, metric and row. Unscorable cells are left out
    on both sides and counted; a failed row, or a seed without any score, refuses the estimate.
    Several pairs: the pair is the replicate, seeds are averaged within. Items missing on one side
    and malformed rows are ValueErrors.
    """
    table, bounds = _tables(rows, unit, reference, statistic)
    reason = refusal(table)
    if reason:
        return refused(table, statistic, spec.level, reason)
    even = statistic != "perplexity"
    interval = table_interval(table, bounds, spec, even=even)
    back = exponential if statistic == "perplexity" else float
    return Estimate(
        statistic=statistic,
        estimate=back(interval.estimate),
        low=back(interval.low),
        high=back(interval.high),
        level=spec.level,
        **counts_of(table),
        seed_values=tuple(back(point) for point in points(table, even=even)),
        method=interval.method,
        note=note_of(table),
    )


def exponential(nats: float) -> float:
    """e to `nats`; infinity where that is too large for a float, as of a ruined model."""
    return math.exp(nats) if nats < LARGEST_NATS else math.inf


def ends_at(
    rows: pd.DataFrame,
    unit: str,
    reference: pd.DataFrame | None,
    statistic: str,
    spec: StatisticsSpec,
    tails: Sequence[float],
) -> tuple[list[float], list[float]]:
    """Lower and upper ends of `estimate` with each of `tails` on either side; empty if refused."""
    table, bounds = _tables(rows, unit, reference, statistic)
    if refusal(table):
        return [], []
    levels = [1.0 - 2.0 * tail for tail in tails]
    made = table_intervals(table, bounds, spec, levels, even=statistic != "perplexity")
    back = exponential if statistic == "perplexity" else float
    return [back(each.low) for each in made], [back(each.high) for each in made]


def _tables(
    rows: pd.DataFrame, unit: str, reference: pd.DataFrame | None, statistic: str
) -> tuple[Table, tuple[float, float] | None]:
    """What is averaged, and between which bounds it lies."""
    if statistic not in STATISTICS:
        raise ValueError(f"unknown statistic {statistic!r}; known are {', '.join(STATISTICS)}")
    single = tabulate(rows, unit, "the arm")
    other = None if reference is None else tabulate(reference, unit, "the reference")
    table = single if other is None else paired(single, other)
    return table, _bounds(statistic, single, other)


def table_interval(
    table: Table,
    bounds: tuple[float, float] | None,
    spec: StatisticsSpec,
    *,
    even: bool = True,
) -> Interval:
    """Interval of the mean of a `Table`: t below ten replicates, bootstrap from there on.

    `bounds` are the least and greatest possible value, None where there are none. `even`: clusters
    count alike, whatever they weigh (`evened`); without it the weights of items hold.
    """
    return table_intervals(table, bounds, spec, (spec.level,), even=even)[0]


def table_intervals(
    table: Table,
    bounds: tuple[float, float] | None,
    spec: StatisticsSpec,
    levels: Sequence[float],
    *,
    even: bool = True,
) -> list[Interval]:
    """`table_interval` at several levels, from the same resamples."""
    several = len(table.pairs) > 1
    replicated = by_pair(table) if several else table
    if even:
        replicated = evened(replicated)
    totals, weights, cluster = cluster_totals(replicated)
    of = "pairs" if several else "seeds"
    if totals.shape[0] < MANY_SEEDS or totals.shape[1] == 1:
        return [crossed_interval(totals, weights, level=x, bounds=bounds, of=of) for x in levels]
    held = cluster >= 0
    lines = replicated.values[:, held], replicated.weights[:, held], cluster[held]
    drawn = hierarchical_draws(*lines, np.random.default_rng(spec.seed), spec.n_bootstrap)
    made = []
    for level in levels:
        parts = components(linearised(totals, weights), level)
        plain = hierarchical_ends(drawn, *lines, df=parts.df, level=level, of=of)
        made.append(guarded(plain, totals, weights, bounds=bounds, seed_half=parts.seed_half))
    return made


def points(table: Table, *, even: bool = True) -> list[float]:
    """Each replicate's own mean: of its clusters' means, or of its items by weight."""
    totals, weights, _ = cluster_totals(table)
    if not even:
        return [float(point) for point in totals.sum(axis=1) / weights.sum(axis=1)]
    held = weights > 0.0
    means = np.divide(totals, weights, out=np.zeros_like(totals), where=held)
    return [float(point) for point in means.sum(axis=1) / held.sum(axis=1)]


def _bounds(statistic: str, single: Table, other: Table | None) -> tuple[float, float] | None:
    if statistic == "perplexity":
        return None
    tables = [single] if other is None else [single, other]
    scored = np.concatenate([table.values[table.weights > 0.0] for table in tables])
    if statistic == "rate":
        outside = scored[(scored < 0.0) | (scored > 1.0)]
        if outside.size:
            raise ValueError(
                f"a rate has values in [0, 1], found {outside[0]}; name the statistic mean"
            )
    elif not np.isin(scored, (0.0, 1.0)).all():
        return None
    return (0.0, 1.0) if other is None else (-1.0, 1.0)


def refusal(table: Table) -> str:
    if table.failed:
        return (
            f"{len(table.failed)} items have failed rows (first: {table.failed[0]}); "
            "mend the cause and measure again"
        )
    silent = np.flatnonzero(table.weights.sum(axis=1) == 0.0)
    if silent.size:
        pair, seed = table.replicates[silent[0]]
        return f"pair {pair}, seed {seed} has no scorable item"
    return ""


def refused(table: Table, statistic: str, level: float, reason: str) -> Estimate:
    return Estimate(
        statistic=statistic,
        estimate=math.nan,
        low=-math.inf,
        high=math.inf,
        level=level,
        **counts_of(table),
        seed_values=(),
        method="refused",
        note=reason,
    )


def counts_of(table: Table) -> dict[str, int]:
    scored = table.weights.sum(axis=0) > 0.0
    clusters = {label for label, kept in zip(table.clusters, scored, strict=True) if kept}
    return {
        "n_items": int(scored.sum()),
        "n_clusters": len(clusters),
        "n_seeds": len({seed for _, seed in table.replicates}),
        "n_pairs": len(table.pairs),
        "n_unscorable": table.n_unscorable,
    }


def note_of(table: Table) -> str:
    notes = []
    if table.n_unscorable:
        notes.append(f"{table.n_unscorable} of {table.weights.size} cells unscorable, left out")
    lost = len(set(table.clusters)) - counts_of(table)["n_clusters"]
    if lost:
        notes.append(f"{lost} clusters without any score")
    if len(table.pairs) == 1:
        notes.append("one pair: given this base")
    return "; ".join(notes)
