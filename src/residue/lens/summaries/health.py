"""Are the numbers numbers? Lines of a lens table that hold NaN or infinity.

A flagged row matters where it lies at or before a milestone that is read off the table; then the
milestone is to be taken with caution. After logos-in-layers (2025).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from residue.lens.summaries.trajectories import KEY

NEEDED = ("entropy", "p_top1", "p_answer", "answer_rank", "kl_to_final")
"""Columns that every line must have as finite numbers."""


def numeric_health(table: pd.DataFrame, needed: Sequence[str] = NEEDED) -> pd.DataFrame:
    """Per trajectory: `n_rows`, `n_flagged`, `first_flagged` (Int32, null where none)."""
    values = table[[name for name in needed if name in table]].to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    bad = ~np.isfinite(values).all(axis=1)
    lines = table[[*KEY]].assign(
        n_rows=1, n_flagged=bad.astype(np.int64), first_flagged=table["row"].where(bad)
    )
    grouped = lines.groupby(list(KEY), sort=True, dropna=False)
    result = grouped.agg(
        n_rows=("n_rows", "sum"),
        n_flagged=("n_flagged", "sum"),
        first_flagged=("first_flagged", "min"),
    )
    return result.astype({"first_flagged": "Int32"}).reset_index()
