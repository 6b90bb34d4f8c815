"""Across arms, row by row: levels and paired differences with bands, and where answers emerge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.specs.claims import FORGET
from residue.specs.depth import DepthSpec
from residue.specs.statistics import StatisticsSpec
from residue.stats.bands import Resamples, band, first_row_interval
from residue.stats.cubes import Cube, country_means, cube

COLUMNS = (
    "lens", "arm", "condition", "slice", "quantity", "reference", "row", "estimate", "low", "high",
    "level", "critical", "n_items", "n_clusters", "n_seeds", "n_pairs", "note",
)  # fmt: skip
READ = ("pair", "seed", "condition", "item", "row", "log_odds_foil", "answer_rank")
"""Columns of a lens table that are read here."""
SETS: Mapping[str, tuple[str, ...]] = {
    "forget": FORGET,
    "retain_touched": ("retain_touched",),
    "retain_untouched": ("retain_untouched",),
    "never_seen": ("never_seen",),
}
"""Splits that are read together; both halves of the forget countries are alike before attacks."""
STYLES = ("orig", "plain")
"""The question itself, not a variant of it."""
QUANTITIES = ("log_odds", "log2_rank", "first")
"""log_odds: answer's first token against the foil's, nats; log2_rank: of the answer; first: share
of answers at rank 1."""
REFERENCES = ("none", "base", "oracle")
Arm = tuple[str, str]


@dataclass(frozen=True)
class _Run:
    """What is common to the lines of one lens, arm and condition."""

    head: dict[str, Any]
    cubes: Mapping[str, Cube]
    against: Mapping[str, Mapping[str, Cube]]


def depth_table(
    tables: Mapping[Arm, pd.DataFrame],
    items: pd.DataFrame,
    known: pd.DataFrame,
    spec: DepthSpec,
    statistics: StatisticsSpec,
) -> pd.DataFrame:
    """Every quantity of every lens, arm, slice and row, alone and against base and oracle.

    tables: by (lens, arm), lens tables with `READ`. items: the lens deck. known: pair, item, known;
    facts count only where the base of the pair knows them, save those that no model ever saw.
    Estimates are means of country means; low and high form a band over all rows of a line
    (`stats.bands`). `first_row`, without row, is the first row from 1 on whose `first` reaches
    `spec.emerged`, infinite where none does. Columns `COLUMNS`.
    """
    slices = list(_slices(items, spec.by))
    sure = set(map(tuple, known.loc[known["known"].astype(bool), ["pair", "item"]].to_numpy()))
    lines: list[dict[str, Any]] = []
    for (lens, arm), table in tables.items():
        others = {name: tables.get((lens, name)) for name in REFERENCES[1:] if name != arm}
        against = {
            name: _cubes(other[other["condition"] == "plain"], set())
            for name, other in others.items()
            if other is not None
        }
        for condition, mine in table.groupby("condition", sort=False):
            head = {"lens": lens, "arm": arm, "condition": condition, "level": statistics.level}
            hidden = _unknown(mine, items, sure)
            run = _Run(head, _cubes(mine, hidden), against)
            for name, chosen in slices:
                lines += _slice(run, name, chosen, spec, statistics)
    made = pd.DataFrame(lines, columns=list(COLUMNS))
    made["row"] = made["row"].astype("Int32")
    return made


def _slices(items: pd.DataFrame, by: tuple[str, ...]) -> Iterator[tuple[str, pd.DataFrame]]:
    """(name, items) of each set of facts and each level of each column, in the deck's order."""
    asked = items[items["style"].isin(STYLES)]
    for name, splits in SETS.items():
        mine = asked[asked["split"].isin(splits)]
        for column in by:
            for level, part in mine.groupby(column, sort=True):
                word = str(level).lower() if isinstance(level, (bool, np.bool_)) else str(level)
                yield f"set={name},{column}={word}", part


def _unknown(
    table: pd.DataFrame, items: pd.DataFrame, sure: set[tuple[int, str]]
) -> set[tuple[int, str]]:
    """(pair, item) of facts that were to be learnt and that the base of the pair does not know."""
    taught = items.loc[items["split"] != "never_seen", "item"]
    pairs = table["pair"].unique()
    return {(int(pair), item) for pair in pairs for item in taught} - sure


def _cubes(table: pd.DataFrame, hidden: set[tuple[int, str]]) -> dict[str, Cube]:
    rank = table["answer_rank"].to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = table[["pair", "seed", "row", "item"]].assign(
        log_odds=table["log_odds_foil"].to_numpy(dtype=np.float64, na_value=np.nan),
        log2_rank=np.log2(rank),
        first=np.where(np.isnan(rank), np.nan, rank == 1.0),
    )
    made = {name: cube(numbers, name) for name in QUANTITIES}
    for each in made.values():
        for line, (pair, _) in enumerate(each.replicates):
            lost = [n for n, item in enumerate(each.items) if (pair, item) in hidden]
            each.values[:, line, lost] = np.nan
    return made


def _slice(
    run: _Run, name: str, chosen: pd.DataFrame, spec: DepthSpec, statistics: StatisticsSpec
) -> Iterator[dict[str, Any]]:
    index = pd.Index(chosen["item"])
    clusters = chosen["country"].to_numpy()
    for quantity in QUANTITIES:
        own = run.cubes[quantity].take(index)
        for reference in ("none", *run.against):
            made = own if reference == "none" else own.minus(run.against[reference][quantity])
            head = run.head | {"slice": name, "quantity": quantity, "reference": reference}
            yield from _lines(head, made, clusters, spec, statistics)


def _lines(
    head: dict[str, Any],
    made: Cube,
    clusters: np.ndarray,
    spec: DepthSpec,
    statistics: StatisticsSpec,
) -> Iterator[dict[str, Any]]:
    pairs = len({pair for pair, _ in made.replicates})
    counts = {"n_seeds": len({seed for _, seed in made.replicates}), "n_pairs": pairs}
    replicated = made.by_pair()
    totals, weights, n_items = country_means(replicated, clusters)
    counts |= {"n_items": n_items, "n_clusters": totals.shape[2]}
    head = head | counts | {"critical": math.nan, "note": ""}
    if not n_items or (weights[0].sum(axis=1) == 0).any():
        gap = {"estimate": math.nan, "low": math.nan, "high": math.nan}
        yield head | gap | {"row": pd.NA, "note": "no item that every seed can be scored on"}
        return
    shares = head["quantity"] == "first"
    least = 0.0 if head["reference"] == "none" else -1.0
    found = band(
        totals, weights, _resamples(totals.shape, statistics), level=statistics.level,
        bounds=(least, 1.0) if shares else None, of="pairs" if pairs > 1 else "seeds",
    )  # fmt: skip
    head |= {"critical": found.critical}
    for number, row in enumerate(made.rows):
        ends = {"low": found.low[number], "high": found.high[number]}
        yield head | ends | {"row": row, "estimate": found.estimate[number]}
    if shares and head["reference"] == "none":
        inner = [number for number, row in enumerate(made.rows) if row > 0]
        parts = replace(
            found, estimate=found.estimate[inner], low=found.low[inner], high=found.high[inner]
        )
        first, early, late = first_row_interval(
            [made.rows[number] for number in inner], parts, spec.emerged, statistics.level
        )
        span = {"estimate": first, "low": early, "high": late}
        yield head | span | {"row": pd.NA, "quantity": "first_row"}


@lru_cache(maxsize=64)
def _resamples(shape: tuple[int, int, int], statistics: StatisticsSpec) -> Resamples:
    """The same for every line of a shape, so that arms differ by what they are, not by chance."""
    rng = np.random.default_rng(derive("report.depth", statistics.seed, *shape))
    return Resamples.of(rng, shape, statistics.n_bootstrap)
