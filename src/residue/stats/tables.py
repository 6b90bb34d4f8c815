"""From measurement rows to aligned arrays, with every row either used or counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from residue.stats.intervals import Floats, Integers

if TYPE_CHECKING:
    import pandas as pd

Label = str | int | None
Replicate = tuple[Label, Label]

STATUSES = ("ok", "unscorable", "failed")


@dataclass(frozen=True)
class Table:
    """Values and weights of shape (replicates, items); weight 0 where nothing was scored."""

    name: str
    values: Floats
    weights: Floats
    items: tuple[str, ...]
    clusters: tuple[Label, ...]
    """The resampling unit of each item."""
    replicates: tuple[Replicate, ...]
    """(pair, seed) of each line, sorted."""
    failed: tuple[str, ...]
    """Items with a failed row, each once."""

    @property
    def pairs(self) -> tuple[Label, ...]:
        """The pairs in order, each once."""
        return tuple(dict.fromkeys(pair for pair, _ in self.replicates))

    @property
    def n_unscorable(self) -> int:
        """Cells (replicate and item) without a score."""
        return int((self.weights == 0.0).sum())


def tabulate(rows: pd.DataFrame, unit: str, name: str) -> Table:
    """Arrange long rows (item, seed, value, weight, status, `unit`, optionally pair) as a `Table`.

    Every replicate (pair and seed) holds every item once, and each item one cluster. Rows with
    status ok need a finite value and a positive weight; value and weight of others are not read.
    Raises ValueError with `name`, the items and the mend otherwise.
    """
    columns = ["item", "seed", "value", "weight", "status", unit]
    missing = [column for column in columns if column not in rows.columns]
    if missing:
        raise ValueError(f"{name} lacks the column {missing[0]!r}; it has {list(rows.columns)}")
    if len(rows) == 0:
        raise ValueError(f"{name} has no rows; check the split and the filter that chose them")
    if rows[unit].isna().any():
        raise ValueError(f"{name} has items without {unit!r}, the unit of resampling")
    item, items = _codes(rows["item"])
    seed, seeds = _codes(rows["seed"])
    pair, pairs = _codes(rows["pair"]) if "pair" in rows.columns else (np.zeros_like(seed), [0])
    keys, line = np.unique(pair * len(seeds) + seed, return_inverse=True)
    replicates = tuple((pairs[key // len(seeds)], seeds[key % len(seeds)]) for key in keys)
    names = tuple(str(label) for label in items)
    cell = line * len(names) + item
    _check_complete(cell, names, replicates, name)
    status = rows["status"].to_numpy(dtype=object)
    strange = sorted({str(word) for word in status} - set(STATUSES))
    if strange:
        raise ValueError(f"{name} has the status {strange[0]!r}; known are {', '.join(STATUSES)}")
    value = rows["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    weight = rows["weight"].to_numpy(dtype=np.float64, na_value=np.nan)
    ok = status == "ok"
    bad = np.flatnonzero(ok & ~(np.isfinite(value) & np.isfinite(weight) & (weight > 0.0)))
    if bad.size:
        raise ValueError(
            f"{name} has {bad.size} ok rows without a finite value and a positive weight (first: "
            f"{names[item[bad[0]]]}, value {value[bad[0]]}, weight {weight[bad[0]]}); "
            "the metric must mark them unscorable"
        )
    shape = (len(replicates), len(names))
    values, weights = np.zeros(shape), np.zeros(shape)
    values.flat[cell[ok]], weights.flat[cell[ok]] = value[ok], weight[ok]
    failed = tuple(names[number] for number in np.unique(item[status == "failed"]))
    clusters = _clusters(rows, unit, item, names, name)
    return Table(name, values, weights, names, clusters, replicates, failed)


def paired(table: Table, reference: Table) -> Table:
    """Differences, table minus reference, on the same items and the replicates that belong to them.

    The reference has the same replicates, or one per pair, or one for all (a base or an oracle
    beside several seeds). A cell unscorable on either side is unscored in the result. Items on one
    side only, other clusters, or other weights are a ValueError.
    """
    alone = sorted(set(table.items) ^ set(reference.items))
    if alone:
        raise ValueError(
            f"{len(alone)} items are in only one of {table.name} and {reference.name} (first: "
            f"{alone[0]}); a paired difference needs the same items"
        )
    if table.clusters != reference.clusters:
        raise ValueError(f"{table.name} and {reference.name} put items into different clusters")
    lines = matching(table, reference)
    values, weights = reference.values[lines], reference.weights[lines]
    both = (table.weights > 0.0) & (weights > 0.0)
    unequal = np.argwhere(both & ~np.isclose(table.weights, weights, rtol=1e-9, atol=0.0))
    if unequal.size:
        raise ValueError(
            f"the weights of {table.items[unequal[0][1]]} differ between {table.name} and "
            f"{reference.name}; both sides must be weighted alike to be subtracted"
        )
    return replace(
        table,
        name=f"{table.name} against {reference.name}",
        values=np.where(both, table.values - values, 0.0),
        weights=np.where(both, table.weights, 0.0),
        failed=tuple(sorted({*table.failed, *reference.failed})),
    )


def by_pair(table: Table) -> Table:
    """One line per pair, seeds averaged: with several pairs, the pair is the independent unit."""
    lines = [
        [number for number, key in enumerate(table.replicates) if key[0] == pair]
        for pair in table.pairs
    ]
    weights = np.stack([table.weights[chosen].sum(axis=0) for chosen in lines])
    totals = np.stack(
        [(table.weights[chosen] * table.values[chosen]).sum(axis=0) for chosen in lines]
    )
    values = np.divide(totals, weights, out=np.zeros_like(totals), where=weights > 0.0)
    replicates = tuple((pair, None) for pair in table.pairs)
    return replace(table, values=values, weights=weights, replicates=replicates)


def evened(table: Table) -> Table:
    """Weights under which every cluster counts the same, and in it every line that scored it.

    Weights of items keep their proportions within a line and cluster. So a country with fewer
    scored items is not worth less than another: countries are what could have been drawn
    otherwise.
    """
    number, member = membership(table)
    mass = table.weights @ member
    lines = (mass > 0.0).sum(axis=0)
    share = np.divide(1.0, mass * lines, out=np.zeros_like(mass), where=mass > 0.0)
    return replace(table, weights=table.weights * share[:, number])


def cluster_totals(table: Table) -> tuple[Floats, Floats, Integers]:
    """Totals and weights of shape (replicates, clusters), and each item's cluster number.

    Clusters without any score are left out; their items get -1.
    """
    number, member = membership(table)
    totals, weights = (table.weights * table.values) @ member, table.weights @ member
    held = weights.sum(axis=0) > 0.0
    place = np.where(held, np.cumsum(held) - 1, -1)
    return totals[:, held], weights[:, held], place[number]


def membership(table: Table) -> tuple[Integers, Floats]:
    """Each item's cluster number, and the (items, clusters) indicator of it."""
    labels = {label: number for number, label in enumerate(dict.fromkeys(table.clusters))}
    number = np.array([labels[label] for label in table.clusters], dtype=np.int64)
    member = (number[:, None] == np.arange(len(labels))[None, :]).astype(np.float64)
    return number, member


def matching(table: Table, reference: Table) -> list[int]:
    if len(reference.replicates) == 1 and len(table.pairs) == 1:
        if reference.pairs != table.pairs:
            raise ValueError(
                f"{table.name} is of pair {table.pairs[0]}, {reference.name} of pair "
                f"{reference.pairs[0]}; compare models of one pair"
            )
        return [0] * len(table.replicates)
    if set(reference.replicates) == set(table.replicates):
        return [reference.replicates.index(key) for key in table.replicates]
    pairs = [pair for pair, _ in reference.replicates]
    if len(set(pairs)) == len(pairs) and set(pairs) == set(table.pairs):
        return [pairs.index(pair) for pair, _ in table.replicates]
    raise ValueError(
        f"{reference.name} has the (pair, seed) replicates {list(reference.replicates)}, "
        f"{table.name} has {list(table.replicates)}; a reference needs the same, or one per pair"
    )


def _check_complete(
    cell: Integers, items: tuple[str, ...], replicates: tuple[Replicate, ...], name: str
) -> None:
    counts = np.bincount(cell, minlength=len(replicates) * len(items))
    for wrong, problem, mend in (
        (counts > 1, "more than once", "slice by condition and row first"),
        (counts == 0, "nowhere", "a row that could not be scored must be there as unscorable"),
    ):
        places = np.flatnonzero(wrong)
        if places.size:
            pair, seed = replicates[places[0] // len(items)]
            raise ValueError(
                f"{name} has {places.size} items {problem} in a seed (first: "
                f"{items[places[0] % len(items)]} in pair {pair}, seed {seed}); {mend}"
            )


def _clusters(
    rows: pd.DataFrame, unit: str, item: Integers, items: tuple[str, ...], name: str
) -> tuple[Label, ...]:
    code, labels = _codes(rows[unit])
    of_item = np.zeros(len(items), dtype=np.int64)
    of_item[item] = code
    torn = np.flatnonzero(of_item[item] != code)
    if torn.size:
        raise ValueError(f"{name} puts {items[item[torn[0]]]} into more than one {unit}")
    return tuple(labels[number] for number in of_item)


def _codes(column: pd.Series[Any]) -> tuple[Integers, list[Label]]:
    """Number of each entry in the sorted list of distinct ones, and that list; null is a label."""
    codes, labels = column.factorize(sort=True, use_na_sentinel=False)
    return np.asarray(codes, dtype=np.int64), [_label(label) for label in labels]


def _label(value: object) -> Label:
    if value is None or value != value:
        return None
    return int(value) if isinstance(value, (int, np.integer)) else str(value)
