"""What lenses read over the depth: one line per prompt and lens, one column per row.

A lens table has one line per (key, row). Summaries ask "at which row first …", so they see each
column as an array (keys, rows) of doubles, rows ascending, NaN where nothing was recorded. The
order of the table's lines is forgotten here, and a line that stands twice is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RUN = ("arm", "pair", "seed", "condition")
"""Columns that say what was asked."""
KEY = ("lens", *RUN, "item")
"""Columns that name a line of `Trajectories` made from lens tables."""


@dataclass(frozen=True)
class Trajectories:
    """Numeric columns over the depth; see the module's text."""

    keys: pd.DataFrame
    """(keys,) lines, sorted; the columns that name a trajectory."""
    rows: Ints
    """(rows,) row numbers, ascending; the largest is n, the input of the final norm."""
    columns: Mapping[str, Floats]
    """name → (keys, rows)."""

    @classmethod
    def of(
        cls, table: pd.DataFrame, columns: Iterable[str], key: Sequence[str] = KEY
    ) -> Trajectories:
        """Of the columns of a table that has them; ranks, flags and ids become doubles.

        table: has the columns `key` and `row`. Raises `ValueError` where a line stands twice.
        """
        names = list(key)
        doubled = table.duplicated([*names, "row"])
        if doubled.any():
            line = table[doubled][[*names, "row"]].iloc[0].to_dict()
            raise ValueError(f"the lens table has two lines for {line}; write each line once.")
        groups = table.groupby(names, sort=True, dropna=False)
        keys = groups.size().index.to_frame(index=False)
        rows, at = np.unique(table["row"].to_numpy(dtype=np.int64), return_inverse=True)
        which = groups.ngroup().to_numpy()
        arrays: dict[str, Floats] = {}
        for name in columns:
            if name in table:
                values = np.full((len(keys), rows.size), np.nan)
                values[which, at] = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
                arrays[name] = values
        return cls(keys, rows, arrays)

    def __getitem__(self, name: str) -> Floats:
        """(keys, rows) of a column; all NaN where the table did not have it."""
        if name in self.columns:
            return self.columns[name]
        return np.full((len(self.keys), self.rows.size), np.nan)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def last(self) -> int:
        """n: the number of the last row, which is the number of blocks."""
        return int(self.rows[-1])

    def where(self, chosen: NDArray[np.bool_]) -> Trajectories:
        """Some of the lines."""
        keys = self.keys[chosen].reset_index(drop=True)
        return Trajectories(
            keys, self.rows, {name: values[chosen] for name, values in self.columns.items()}
        )

    def like(self, other: Trajectories, key: Sequence[str]) -> Trajectories:
        """These lines in the order and rows of another's, matched on `key`; NaN where absent.

        Raises `ValueError` where more than one line of these has the same key.
        """
        here = pd.MultiIndex.from_frame(self.keys[list(key)])
        if not here.is_unique:
            raise ValueError(f"trajectories to match on {', '.join(key)} have a key twice.")
        place = here.get_indexer(pd.MultiIndex.from_frame(other.keys[list(key)]))
        column = pd.Index(self.rows).get_indexer(pd.Index(other.rows))
        arrays: dict[str, Floats] = {}
        for name, values in self.columns.items():
            padded = np.pad(values, ((0, 1), (0, 1)), constant_values=np.nan)
            arrays[name] = padded[place][:, column]
        return Trajectories(other.keys, other.rows, arrays)
