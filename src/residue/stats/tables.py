"""From measurement rows to aligned arrays, with every row either used or counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from residue.stats.intervals import Floats, Integers

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("ok", "unscorable", "failed")


@dataclass(frozen=True)
class Table:
    """Values and weights of shape (replicates, items); weight 0 where a row was not scored."""

    values: Floats
    weights: Floats
    cluster: Integers
    replicates: tuple[tuple[str, str], ...]
    """(pair, seed) of each line, sorted."""
    n_clusters: int
    n_unscorable: int
    failed: tuple[str, ...]
    """Items with a failed row, each once."""

    @property
    def pairs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(pair for pair, _ in self.replicates))


def tabulate(rows: pd.DataFrame, unit: str, *, name: str) -> Table:
    """Arrange long rows (item, seed, value, weight, status, `unit`, optionally pair) as a `Table`.

    Every replicate must hold every item once; ok rows need a finite value and a weight that is not
    negative, other rows are not read. Raises ValueError naming `name` and what is wrong.
    """
    _check_columns(rows, unit, name)
    seeds = _sorted_labels(rows["seed"])
    pairs = _sorted_labels(rows["pair"]) if "pair" in rows else np.zeros(len(rows), dtype=object)
    keys = sorted(set(zip(pairs, seeds, strict=True)), key=lambda key: (str(type(key)), *key))
    line = np.array([keys.index(key) for key in zip(pairs, seeds, strict=True)])
    raise NotImplementedError
