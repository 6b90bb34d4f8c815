"""Rows of clean items and of their attacked twins, for metrics that compare the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from residue.measure.lines import Line, as_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from residue.records.store import RowsFile


def directions(rows: RowsFile) -> dict[str, NDArray[np.float64]]:
    """Item → its last row at the prompt's end, the one that the head reads, at length 1.

    A row of zeros has no direction and is left out.
    """
    items, vectors = rows.read(rows.numbers[-1], "last")
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    return {
        item: vector / length
        for item, vector, length in zip(items, wide, lengths, strict=True)
        if length > 0
    }


def plain(items: pd.DataFrame) -> pd.DataFrame:
    """Clean items, without the controls that only look like attacks."""
    return items[(items["family"] == "none") & (items["style"] == "plain")]


def lines(names: Sequence[str], values: Mapping[str, float], missing: str) -> pd.DataFrame:
    """One line per item; `missing` says why an item without a value has none."""
    return as_table(
        [
            Line(name, values[name], 1.0)
            if name in values
            else Line(name, status="unscorable", reason=missing)
            for name in names
        ]
    )
