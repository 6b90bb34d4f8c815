"""Values of all rows at once: arrays (rows, replicates, items), and their totals per cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from residue.stats.intervals import Floats

if TYPE_CHECKING:
    import pandas as pd

Replicate = tuple[int, int]


@dataclass(frozen=True)
class Cube:
    """One number per row, replicate and item; NaN where it could not be had."""

    values: Floats
    """(rows, replicates, items)."""
    rows: tuple[int, ...]
    items: tuple[str, ...]
    replicates: tuple[Replicate, ...]
    """(pair, seed), in order."""

    def take(self, items: pd.Index) -> Cube:
        """The named items in the given order; those that the cube lacks are NaN."""
        place = {item: number for number, item in enumerate(self.items)}
        chosen = np.array([place.get(item, -1) for item in items], dtype=np.int64)
        values = self.values[:, :, chosen]
        values[:, :, chosen < 0] = np.nan
        return replace(self, values=values, items=tuple(items))

    def minus(self, reference: Cube) -> Cube:
        """Differences on the same rows and items; a reference has one replicate per pair."""
        of_pair = {pair: number for number, (pair, _) in enumerate(reference.replicates)}
        missing = sorted({pair for pair, _ in self.replicates} - set(of_pair))
        if self.rows != reference.rows or missing:
            raise ValueError(
                f"rows {self.rows} and {reference.rows} must be the same, and the reference needs "
                f"every pair; it lacks {missing}"
            )
        lines = [of_pair[pair] for pair, _ in self.replicates]
        other = reference.take(_index(self.items)).values[:, lines]
        return replace(self, values=self.values - other)

    def by_pair(self) -> Cube:
        """One replicate per pair where there are several: then the pair is the independent unit."""
        pairs = tuple(dict.fromkeys(pair for pair, _ in self.replicates))
        if len(pairs) == 1:
            return self
        lines = [[n for n, (pair, _) in enumerate(self.replicates) if pair == p] for p in pairs]
        found = [np.isfinite(self.values[:, each]) for each in lines]
        sums = [np.nansum(self.values[:, each], axis=1) for each in lines]
        counts = [each.sum(axis=1) for each in found]
        means = [
            np.divide(s, n, out=np.full(s.shape, np.nan), where=n > 0)
            for s, n in zip(sums, counts, strict=True)
        ]
        return replace(
            self, values=np.stack(means, axis=1), replicates=tuple((p, 0) for p in pairs)
        )


def cube(table: pd.DataFrame, column: str) -> Cube:
    """A column of a table with pair, seed, row and item, one line for each of them."""
    wide = table.pivot(index=["pair", "seed"], columns=["row", "item"], values=column)
    rows = tuple(int(row) for row in np.unique(wide.columns.get_level_values("row")))
    items = wide.columns.get_level_values("item").unique()
    values = wide.to_numpy(dtype=np.float64, na_value=np.nan)
    shaped = np.full((len(rows), len(wide), len(items)), np.nan)
    r = np.searchsorted(rows, wide.columns.get_level_values("row"))
    shaped[r, :, items.get_indexer(wide.columns.get_level_values("item"))] = values.T
    replicates = tuple((int(pair), int(seed)) for pair, seed in wide.index)
    return Cube(shaped, rows, tuple(items), replicates)


def country_means(made: Cube, clusters: np.ndarray) -> tuple[Floats, Floats, int]:
    """Totals and weights (rows, replicates, clusters) under which all clusters count alike.

    clusters: (items,) labels. Items that lack a value in any row are left out of all rows, so that
    a curve is of the same items throughout. Returns the number of items used as well.
    """
    labels, number = np.unique(clusters, return_inverse=True)
    fine = np.isfinite(made.values).all(axis=0)
    member = (number[:, None] == np.arange(len(labels))).astype(np.float64)
    counts = fine @ member
    sums = np.where(fine, made.values, 0.0) @ member
    lines = (counts > 0).sum(axis=0)
    held = lines > 0
    share = np.where(counts > 0, 1.0 / np.maximum(lines, 1), 0.0)
    totals = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0) * share
    weights = np.broadcast_to(share, totals.shape)
    return totals[..., held], weights[..., held], int(fine.any(axis=0).sum())


def _index(items: tuple[str, ...]) -> pd.Index:
    import pandas as pd

    return pd.Index(items)
